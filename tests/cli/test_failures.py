"""A person's mistake ends in the right exit code and one clear line that says what and where; never a traceback."""

import json
import math
import shutil

import pytest

from idlcli.settings import COMMANDS
from idlcli.settings.fields import fields_of

TRAIN = ("seq2seq", "train")

# What is typed, and words that the one line of the answer must hold (the right spelling among them).
MISSPELT = [
    (("seq2seq", "train", "--epoch", "3"), "--epochs"),
    (("seq2seq", "train", "--learning-rte", "1"), "--learning-rate"),
    (("seq2seq", "train", "--recipe", "papr"), "paper"),
    (("seq2seq", "train", "--recipe", "seq2seq-text-text-papre"), "seq2seq-text-text-paper"),
    (("seq2seq", "train", "--mode", "text-txt"), "text-text"),
    (("seq2seq", "train", "--backend", "tensorflo"), "tensorflow"),
    (("seq2sec", "train"), "seq2seq"),
    (("seq2seq", "trian"), "train"),
    (("data", "buidl", "faces"), "build"),
    (("data", "build", "aritmetic"), "arithmetic"),
    (("recipes", "show", "seq2seq-text-text-papr"), "seq2seq-text-text-paper"),
]


@pytest.mark.parametrize(
    ("words", "meant"), MISSPELT, ids=lambda value: " ".join(value) if type(value) is tuple else ""
)
def test_a_misspelt_word_is_exit_2_with_what_was_meant(words, meant, here):
    here(*words, "--json").refused(2, meant)


def test_an_unknown_variable_is_exit_2_with_what_was_meant_whatever_the_command(here):
    for words in (("recipes", "list"), ("seq2seq", "train", "--dry-run"), ("data", "check", ".")):
        here(*words, env={"IDL_LEARNING_RTE": "1"}).refused(2, "IDL_LEARNING_RTE", "IDL_LEARNING_RATE")


def test_variables_that_are_no_settings_are_known(here, tmp_path):
    for name in ("IDL_DATA_ROOT", "IDL_RUNS_ROOT", "IDL_REAL_DATA"):
        assert here("runs", "list", env={name: str(tmp_path)}).code == 0


def numbers(kind_of_number):
    return [
        (command, field)
        for command, kind in COMMANDS.items()
        for field in fields_of(kind).values()
        if field.type is kind_of_number
    ]


NOT_FINITE = ["inf", "-inf", "nan", "1e309", "-1e309", "1" + 400 * "0"]
NOT_A_NUMBER = ["", "abc", "0x10", "1,5", "１٣½", "1" * 5000, "\u202e5"]
FAR = ["1" * 23, "-" + "1" * 23, "1" * 400, "-1"]


def name_of(value):
    return f"{value[0]} {value[1].option}" if isinstance(value, tuple) else None


@pytest.mark.parametrize("which", numbers(float), ids=name_of)
def test_a_float_that_is_not_finite_or_out_of_its_range_is_exit_2(which, here):
    command, field = which
    beyond = [str(field.high * 1.001), str(-0.001 if field.low == 0 or field.above == 0 else field.low / 1.001)]
    for text in NOT_FINITE + NOT_A_NUMBER + beyond + (["0"] if field.above == 0 else []):
        here(*command.split(), f"{field.option}={text}", "--dry-run").refused(2, field.option)
    for text in NOT_FINITE + beyond:
        variable = "IDL_" + field.name.upper()
        here(*command.split(), "--dry-run", env={variable: text}).refused(2, variable)


@pytest.mark.parametrize("which", numbers(int), ids=name_of)
def test_a_whole_number_out_of_its_range_is_exit_2(which, here):
    command, field = which
    beyond = [str(field.high + 1), str(field.low - 1)]
    for text in [*NOT_FINITE, *NOT_A_NUMBER, *FAR, *beyond, "1.5"]:
        here(*command.split(), f"{field.option}={text}", "--dry-run").refused(2, field.option)
    for text in ["inf", "nan", "1.5", "", *FAR, *beyond]:
        variable = "IDL_" + field.name.upper()
        here(*command.split(), "--dry-run", env={variable: text}).refused(2, variable)


def test_every_number_has_a_range_and_a_default_inside_it():
    for _, field in numbers(float) + numbers(int):
        assert field.high is not None, field.name
        assert math.isfinite(field.high)
        assert (field.low is None) != (field.above is None), field.name
        assert field.contains(field.default), field.name


