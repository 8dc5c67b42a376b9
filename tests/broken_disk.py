"""Disks that refuse: one that is full at its n-th write, and real file systems that are tiny or read-only."""

import errno
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest


class Disk:
    """A disk that refuses its ``fatal``-th call of a function of ``os``: ``fsync``, ``replace``, ``mkdir`` ..."""

    def __init__(self, patch: pytest.MonkeyPatch, call: str, fatal: int) -> None:
        self.count, self.fatal, self.original = 0, fatal, getattr(os, call)
        patch.setattr(os, call, self)

    def __call__(self, *args: Any, **named: Any) -> Any:
        if isinstance(args[0], int) and os.path.isdir(f"/proc/self/fd/{args[0]}"):
            return self.original(*args, **named)  # a directory's own sync is best effort
        self.count += 1
        if self.count == self.fatal:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.original(*args, **named)


def can_mount() -> bool:
    """Whether this machine lets its user mount a file system that nobody else sees."""
    words = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return (
        shutil.which("unshare") is not None and subprocess.run(words, capture_output=True, check=False).returncode == 0
    )


def apart(script: str, *words: str, cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a shell script where it may mount what it likes; ``$@`` are the words."""
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-euc", script, "sh", *words],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


def as_anybody() -> list[str]:
    """Words before a command that take from root the right to pass over permissions; nobody else has it."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root passes over permissions, and there is no setpriv to keep it from that")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
