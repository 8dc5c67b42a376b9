"""SIGINT and SIGTERM, handed to whoever can end well."""

import signal
import threading
from collections.abc import Callable
from typing import Any


class Signals:
    """SIGINT and SIGTERM go to a handler while the block runs (in the main thread only; elsewhere nothing changes)."""

    def __init__(self, handler: Callable[[int, Any], None]) -> None:
        self._handler = handler
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> None:
        """Put the handler in place."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handler)

    def __exit__(self, *_: object) -> None:
        """Put back what was there."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