@pytest.mark.parametrize(
    "which",
    [(c, f) for c, kind in COMMANDS.items() for f in fields_of(kind).values() if f.choices],
    ids=name_of,
)
def test_a_choice_that_is_not_offered_is_exit_2_and_names_those_that_are(which, here):
    command, field = which
    for text in ("", "nothing", field.choices[0].upper(), "日本語"):
        here(*command.split(), f"{field.option}={text}", "--dry-run").refused(2, field.option, field.choices[0])


@pytest.mark.parametrize("text", ["", "日本語", "a b", "é" * 200, "--", "-x", "\u202e", "a\nb"])
def test_text_settings_take_any_text_and_give_it_back(text, here):
    done = here(*TRAIN, f"--data={text}", "--dry-run", "--json")
    assert done.data["settings"]["data"] == text


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1.0001", "x", ""])
def test_a_threshold_that_is_no_share_is_exit_2(value, here, trained_run):
    here("seq2seq", "eval", trained_run, f"--fail-below={value}").refused(2, "--fail-below")


@pytest.mark.parametrize(
    "query",
    [
        "123+4",
        "2*3",
        "10+1",
        "1+10",
        "+",
        "3+",
        "+3",
        "3++4",
        "3-4-5",
        "03+4",
        "3.0+4",
        "٣+٤",
        "３+４",
        "3+4=7",
        "",
        "2 3+4",
    ],
)
def test_a_query_that_the_run_cannot_solve_is_exit_2(query, here, trained_run):
    here("seq2seq", "solve", trained_run, query).refused(2)


def test_a_query_that_starts_with_a_minus_is_exit_2(here, trained_run):
    here("seq2seq", "solve", trained_run, "-3+4").refused(2)
    here("seq2seq", "solve", trained_run, "--", "-3+4").refused(2, "-3+4")


def test_solve_takes_a_query_or_a_file_not_both_or_none(here, trained_run, tmp_path):
    (tmp_path / "queries.txt").write_text("3+4\n")
    here("seq2seq", "solve", trained_run).refused(2, "--file")
    here("seq2seq", "solve", trained_run, "3+4", "--file", "queries.txt").refused(2, "--file")


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe\x00", b"3+4\n123+4\n", b"\x00" * 50])
def test_a_file_without_good_queries_is_exit_2(content, here, trained_run, tmp_path):
    (tmp_path / "queries.txt").write_bytes(content)
    here("seq2seq", "solve", trained_run, "--file", "queries.txt").refused(2)


def test_a_file_of_queries_that_is_missing_a_directory_or_enormous_is_exit_3(here, trained_run, tmp_path):
    here("seq2seq", "solve", trained_run, "--file", "nowhere.txt").refused(3, "nowhere.txt")
    here("seq2seq", "solve", trained_run, "--file", ".").refused(3)
    with open(tmp_path / "huge.txt", "wb") as file:
        file.truncate(2**40)
    here("seq2seq", "solve", trained_run, "--file", "huge.txt").refused(3, "huge.txt")


LONG = "a" * 5000


@pytest.mark.parametrize(
    "path", ["nowhere", "", "/dev/null", "/dev/zero", LONG, "nowhere/\u202e", "~", "/proc/self/mem"]
)
@pytest.mark.parametrize(
    "words",
    [
        ("seq2seq", "train", "--data={}"),
        ("data", "check", "{}"),
        ("data", "show", "{}"),
        ("data", "build", "arithmetic", "--digits={}"),
        ("data", "build", "faces", "--source={}"),
        ("runs", "show", "{}"),
        ("runs", "resume", "{}"),
        ("runs", "rm", "{}"),
        ("runs", "compare", "{}", "latest"),
        ("seq2seq", "eval", "{}"),
        ("seq2seq", "solve", "{}", "3+4"),
        ("vae", "train", "--data={}"),
        ("cae", "reconstruct", "{}"),
        ("gan", "sample", "{}"),
        ("eval", "mse", "{}"),
        ("viz", "tsne", "{}"),
        ("viz", "curves", "{}"),
        ("viz", "grid", "{}"),
        ("viz", "walk", "{}"),
        ("viz", "model", "{}"),
    ],
    ids=" ".join,
)
def test_a_path_where_nothing_good_lies_is_exit_3_and_is_left_alone(words, path, here, tmp_path):
    here(*(word.replace("{}", path) for word in words), "--json").refused(3)
    assert [entry.name for entry in tmp_path.iterdir() if not entry.name.startswith(".")] in ([], ["data"])


def test_a_run_is_made_only_when_the_data_are_good(here, tmp_path):
    here(*TRAIN, "--data", "nowhere").refused(3)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a" * 81, "a b", "é", "a\0b", "-x", "x\n"])
