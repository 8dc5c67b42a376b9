"""A settings file may hold anything: what is not settings is exit 2 with one line that names the file or the key."""

import os

import pytest

TRAIN = ("seq2seq", "train", "--dry-run")

BAD_KEYS = {
    "unknown key": ("learning-rte = 0.1\n", "learning-rate"),
    "underscores": ("learning_rate = 0.1\n", "learning-rate"),
    "capital": ("Epochs = 3\n", "epochs"),
    "with dashes": ('"--epochs" = 3\n', "epochs"),
    "nested table": ("[seq2seq]\nepochs = 3\n", "seq2seq"),
    "dotted key": ("epochs.of.mine = 3\n", "epochs"),
    "array of tables": ("[[epochs]]\nn = 3\n", "epochs"),
    "empty key": ('"" = 3\n', "''"),
    "long key": (f"{'k' * 10_000} = 3\n", "kkk"),
    "unicode key": ('"é́\\u202e" = 3\n', "key"),
    "control character": ('"\\u001b[31m" = 3\n', "key"),
}
BAD_VALUES = {
    "text for a number": 'epochs = "3"\n',
    "float for a whole number": "epochs = 3.0\n",
    "switch for a whole number": "epochs = true\n",
    "number for a switch": "commute = 1\n",
    "switch for a float": "learning-rate = true\n",
    "number for text": "data = 5\n",
    "list": "epochs = [3]\n",
    "table": "epochs = {n = 3}\n",
    "date": "epochs = 2026-11-01\n",
    "list for a choice": 'mode = ["text-text"]\n',
    "nan": "learning-rate = nan\n",
    "inf": "learning-rate = inf\n",
    "negative inf": "learning-rate = -inf\n",
    "overflowing float": "learning-rate = 1e309\n",
    "zero": "learning-rate = 0\n",
    "23 digits": f"epochs = {'9' * 23}\n",
    "400 digits": f"epochs = {'9' * 400}\n",
    "400 digits for a float": f"learning-rate = {'9' * 400}\n",
    "negative": "epochs = -1\n",
    "choice": 'optimizer = "Adam"\n',
    "NUL": 'data = "a\\u0000b"\n',
    "enormous text for a choice": f'optimizer = "{"x" * 50_000}"\n',
}
NOT_TOML = {
    "not UTF-8": b"epochs = 3\nname = '\xff'\n",
    "UTF-16": "epochs = 3\n".encode("utf-16"),
    "binary": bytes(range(256)) * 10,
    "unclosed": b"epochs = [3\n",
    "twice": b"epochs = 3\nepochs = 4\n",
    "json": b'{"epochs": 3}',
    "deep lists": b"epochs = " + b"[" * 100_000,
    "deep tables": b"epochs = " + b"{a=" * 50_000,
    "deep keys": b"a" + b".a" * 200_000 + b" = 1\n",
    "a number of 5000 digits": b"epochs = " + b"9" * 5000,
    "two megabytes": b"#" * (2 * 2**20),
    "NUL": b"\x00",
}


@pytest.fixture
def given(here, tmp_path):
    """`idl seq2seq train --dry-run --config` with a file of this content."""

    def run(content):
        (tmp_path / "mine.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
        return here(*TRAIN, "--config", "mine.toml", "--json")

    return run


@pytest.mark.parametrize("what", BAD_KEYS)
def test_a_key_that_is_no_setting_is_exit_2_with_what_was_meant(what, given):
    content, meant = BAD_KEYS[what]
    given(content).refused(2, "mine.toml", meant)


@pytest.mark.parametrize("what", BAD_VALUES)
def test_a_value_that_the_setting_cannot_take_is_exit_2_with_its_key(what, given):
    content = BAD_VALUES[what]
    given(content).refused(2, "mine.toml", content.split(" ")[0])


@pytest.mark.parametrize("what", NOT_TOML)
def test_what_is_not_toml_is_exit_2_with_the_file(what, given):
    given(NOT_TOML[what]).refused(2, "mine.toml")


def test_a_file_that_sets_nothing_changes_nothing(given, here):
    plain = here(*TRAIN, "--json").data
    for content in ("", "\n# only a comment\n", "\r\n"):
        assert given(content).data == plain


def test_a_whole_number_does_for_a_float(given):
    settings = given("learning-rate = 1\n").data["settings"]
    assert settings["learning_rate"] == 1.0
    assert isinstance(settings["learning_rate"], float)


@pytest.mark.parametrize("path", ["nowhere.toml", ".", "", "/dev/null", "/dev/zero", "a" * 5000, "é\u202e"])
def test_a_file_that_is_not_there_or_is_no_file_is_exit_2(path, here):
    here(*TRAIN, f"--config={path}").refused(2)


def test_a_pipe_is_not_waited_for(here, tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    here(*TRAIN, "--config", "pipe.toml").refused(2, "pipe.toml")


def test_the_user_s_file_is_left_as_it_is(given, tmp_path):
    given("epochs = 3\n")
    assert (tmp_path / "mine.toml").read_bytes() == b"epochs = 3\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]
