"""Every failure a person can cause or meet, with the exit code it ends in.

Library code raises these; only ``idlcli.cli`` turns them into a message and an exit status.
"""


class IdlError(Exception):
    """A failure with one clear line for a person: what and where; ``hint`` says how to mend it.

    ``data`` is what was found all the same, for whoever reads results and not messages.
    """

    exit_code = 1
    code = "failed"

    def __init__(self, message: str, *, hint: str = "", data: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.data = data


class RunFailed(IdlError):
    """A run could not go on: the disk is full, a library is missing, another process holds the run."""


class UsageError(IdlError):
    """The command or its settings are wrong; nothing was started."""

    exit_code = 2
    code = "usage"


class DataError(IdlError):
    """A file or a directory is missing, broken, or not what it must be."""

    exit_code = 3
    code = "data"


class WrongKind(DataError):
    """A run is none of the kinds that are asked for."""


class Diverged(IdlError):
    """A metric became NaN or infinite; the last good checkpoint is kept."""

    exit_code = 4
    code = "diverged"


class ThresholdMissed(IdlError):
    """A result is on the wrong side of ``--fail-above`` or ``--fail-below``. ``data`` is that result."""

    exit_code = 5
    code = "threshold"


class Unfit(IdlError):
    """The installation cannot do what is needed. ``data`` is what was found."""


class Interrupted(BaseException):
    """A signal ended the command; a training has saved its last whole epoch.

    No ``Exception``: it may come at any line, and what takes that line's failure for bad data must let it through.
    """

    code = "interrupted"

    def __init__(self, message: str, *, signal_number: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = 128 + signal_number


def said(error: BaseException) -> str:
    """Return what another's exception says, or its kind if it says nothing, as a part of one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in text)[:120].rstrip(".")
