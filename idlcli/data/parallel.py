"""Work on all cores of this machine, its results in order."""

import collections
import concurrent.futures
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Result = TypeVar("Result")


def on_all_cores(work: Callable[..., Result], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Result]:
    """Yield what ``work`` returns for each of the arguments, in their order and a few ahead.

    In threads: what takes longest, decoders and resizing, runs outside of Python's lock.
    """
    cores = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(cores) as pool:
        ahead: collections.deque[concurrent.futures.Future[Result]] = collections.deque()
        try:
            for one in arguments:
                ahead.append(pool.submit(work, *one))
                if len(ahead) > 8 * cores:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
