"""The command line as a person runs it, and what it said."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Output:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def envelope(self) -> dict[str, Any]:
        """The one JSON object that stdout holds."""
        lines = self.out.splitlines()
        assert len(lines) == 1, f"stdout must be one line of JSON:\n{self.out[:2000]}\nstderr:\n{self.err[-2000:]}"
        found = json.loads(lines[0])
        assert isinstance(found, dict)
        return found

    @property
    def data(self) -> Any:
        """The data of a command that ended well."""
        envelope = self.envelope
        assert self.code == 0, (self.code, envelope, self.err[-2000:])
        return envelope["data"]

    def refused(self, code: int, *words: str) -> str:
        """Check that the command ended in ``code`` with one clear line on stderr that holds ``words``; return it."""
        assert self.code == code, (self.code, self.out[-1000:], self.err[-3000:])
        assert self.err.endswith("\n"), self.err[-3000:]
        assert self.err.count("\n") == 1, f"not one line on stderr:\n{self.err[-3000:]}"
        line = self.err.rstrip("\n")
        assert line.startswith("error: "), line
        assert len(line) < 300, (len(line), line)
        assert "Internal error" not in line, line
        assert line.isprintable(), line
        for word in words:
            assert word in line, line
        return line


Idl = Callable[..., Output]


def clean_environment(home: Path) -> dict[str, str]:
    """The environment of a person who has set nothing."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}


def run_idl(
    *args: str, home: Path, cwd: Path, env: dict[str, str] | None = None, stdin: bytes | str | None = None
) -> Output:
    """Run the console script of this interpreter to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "idlcli", *args],
        cwd=cwd,
        env={**clean_environment(home), **(env or {})},
        input=stdin.encode() if isinstance(stdin, str) else stdin or b"",
        capture_output=True,
        timeout=900,
        check=False,
    )
    return Output(done.returncode, *(text.decode(errors="surrogateescape") for text in (done.stdout, done.stderr)))
