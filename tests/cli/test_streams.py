"""Results on stdout, all else on stderr, and no escape codes where nobody can read them."""

import os
import pty
import re
import select
import subprocess
import sys

import pytest

from idlcli.training.reporter import Reporter

ESCAPE = re.compile(r"\x1b")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")

REPORT = """
from idlcli.cli.console import Console
from idlcli.cli.progress import reporter
told = reporter(Console("x", quiet={quiet}))
told.start(epochs=2, done=0, steps=3, examples=30, unit="queries")
for epoch in (1, 2):
    for step in (1, 2, 3):
        told.step(epoch=epoch, step=step, loss=1.0)
    told.epoch(epoch=epoch, row={{"loss": 0.5, "lr": 0.1, "seconds": 2.0}})
told.finish()
"""


def on_a_terminal(code: str, environment: dict[str, str]) -> tuple[str, str]:
    """Run Python code whose stderr is a terminal; return its stdout and what the terminal got."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not read:
            break
        shown += read
    os.close(terminal)
    assert process.stdout is not None
    out = process.stdout.read().decode()
    process.stdout.close()
    assert process.wait(60) == 0
    return out, shown.decode()


@pytest.fixture
def environment(environment):
    return environment | {"COLUMNS": "100"}


def test_on_a_terminal_a_bar_is_drawn_over_itself_on_stderr(environment):
    out, shown = on_a_terminal(REPORT.format(quiet=False), environment | {"TERM": "xterm-256color"})
    assert out == ""
    assert ESCAPE.search(shown)
    assert "epoch 2/2" in shown


def test_on_a_dumb_terminal_there_is_a_line_an_epoch_and_no_escape(environment):
    for term in ("dumb", ""):
        out, shown = on_a_terminal(REPORT.format(quiet=False), environment | {"TERM": term})
        assert out == ""
        assert not ESCAPE.search(shown)
        assert [line.split("  ")[0] for line in shown.splitlines()] == ["epoch 1/2", "epoch 2/2"]


def test_no_color_on_a_terminal_gives_no_colours(environment):
    _, shown = on_a_terminal(
        REPORT.format(quiet=False), environment | {"TERM": "xterm-256color", "NO_COLOR": "1", "COLORTERM": "truecolor"}
    )
    assert "epoch 2/2" in shown
    assert [code for code in COLOUR.findall(shown) if code not in ("\x1b[0m", "\x1b[m")] == []


def test_quiet_says_nothing_on_a_terminal(environment):
    assert on_a_terminal(REPORT.format(quiet=True), environment | {"TERM": "xterm"}) == ("", "")


def test_a_pipe_gets_a_line_an_epoch_even_where_colour_is_forced(environment):
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(quiet=False)],
        env=environment | {"TERM": "xterm-256color", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b""
    assert done.stderr.decode().splitlines() == [
        "epoch 1/2  loss 0.5  15 queries/s  2.0s",
        "epoch 2/2  loss 0.5  15 queries/s  2.0s",
    ]


@pytest.mark.parametrize("forced", ["FORCE_COLOR", "CLICOLOR_FORCE", "GITHUB_ACTIONS", "PY_COLORS"])
def test_forced_colour_puts_no_escape_into_help_errors_or_results(forced, idl):
    environment = {forced: "1", "TERM": "xterm-256color"}
    for words in (
        ("--help",),
        ("seq2seq", "train", "--help"),
        ("recipes", "list"),
        ("seq2seq", "train", "--epoch", "3"),
    ):
        done = idl(*words, env=environment)
        assert not ESCAPE.search(done.out + done.err), words


def test_a_reporter_has_every_method_that_a_training_calls():
    from idlcli.cli.progress import LineReporter, LiveReporter
    from idlcli.training.reporter import Silent

    wanted = [name for name in vars(Reporter) if not name.startswith("_")]
    assert sorted(wanted) == ["epoch", "finish", "start", "step", "warn"]
    for kind in (LineReporter, LiveReporter, Silent):
        assert all(callable(getattr(kind, name)) for name in wanted)


def test_a_warning_is_said_wherever_stderr_goes_and_however_quiet(environment):
    code = REPORT.replace("told.finish()", 'told.warn("samples are alike")\ntold.finish()')
    for quiet in (False, True):
        _, shown = on_a_terminal(code.format(quiet=quiet), environment | {"TERM": "xterm-256color"})
        assert shown.count("warning: samples are alike") == 1
        piped = subprocess.run(
            [sys.executable, "-c", code.format(quiet=quiet)], capture_output=True, text=True, env=environment
        )
        assert piped.stderr.count("warning: samples are alike\n") == 1
        assert piped.stdout == ""


def test_a_warning_before_the_training_begins_is_said_too(capsys):
    from idlcli.cli.progress import LiveReporter

    LiveReporter().warn("another process is at it")
    assert capsys.readouterr().err == "warning: another process is at it\n"


def test_verbose_says_which_settings_are_no_defaults_and_the_time(here):
    words = ("data", "build", "arithmetic", "--max", "1")
    assert here(*words).err == ""
    done = here(*words, "--overwrite", "--verbose", "--json", env={"IDL_SEED": "3"})
    assert done.data["count"] == 8
    lines = [line.split() for line in done.err.splitlines()]
    assert lines[:1] + sorted(lines[1:-1]) == [
        ["setting", "value", "from"], ["max", "1", "flag"], ["overwrite", "True", "flag"], ["seed", "3", "IDL_SEED"],
    ]  # fmt: skip
    assert done.err.splitlines()[-1].startswith("`idl data build arithmetic` took ")
    assert here("runs", "list", "--verbose").err.startswith("`idl runs list` took ")
    assert here("runs", "list", "--verbose", "--quiet").err == ""


def test_a_reader_that_goes_away_is_no_traceback(environment):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "idlcli", "recipes", "show", "seq2seq-text-text-paper"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment,
        check=False,
    )
    os.close(writer)
    assert done.returncode != 0
    assert done.stderr == b""


def test_a_full_disk_under_stdout_is_one_line_and_exit_1(environment):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "idlcli", "recipes", "list", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1
    assert "No space left" in done.stderr.decode()


def test_version_is_the_package_s_on_stdout(idl):
    import idlcli

    done = idl("--version")
    assert (done.code, done.out, done.err) == (0, f"idl {idlcli.__version__}\n", "")


def test_a_group_alone_shows_its_help_on_stderr_and_is_exit_2(here):
    for words in ((), ("data",), ("data", "build"), ("seq2seq",), ("runs",), ("recipes",)):
        done = here(*words)
        assert (done.code, done.out) == (2, "")
        assert "Usage: idl" in done.err


def test_quiet_training_says_nothing_but_its_result(idl, arithmetic_data):
    """And without --quiet, a line an epoch goes to stderr, the result to stdout."""
    words = ("seq2seq", "train", "--data", arithmetic_data, "--epochs", "2", "--units", "2", "--jit", "off")
    quiet = idl(*words, "--quiet")
    assert quiet.code == 0
    assert quiet.err == ""
    assert "answers right" in quiet.out
    assert "epoch 1/2" not in quiet.out


def test_a_piped_training_says_a_line_an_epoch_on_stderr_and_no_noise(finished_run, shared):
    """The session's own training: what its command wrote to stderr was kept."""
    said = (shared / "run" / "stderr.txt").read_text()
    assert [line.split("  ")[0] for line in said.splitlines()] == [f"epoch {n}/4" for n in (1, 2, 3, 4)]
    assert not ESCAPE.search(said)
    assert "\r" not in said
    assert "queries/s" in said
