"""Choose the engine that Keras runs on. Must be called before Keras is first imported."""

import contextlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from idlcli.data.parallel import cores as cores
from idlcli.errors import RunFailed, UsageError


def start(backend: str, *, deterministic: bool = False) -> None:
    """Make Keras run on ``backend`` (tensorflow, jax or torch) whatever this machine's Keras settings say.

    Keras's own settings file can turn floats to float16 and channels around; it is neither read nor written.
    Raises :class:`RunFailed` if the engine is not installed, :class:`UsageError` if another one already runs.
    """
    already = running()
    if already is not None:
        if already != backend:
            raise UsageError(f"Keras already runs on {already} in this process; it cannot change to {backend}.")
        return
    check(backend)
    os.environ["KERAS_BACKEND"] = backend
    os.environ["KERAS_HOME"] = os.path.join(os.devnull, "keras")  # cannot exist: nothing to obey, nowhere to write
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"  # off by default without AVX-512, where it is a third faster too
    if deterministic and backend == "jax":  # of XLA, which reads it when JAX first computes; what is there stays
        os.environ["XLA_FLAGS"] = f"{os.environ.setdefault('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true"
    with native_noise_held():
        import keras

        if backend == "tensorflow":
            import tensorflow

            tensorflow.get_logger().setLevel("ERROR")  # it warns of each shape that is compiled after the first few
            tensorflow.config.list_physical_devices()  # the search for a GPU is what prints; here, not later
    keras.config.set_floatx("float32")
    if deterministic and backend == "tensorflow":
        tensorflow.config.experimental.enable_op_determinism()
    elif deterministic and backend == "torch":
        import torch

        torch.use_deterministic_algorithms(True)


def seed(value: int) -> None:
    """Make Keras draw from ``value`` on; on every engine it seeds TensorFlow too, whose loading has things to say."""
    import keras

    with native_noise_held():
        keras.utils.set_random_seed(value)


def running() -> str | None:
    """Return the engine that Keras runs on in this process, or None where Keras is not loaded."""
    if "keras" not in sys.modules:
        return None
    import keras

    return str(keras.backend.backend())


def check(backend: str) -> None:
    """Raise :class:`RunFailed` if an engine is not installed; costs no import."""
    if importlib.util.find_spec(backend) is None:
        package = {"tensorflow": "tensorflow", "jax": "idlcli[jax]", "torch": "idlcli[torch]"}[backend]
        raise RunFailed(f"The engine {backend} is not installed.", hint=f"pip install '{package}'")


@contextlib.contextmanager
def native_noise_held() -> Iterator[None]:
    """Keep what C++ code writes from stdout and the screen while the engine loads; show it if loading fails."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {stream: os.dup(stream) for stream in (1, 2)}
    with _temporary_file() as held:
        try:
            for stream in kept:
                os.dup2(held.fileno(), stream)
            yield
        except BaseException:
            os.dup2(kept[2], 2)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            for stream, copy in kept.items():
                os.dup2(copy, stream)
                os.close(copy)


def _temporary_file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        reason = error.strerror or error
        raise RunFailed(f"No temporary file can be made: {reason}.", hint="Set TMPDIR to a place to write.") from error


def devices() -> list[str]:
    """Return the devices that the running engine computes on, e.g. ``['cpu:0']``."""
    import keras

    if keras.backend.backend() != "torch":
        return [str(device) for device in keras.distribution.list_devices()]
    import torch  # there, Keras does not say

    return [f"cuda:{index}" for index in range(torch.cuda.device_count())] or ["cpu:0"]


def versions() -> dict[str, str]:
    """Return the versions of the engine and of what else the numbers depend on."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in ("idlcli", "keras", "tensorflow", "jax", "torch", "numpy", "scipy", "scikit-learn", "pillow"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def environment(backend: str) -> dict[str, object]:
    """Return what ``environment.json`` holds: versions, engine, machine, processor, cores."""
    import platform

    return {
        "backend": backend,
        "versions": versions(),
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": processor(),  # the last bits of a convolution depend on it, and on the next
        "cores": cores(),
    }


def processor() -> str:
    """Return the processor's name, or its architecture where the system does not tell.

    With its family and model, where they are told: generations that round differently may share a name.
    """
    import platform

    found = Path("/proc/cpuinfo")
    lines = found.read_text(errors="replace").splitlines() if found.exists() else []
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    name = told.get("model name") or platform.processor() or platform.machine()
    return f"{name} (family {told['cpu family']}, model {told['model']})" if "cpu family" in told else name
