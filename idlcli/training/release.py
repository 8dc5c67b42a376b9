"""What the frames of an exception hold is let go while Python runs.

Where a `fit` is left by an exception, TensorFlow's iterator over the batches is among that, with a thread that calls
Python for the next ones. If it were alive still when the interpreter ends, one would wait for the other for ever.
"""

import contextlib
import gc
import traceback
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def frames_released() -> Iterator[None]:
    """Where the block is left by an exception, drop what its frames hold before it goes on."""
    try:
        yield
    except BaseException as error:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            _clear(frame)
        gc.collect()
        raise


def _clear(frame: FrameType | None) -> None:
    """Clear a frame that has ended, and those of its callers that have: it keeps them, in the traceback or not."""
    while frame is not None:
        try:
            frame.clear()
        except RuntimeError:
            return
        frame = frame.f_back
