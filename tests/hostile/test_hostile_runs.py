"""Run directories that somebody broke or forged, and words on the command line that nobody should type."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

LONG = "9" * 5000
CONFIGS = {
    "empty": "",
    "not JSON": "{",
    "a list": "[]",
    "deep": "[" * 100_000,
    "a newer layout": '{"schema": 2, "kind": "seq2seq", "settings": {}}',
    "no kind": '{"schema": 1, "settings": {}}',
    "a kind that climbs": '{"schema": 1, "kind": "../../os", "settings": {}}',
    "a kind that is a module": '{"schema": 1, "kind": "driver", "settings": {}}',
    "settings that are a list": '{"schema": 1, "kind": "seq2seq", "settings": []}',
    "an unknown setting": '{"schema": 1, "kind": "seq2seq", "settings": {"__class__": 1}}',
    "not a number": '{"schema": 1, "kind": "seq2seq", "settings": {"learning_rate": NaN}}',
    "a number without end": f'{{"schema": 1, "kind": "seq2seq", "settings": {{"units": {LONG}}}}}',
    "another program's": '{"model_type": "bert"}',
}
FILES = {
    "log.jsonl": ["[1]\n", "{\n", "[" * 10_000 + "\n", "\xff\n"],
    "metrics.json": ["", "[]", "{", "[" * 100_000, '{"a": NaN}'],
    "data.json": ["", "[]", "{}", '{"fingerprint": 5}'],
}
BROKEN = [(name, content) for name, contents in FILES.items() for content in contents]


@pytest.mark.parametrize("what", CONFIGS)
def test_a_forged_config_is_refused_by_what_reads_it_and_hinders_nothing_else(what, here, trained_run, watched):
    (trained_run / "config.json").write_text(CONFIGS[what])
    (trained_run / "metrics.json").unlink()
    watched |= {"runs"}
    for words in (("runs", "resume"), ("seq2seq", "eval"), ("vae", "sample"), ("viz", "grid"), ("seq2seq", "solve")):
        here(*words, trained_run, *(("3+4",) if "solve" in words else ())).refused(3)
    assert len(here("runs", "list", "--json").data) == 1


@pytest.mark.parametrize("kind", ["a pipe", "a directory", "a device", "enormous"])
@pytest.mark.parametrize("name", ["config.json", "log.jsonl", "checkpoints/last.safetensors"])
def test_what_is_no_file_where_a_file_should_be_is_not_waited_for(name, kind, here, trained_run, watched):
    path = trained_run / name
    path.unlink()
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a directory":
        path.mkdir()
    elif kind == "enormous":
        with open(path, "wb") as file:
            file.truncate(2**40)
    else:
        path.symlink_to("/dev/zero")
    watched |= {"runs"}
    (trained_run / "metrics.json").unlink()
    here("runs", "resume", trained_run).refused(3)
    assert len(here("runs", "list", "--json").data) <= 1


@pytest.mark.parametrize(("name", "content"), BROKEN, ids=lambda value: value[:20])
def test_other_files_that_are_broken_are_one_line(name, content, here, trained_run, watched):
    (trained_run / name).write_bytes(content.encode("latin-1"))
    watched |= {"runs"}
    if name != "metrics.json":
        (trained_run / "metrics.json").unlink()
    here("runs", "resume", trained_run).refused(3)
    assert here("runs", "list", "--json").data[0]["status"] in ("failed", "stopped")


class Evil:
    def __reduce__(self) -> tuple:
        return os.system, ("touch evil",)


@pytest.mark.parametrize(
    "content", [pickle.dumps(Evil()), b"\x80\x04.", b"\x89HDF\r\n\x1a\n" + bytes(500), b"PK\x03\x04", b"\xff" * 64]
)
def test_a_checkpoint_of_another_format_runs_nothing(content, here, trained_run: Path, watched):
    (trained_run / "checkpoints" / "last.safetensors").write_bytes(content)
    (trained_run / "metrics.json").unlink()
    watched |= {"runs"}
    here("runs", "resume", trained_run).refused(3, "last.safetensors")


def test_a_link_to_a_run_is_removed_and_the_run_stays(here, trained_run, tmp_path):
    elsewhere = trained_run.rename(tmp_path / "elsewhere")
    (tmp_path / "runs" / "00007-link").symlink_to(elsewhere)
    assert here("runs", "rm", "00007-link").code == 0
    assert (elsewhere / "config.json").exists()
    assert [path.name for path in (tmp_path / "runs").iterdir() if "link" in path.name] == []


NAMES = ["a b", "it's", '"quoted"', "$(touch evil)", ";touch evil", "`x`", "%s%n", "é́ü", "☃", "-dash", "a\\b", "a*?[b]"]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_of_odd_characters_is_a_path_like_any_other(name, here, tmp_path, watched):
    watched |= {"in", name, f".{name}"}
    np.save(tmp_path / "in.npy", np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), np.uint8))
    (tmp_path / "in.npy").rename(tmp_path / f"{name}.npy")
    here("data", "build", "faces", f"--source=./{name}.npy", "--size", "8", f"--out=./{name}", "--json").data  # noqa: B018
    assert here("data", "check", f"./{name}", "--json").data["count"] == 8
    here("data", "show", f"./{name}", f"--out=./{name}.png", "--json").data  # noqa: B018
    assert (tmp_path / f"{name}.png").exists()


WORDS = {
    "beyond a float": ("gan", "train", "--learning-rate", "1e309"),
    "negative": ("gan", "train", "--epochs", "-1"),
    "23 digits": ("gan", "train", "--epochs", "9" * 23),
    "5000 digits": ("gan", "train", "--epochs", LONG),
    "not a number": ("gan", "train", "--learning-rate", "nan"),
    "Arabic digits beyond the range": ("gan", "train", "--epochs", "٠"),
    "empty": ("gan", "train", "--epochs", ""),
    "an empty word": ("",),
    "no such command": ("☃",),
    "an escape": ("\x1b[31m",),
    "not UTF-8": ("gan", "train", "--optimizer", "\udcff"),
    "an option of another command": ("gan", "train", "--kl-weight", "1"),
    "a long word": ("gan", "train", "--optimizer", "x" * 100_000),
    "seeds without end": ("gan", "sample", "RUN", "--seeds", "0-999999999999"),
    "too many pictures": ("gan", "sample", "RUN", "--count", "999999999"),
    "a size of nothing": ("data", "build", "faces", "--size", "0"),
    "a query that is code": ("seq2seq", "solve", "RUN", "__import__('os').system('touch evil')"),
}


@pytest.mark.parametrize("what", WORDS)
def test_words_that_mean_nothing_are_exit_2(what, here, trained_run, watched):
    here(*(str(trained_run) if word == "RUN" else word for word in WORDS[what])).refused(
        3 if "sample" in WORDS[what] and "seeds" in what else 2
    )


def test_a_log_with_a_number_beyond_all_is_that_of_a_broken_run(here, trained_run):
    (trained_run / "log.jsonl").write_text('{"epoch": 1e999}\n')
    (found,) = here("runs", "list", "--json").data
    assert (found["kind"], found["status"]) == ("unknown", "failed")
    here("viz", "curves", trained_run, "--out", "curves.png").refused(3, "log.jsonl")