def test_a_name_that_could_leave_the_runs_directory_is_exit_2(name, here, arithmetic_data, tmp_path):
    here(*TRAIN, "--data", arithmetic_data, f"--name={name}").refused(2, "--name")
    assert not list(tmp_path.glob("runs/0*"))


@pytest.mark.parametrize("name", ["latest", "7", "00007"])
def test_a_name_that_means_another_run_is_exit_2(name, here, arithmetic_data):
    here(*TRAIN, "--data", arithmetic_data, f"--name={name}").refused(2, "--name")


@pytest.mark.parametrize("words", [("seq2seq", "eval"), ("seq2seq", "solve")])
def test_a_run_of_another_kind_is_refused_by_its_kind(words, here, trained_run):
    config = json.loads((trained_run / "config.json").read_text())
    (trained_run / "config.json").write_text(json.dumps({**config, "kind": "vae"}))
    query = ("3+4",) if words[1] == "solve" else ()
    here(*words, trained_run, *query).refused(3, "vae", "seq2seq")
    here(*words, "latest", *query).refused(3, "seq2seq")


def test_runs_of_an_unknown_kind_are_listed_but_not_resumed(here, trained_run):
    config = json.loads((trained_run / "config.json").read_text())
    (trained_run / "config.json").write_text(json.dumps({**config, "kind": "of-the-future"}))
    (trained_run / "metrics.json").unlink()
    here("runs", "resume", trained_run).refused(3, "of-the-future")
    assert here("runs", "list", "--json").data[0]["kind"] == "of-the-future"


@pytest.mark.parametrize("runs", [LONG, "/dev/null", "/dev/null/x", "file"])
def test_a_place_for_runs_that_cannot_be_one_is_one_line(runs, here, arithmetic_data, tmp_path):
    (tmp_path / "file").write_text("")
    here("runs", "show", "latest", "--runs", runs).refused(3)
    here(*TRAIN, "--data", arithmetic_data, "--runs", runs).refused(1)


def test_a_traceback_is_shown_with_debug_and_only_then(here, trained_run):
    words = ("seq2seq", "solve", trained_run, "123+4")
    assert "Traceback" not in here(*words).err
    shown = here(*words, "--debug", "--json")
    assert "Traceback (most recent call last)" in shown.err
    assert "solver.py" in shown.err
    assert shown.err.splitlines()[-1].startswith("error: ")
    assert shown.code == 2
    assert shown.envelope["status"] == "error"


def test_a_bug_in_the_program_is_exit_1_with_its_kind_and_no_traceback(here, monkeypatch, envelope_schema, trained_run):
    import idlcli.runs

    def fail(*_, **__):
        raise ZeroDivisionError("a bug\nof two lines")

    monkeypatch.setattr(idlcli.runs, "list_runs", fail)
    done = here("runs", "list", "--json")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    assert "ZeroDivisionError: a bug of two lines" in done.err
    assert "--debug" in done.err
    assert done.envelope["errors"][0]["code"] == "internal"
    envelope_schema.validate(done.envelope)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "Interrupted"),
        (MemoryError(), 1, "memory"),
        (ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow"), 1, "tensorflow"),
        (PermissionError(13, "Permission denied", "/root/x"), 1, "/root/x"),
        (OSError(28, "No space left on device"), 1, "No space left"),
        (RecursionError("x" * 1000), 1, "RecursionError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_the_system_refuses_is_one_line_too(error, code, said, here, monkeypatch, envelope_schema):
    import idlcli.runs

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(idlcli.runs, "list_runs", fail)
    done = here("runs", "list", "--json")
    assert done.code == code
    assert done.err.count("\n") == 1
    assert len(done.err) < 300
    assert said in done.err
    envelope_schema.validate(done.envelope)


def test_all_runs_can_be_listed_whatever_lies_among_them(here, trained_run, tmp_path):
    runs = tmp_path / "runs"
    (runs / "00002-empty").mkdir()
    (runs / "00003-file").write_text("")
    shutil.copytree(trained_run, runs / "00004-broken")
    (runs / "00004-broken" / "config.json").write_bytes(b"\xff{")
    shutil.copytree(trained_run, runs / "00005-odd")
    (runs / "00005-odd" / "log.jsonl").write_text('{"epoch": "three"}\n[1]\n')
    shutil.copytree(trained_run, runs / "00006-odd")
    (runs / "00006-odd" / "metrics.json").write_text('{"test": 5}')
    shutil.copytree(trained_run, runs / "00007-\x1b[31mred\n")
    for words in (("runs", "list"), ("runs", "list", "--json")):
        done = here(*words)
        assert done.code == 0, done.err
        assert "\x1b" not in done.out
    assert [run["status"] for run in here("runs", "list", "--json").data][:3] == ["done", "failed", "failed"]
