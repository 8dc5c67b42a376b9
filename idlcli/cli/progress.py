"""The progress of a training on stderr: a live line on a terminal, a line an epoch elsewhere."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from idlcli.cli.console import Console, is_live
from idlcli.training.reporter import Reporter, Silent

HIDDEN = ("seconds", "lr")


def reporter(console: Console) -> Reporter:
    """Return the reporter that fits where stderr goes."""
    if console.quiet:
        return QuietReporter(console)
    return LiveReporter() if is_live() else LineReporter()


class QuietReporter(Silent):
    """Warnings alone."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def warn(self, text: str) -> None:
        """Say the warning."""
        self._console.warn(text)


class LineReporter:
    """One line an epoch."""

    def start(self, *, epochs: int, done: int, steps: int, examples: int, unit: str) -> None:
        """Remember the length of the training; say so when it is being resumed."""
        self._epochs, self._examples, self._unit = epochs, examples, unit
        if done:
            self._say(f"resumed after epoch {done} of {epochs}")

    def step(self, *, epoch: int, step: int, loss: float) -> None:
        """Say nothing: a log is not a screen."""

    def epoch(self, *, epoch: int, row: Mapping[str, float]) -> None:
        """Say the epoch's metrics and speed."""
        self._say(self._line(epoch, row))

    def warn(self, text: str) -> None:
        """Say the warning."""
        self._say(f"warning: {text}")

    def finish(self) -> None:
        """Say nothing more."""

    def _line(self, epoch: int, row: Mapping[str, float]) -> str:
        speed = self._examples / max(row["seconds"], 1e-9)
        metrics = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name not in HIDDEN)
        return f"epoch {epoch}/{self._epochs}  {metrics}  {speed:,.0f} {self._unit}/s  {row['seconds']:.1f}s"

    def _say(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


class LiveReporter(LineReporter):
    """A bar with the epoch, the loss, the speed and the time left, drawn over itself; an epoch's line above it."""

    _bar: Any = None

    def start(self, *, epochs: int, done: int, steps: int, examples: int, unit: str) -> None:
        """Draw the bar."""
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._steps = steps
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[said]}"),
            TimeRemainingColumn(),
            console=RichConsole(stderr=True, highlight=False),
            transient=True,
        )
        self._task: Any = self._bar.add_task(
            f"epoch {done + 1}/{epochs}", total=epochs * steps, completed=done * steps, said=""
        )
        self._since = time.perf_counter(), done * steps
        self._bar.start()
        super().start(epochs=epochs, done=done, steps=steps, examples=examples, unit=unit)

    def step(self, *, epoch: int, step: int, loss: float) -> None:
        """Move the bar."""
        completed = (epoch - 1) * self._steps + step
        started, before = self._since
        speed = (completed - before) * self._examples / self._steps / max(time.perf_counter() - started, 1e-9)
        said = f"loss {loss:.4g}  {speed:,.0f} {self._unit}/s"
        self._bar.update(self._task, completed=completed, said=said, description=f"epoch {epoch}/{self._epochs}")

    def epoch(self, *, epoch: int, row: Mapping[str, float]) -> None:
        """Put the epoch's line above the bar."""
        self._bar.console.print(self._line(epoch, row), markup=False)
        self._bar.update(self._task, completed=epoch * self._steps)

    def finish(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def _say(self, text: str) -> None:
        if self._bar is None:  # before any training has begun
            super()._say(text)
        else:
            self._bar.console.print(text, markup=False)
