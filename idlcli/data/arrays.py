"""An .npy that a stranger wrote, as an array that is read only where it is looked at. No pickle, no allocation."""

from pathlib import Path
from typing import Any

import numpy as np

from idlcli.errors import DataError, said


def open_array(path: Path, *, hint: str = "") -> np.memmap[Any, np.dtype[Any]]:
    """Return the array in an .npy, memory-mapped and read-only, or raise :class:`DataError` that says what is wrong."""
    try:
        if not path.is_file():  # a pipe would be waited for
            raise DataError(f"There is no file {path}.", hint=hint)
        return np.lib.format.open_memmap(path, mode="r")
    except DataError:
        raise
    except Exception as error:  # a hostile header may fail anywhere in its parser
        reason = getattr(error, "strerror", None) or said(error)
        raise DataError(f"{path} is not a whole .npy of numbers: {reason}.", hint=hint) from error
