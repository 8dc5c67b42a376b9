"""The cells of a sweep as tasks of a Ray cluster. A task whose machine is lost is started again on another one."""

import contextlib
import importlib.util
import socket
import sys
from collections.abc import Callable, Generator, Mapping
from typing import Any

from idlcli.errors import RunFailed, said
from idlcli.workflows.cells import Job, Outcome, run_cell

LOST_MACHINES = 5
"""How often a cell is started again because the machine that it was on was lost."""
START = "Start one: ray start --head."
SAVE_SECONDS = 60.0
"""How long a cell that is told to end may take to save."""


def check() -> None:
    """Raise :class:`RunFailed` if Ray is not installed; costs no import."""
    if importlib.util.find_spec("ray") is None:
        raise RunFailed("Ray is not installed.", hint="pip install 'idlcli[ray]'")


def on_ray(
    todo: list[Job], *, address: str, jobs: int, gpus: float, say: Callable[[str], None]
) -> Generator[tuple[Job, Outcome], None, None]:
    """Yield how each job ended on the cluster at ``address``; at most ``jobs`` at a time (0: no limit of ours).

    A job takes one CPU and ``gpus`` GPUs of the cluster; if it has none, ``say`` is told. When this is left early, the
    tasks save and end.
    """
    _reach(address)
    import ray

    with contextlib.redirect_stdout(sys.stderr):  # Ray tells of lost machines on stdout, which is for results
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", configure_logging=False)
        except Exception as error:  # a wrong address ends in one of several kinds
            raise RunFailed(
                f"No Ray cluster at {address}: {said(error)}.", hint="Start one: ray start --head."
            ) from error
        if missing := _missing(ray.cluster_resources(), gpus):
            say(missing)
        task = ray.remote(run_cell).options(num_cpus=1, num_gpus=gpus, max_retries=LOST_MACHINES)
        waiting, running = list(reversed(todo)), dict[Any, Job]()
        try:
            while waiting or running:
                while waiting and (not jobs or len(running) < jobs):
                    job = waiting.pop()
                    running[task.remote(job)] = job
                ready, _ = ray.wait(list(running), timeout=1.0)
                for reference in ready:
                    yield running.pop(reference), _result(ray, reference)
        finally:
            for reference in running:
                ray.cancel(reference)
            if running:
                ray.wait(list(running), num_returns=len(running), timeout=SAVE_SECONDS)
            ray.shutdown()


def _reach(address: str) -> None:
    """Raise :class:`RunFailed` if nobody is at ADDR:PORT: Ray itself would look for minutes."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or "//" in host:
        return  # `auto`, or an address of another kind
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise RunFailed(f"No Ray cluster at {address}: {said(error)}.", hint=START) from error


def _missing(resources: Mapping[str, float], gpus: float) -> str:
    """Return what a cluster has not got for a single training, or nothing: until it has, Ray waits in silence."""
    cpu, gpu = resources.get("CPU", 0.0), resources.get("GPU", 0.0)
    if cpu >= 1 and gpu >= gpus:
        return ""
    return f"A training takes 1 CPU and {gpus:g} GPUs, the Ray cluster has {cpu:g} and {gpu:g}: waiting for machines."


def _result(ray: Any, reference: Any) -> Outcome:
    """Return how a job ended; what cannot run on the machine that it came to has failed, and may run on another."""
    try:
        found: Outcome = ray.get(reference)
        return found
    except ray.exceptions.RayTaskError as error:
        return Outcome("failed", error=said(error.cause))
    except ray.exceptions.RayError as error:
        return Outcome("failed", error=said(error))
