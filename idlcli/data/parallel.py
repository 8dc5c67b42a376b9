"""Work on all cores of this machine, its results in order."""

import collections
import concurrent.futures
import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from idlcli.errors import RunFailed

Result = TypeVar("Result")
Work = Callable[..., Result]
Batch = list[tuple[Any, ...]]

TOGETHER = 16
"""Arguments that are handed over at once: one by one, that costs as much as a small picture."""
WORTH = 0.5
"""Seconds that this process would need for what is left, from which helpers are started; one is ready after 0.3."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_all_cores(work: Work[Result], arguments: Iterable[tuple[Any, ...]], *, total: int) -> Iterator[Result]:
    """Yield what ``work`` returns for each of the arguments, ``total`` at most, in their order and a few ahead.

    Half of what a small picture takes is Python's, which threads do in turns. So other processes help this one where
    enough is left to do: ``work`` is a function of a module, and what it takes and returns can be pickled. Raises
    :class:`RunFailed` if one of them is killed.
    """
    remaining = iter(arguments)
    batches = iter(lambda: list(itertools.islice(remaining, TOGETHER)), [])
    started, done = time.perf_counter(), 0
    for batch in batches:
        yield from _several(work, batch)
        done += len(batch)
        if cores() > 1 and (total - done) * (time.perf_counter() - started) / done > WORTH:
            break
    else:
        return
    ahead: collections.deque[concurrent.futures.Future[list[Result]]] = collections.deque()
    with contextlib.ExitStack() as stack:
        helpers: list[_Helper] = []
        with contextlib.suppress(OSError):  # as many as the machine lets start
            while len(helpers) < cores() - 1:
                helpers.append(stack.enter_context(contextlib.closing(_Helper())))
        for batch in batches:
            helper = next((helper for helper in helpers if helper.is_free()), None)
            ahead.append(helper.ask(work, batch) if helper else _answered(_several(work, batch)))
            while ahead and (ahead[0].done() or len(ahead) > 4 * cores()):
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()


class _Helper:
    """Another process that works for this one, and a thread that talks to it.

    It ends when this one does, whatever ends it. Signals from the keyboard do not reach it, so it says nothing of them.
    """

    def __init__(self) -> None:
        from multiprocessing.connection import Pipe

        self._pipe, theirs = Pipe()
        program = (
            "import os, sys; os.putenv('OPENBLAS_NUM_THREADS', '1'); "  # numpy's threads would take the others' cores
            f"sys.path[:] = {sys.path!r}; from {__name__} import help_out; help_out({theirs.fileno()})"
        )
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", program], pass_fds=[theirs.fileno()], start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._ready: concurrent.futures.Future[Any] = self._thread.submit(self._ask, None, [])
        self._asked: collections.deque[concurrent.futures.Future[Any]] = collections.deque()

    def is_free(self) -> bool:
        """Whether it runs, and has less than two batches before it."""
        while self._asked and self._asked[0].done():
            self._asked.popleft()
        return len(self._asked) < 2 and self._ready.done() and self._ready.exception() is None

    def ask(self, work: Work[Result], batch: Batch) -> concurrent.futures.Future[list[Result]]:
        """Return what ``work`` will have made of a batch."""
        self._asked.append(self._thread.submit(self._ask, work, batch))
        return self._asked[-1]

    def _ask(self, work: Work[Result] | None, batch: Batch) -> list[Result]:
        try:
            self._pipe.send((work, batch))
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise RunFailed(
                "A process that shared the work was killed, or ran out of memory.", hint="Run it again."
            ) from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._thread.shutdown(cancel_futures=True)
        self._pipe.close()
        self._process.wait()


def help_out(pipe: int) -> None:
    """Do what the process at the other end of a pipe asks for until it ends."""
    from multiprocessing.connection import Connection

    with contextlib.suppress(EOFError, OSError), Connection(pipe) as other:
        while True:
            work, batch = other.recv()
            try:
                answer: Any = _several(work, batch)
            except Exception as error:
                answer = error
            other.send(answer)


def _several(work: Work[Result], batch: Batch) -> list[Result]:
    return [work(*one) for one in batch]


def _answered(answer: list[Result]) -> concurrent.futures.Future[list[Result]]:
    future: concurrent.futures.Future[list[Result]] = concurrent.futures.Future()
    future.set_result(answer)
    return future
