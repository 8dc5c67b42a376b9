"""`idl` in a process of its own that is stopped while it trains; run as a program, it is that process.

All is the command as it is, but that every epoch is saved, so that each stop goes on from another checkpoint. SLOWLY is
a pause in seconds after each epoch, so that there is time to stop in; TEAR the checkpoint in whose midst the process
kills itself, which leaves half a file.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

VARIES = {".lock"}
"""What the lock leaves."""


class Training:
    """A training that can be stopped."""

    def __init__(self, *words: str, cwd: Path, environment: dict[str, str], slowly: float = 0.0, tear: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, *words],
            cwd=cwd, env=environment | {"SLOWLY": str(slowly), "TEAR": str(tear)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def wait_for_epoch(self, run: Path, epoch: int) -> None:
        """Return when the epoch's line is in the log."""
        until = time.monotonic() + 300
        while time.monotonic() < until and self.process.poll() is None:
            if (run / "log.jsonl").exists() and (run / "log.jsonl").read_text().count("\n") >= epoch:
                return
            time.sleep(0.005)
        self.process.kill()
        out, err = self.process.communicate()
        raise AssertionError(f"epoch {epoch} was not reached:\n{out.decode()}\n{err.decode()[-3000:]}")

    def stop(self, number: int) -> tuple[int, str, str]:
        """Send a signal; return the exit status (negative: killed by it), stdout and stderr."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> tuple[int, str, str]:
        """Return the exit status, stdout and stderr."""
        out, err = self.process.communicate(timeout=900)
        return self.process.returncode, out.decode(), err.decode()


def files_of(run: Path) -> dict[str, object]:
    """The files of a run by name: their bytes, but of the log and the config what may not differ."""
    found: dict[str, object] = {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in VARIES
    }
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    config = json.loads((run / "config.json").read_text())
    found["log.jsonl"] = [{name: value for name, value in row.items() if name != "seconds"} for row in log]
    found["config.json"] = {name: value for name, value in config.items() if name != "created"}
    return found


def assert_same_files(ours: Path, theirs: Path) -> None:
    """Check that two runs hold the same, byte for byte."""
    mine, other = files_of(ours), files_of(theirs)
    assert sorted(mine) == sorted(other)
    for name, content in mine.items():
        assert content == other[name], name


def _be_stoppable() -> None:
    from idlcli import files
    from idlcli.training import engine

    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    engine.start(backend)
    from idlcli.training import fit

    append, write, written = fit.append_line, fit.write_bytes, []
    fit.SAVE_SECONDS = 0.0

    def slowly(*arguments: object) -> None:
        append(*arguments)
        time.sleep(float(os.environ["SLOWLY"]))

    def torn(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) == int(os.environ["TEAR"]):
            with files.atomic_writer(path) as file:
                file.write(content[: len(content) // 2])
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        write(path, content)

    fit.append_line, fit.write_bytes = slowly, torn


if __name__ == "__main__":
    _be_stoppable()
    from idlcli.cli.app import main

    sys.exit(main(sys.argv[1:]))
