"""Work on all cores of this machine, its results in order."""

import collections
import concurrent.futures
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Result = TypeVar("Result")


TOGETHER = 4
"""Arguments that a thread is handed at once. One by one costs an eighth of a data build; many would be much to hold."""


def on_all_cores(work: Callable[..., Result], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Result]:
    """Yield what ``work`` returns for each of the arguments, in their order and a few ahead.

    In threads: what takes longest, decoders and resizing, runs outside of Python's lock.
    """

    def several(some: list[tuple[Any, ...]]) -> list[Result]:
        return [work(*one) for one in some]

    cores, remaining = os.cpu_count() or 1, iter(arguments)
    with concurrent.futures.ThreadPoolExecutor(cores) as pool:
        ahead: collections.deque[concurrent.futures.Future[list[Result]]] = collections.deque()
        try:
            while some := list(itertools.islice(remaining, TOGETHER)):
                ahead.append(pool.submit(several, some))
                if len(ahead) > 2 * cores:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
