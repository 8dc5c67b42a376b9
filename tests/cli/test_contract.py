"""Every command of the tree keeps the contract of --json, when it succeeds and when it fails."""

import copy
import json
import re
from pathlib import Path

import numpy as np
import pytest
from every_command import CASES, TREE

from idlcli.settings import COMMANDS
from idlcli.settings.resolve import applicable

ANSI = re.compile(r"\x1b")


# Keras 3.15 asks its variables for an array in a way that NumPy 2.4 complains about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def marked(names):
    return [pytest.param(name, marks=pytest.mark.slow if CASES[name].slow else ()) for name in names]


@pytest.fixture
def fill(trained_run: Path, arithmetic_data: Path, built_faces: Path, face_runs: dict[str, Path], tmp_path: Path):
    """Arguments with the paths of this test's own run and data in them, and of the faces, which nobody changes."""
    np.save(tmp_path / "features.npy", np.random.default_rng(0).normal(size=(20, 4)))
    places = {"run": trained_run, "data": arithmetic_data, "faces": built_faces, **face_runs}
    places["features"] = tmp_path / "features.npy"
    return lambda arguments: [a.format(**places) for a in arguments]


def test_every_command_has_a_case():
    assert sorted(TREE) == sorted(CASES)


@pytest.mark.parametrize("name", marked(CASES))
def test_success_prints_one_valid_envelope_and_nothing_else(name, idl, fill, envelope_schema):
    done = idl(*name.split(), *fill(CASES[name].good), "--json")
    assert done.code == 0, (done.out, done.err[-3000:])
    envelope = done.envelope
    envelope_schema.validate(envelope)
    assert envelope["command"] == name
    assert envelope["status"] == "ok"
    assert not ANSI.search(done.out + done.err)
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "name", [n for n in CASES if not CASES[n].slow and n != "quickstart" and not n.endswith(" train")]
)
def test_without_json_stdout_is_plain_text_for_a_person(name, here, fill):
    done = here(*name.split(), *fill(CASES[name].good))
    assert done.code == 0, done.err[-3000:]
    assert done.out.strip()
    assert not done.out.startswith("{")
    assert done.out.endswith("\n")
    assert not ANSI.search(done.out + done.err)
    assert "\r" not in done.out + done.err


@pytest.mark.parametrize("name", CASES)
def test_failure_prints_one_valid_envelope_and_one_line_on_stderr(name, here, fill, envelope_schema):
    case = CASES[name]
    done = here(*name.split(), *fill(case.bad), "--json")
    line = done.refused(case.code)
    envelope = done.envelope
    envelope_schema.validate(envelope)
    assert envelope["command"] == name
    assert envelope["status"] == "error"
    (error,) = envelope["errors"]
    assert error["code"] == case.error
    assert line == f"error: {error['message']} {error['hint']}".rstrip()


@pytest.mark.parametrize("name", CASES)
def test_unknown_option_of_any_command_is_a_usage_error_of_that_command(name, here, envelope_schema):
    done = here(*name.split(), "--no-such-option", "--json")
    done.refused(2, "--no-such-option")
    envelope_schema.validate(done.envelope)
    assert done.envelope["command"] == name


@pytest.mark.parametrize("name", CASES)
def test_every_command_takes_the_four_common_options(name):
    options = {option for parameter in TREE[name].params for option in parameter.opts}
    assert {"--json", "--quiet", "--verbose", "--debug"} <= options


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith(" train")])
def test_every_training_takes_what_makes_a_run(name):
    options = {option for parameter in TREE[name].params for option in parameter.opts}
    wanted = ["--runs", "--seed", "--name", "--recipe", "--config", "--backend", "--epochs", "--dry-run"]
    assert set(wanted) <= options


TAKE_A_RUN = ("eval", "solve", "sample", "reconstruct", "interpolate")


@pytest.mark.parametrize(
    "name", [n for n in CASES if n.split()[0] in ("runs", "quickstart", "eval", "viz") or n.split()[-1] in TAKE_A_RUN]
)
def test_every_command_that_takes_a_run_takes_the_place_of_the_runs(name):
    assert "--runs" in {option for parameter in TREE[name].params for option in parameter.opts}


def test_the_contract_s_words_for_faces_are_options():
    options = {
        option
        for parameter in TREE["data build faces"].params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    wanted = [
        "--source",
        "--count",
        "--size",
        "--style",
        "--test-count",
        "--labels",
        "--out",
        "--skip-bad",
        "--strict",
        "--overwrite",
    ]
    assert set(wanted) <= options


def test_the_contract_s_words_for_arithmetic_are_options():
    options = {option for parameter in TREE["data build arithmetic"].params for option in parameter.opts}
    assert {"--digits", "--ops", "--max", "--pools", "--materialise", "--out"} <= options


def test_every_settings_class_belongs_to_a_command_of_the_tree():
    assert set(COMMANDS) <= set(TREE)


@pytest.mark.parametrize("words", [(), ("--json",), ("seq2seq", "--json"), ("--json", "runs", "list"), ("nonsense",)])
def test_failure_before_any_command_is_found_still_has_its_envelope(words, here, envelope_schema):
    done = here(*words)
    assert done.code == 2
    if "--json" in words:
        done.refused(2)
        envelope_schema.validate(done.envelope)
    else:
        assert done.out == ""
        assert done.err


@pytest.mark.parametrize("words", [("--json", "runs", "list"), ("runs", "--json", "list"), ("--quiet", "runs", "list")])
def test_common_option_before_the_last_word_is_an_error_not_ignored(words, here):
    done = here(*words)
    done.refused(2)


def test_the_same_envelope_with_a_part_missing_does_not_fit_the_schema(envelope_schema, here, fill):
    envelope = here(*("runs", "show", *fill(("{run}",))), "--json").envelope
    assert envelope_schema.is_valid(envelope)
    for key in ("idl", "command", "status", "data", "errors"):
        assert not envelope_schema.is_valid({k: v for k, v in envelope.items() if k != key}), key
    for key in ("run", "kind", "status", "epochs", "created", "metrics"):
        broken = copy.deepcopy(envelope)
        del broken["data"][key]
        assert not envelope_schema.is_valid(broken), key
    assert not envelope_schema.is_valid({**envelope, "status": "error"})
    assert not envelope_schema.is_valid({**envelope, "surplus": 1})


def test_json_of_dry_run_fits_the_schema_for_every_command_with_settings(here, envelope_schema, tmp_path):
    for name, kind in COMMANDS.items():
        done = here(*name.split(), "--dry-run", "--json")
        envelope_schema.validate(done.envelope)
        assert set(done.data["settings"]) == set(done.data["origins"]) == set(applicable(kind()))
    assert list(tmp_path.iterdir()) == []


def test_a_missed_threshold_is_exit_5_with_the_result_as_data(here, trained_run, envelope_schema):
    done = here("seq2seq", "eval", trained_run, "--fail-below", "1", "--json")
    done.refused(5, "below 100.00%")
    envelope_schema.validate(done.envelope)
    (error,) = done.envelope["errors"]
    assert error["code"] == "threshold"
    said = json.loads((trained_run / "metrics.json").read_text())
    found = done.envelope["data"]
    assert {key: found[key] for key in ("train", "test", "errors")} == {k: said[k] for k in ("train", "test", "errors")}


def test_a_threshold_that_is_met_is_exit_0(here, trained_run):
    assert here("seq2seq", "eval", trained_run, "--fail-below", "0", "--json").data["test"]["n"] == 100


def test_results_with_unicode_and_non_utf8_paths_are_still_json(idl, tmp_path):
    for name in ("каталог", "目录 with blank", b"\xff\xfe".decode("utf-8", "surrogateescape")):
        done = idl("seq2seq", "train", "--dry-run", "--data", name, "--json")
        assert done.data["settings"]["data"] == name


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_of_another_encoding_gets_its_result(encoding, idl):
    settings = ("seq2seq", "train", "--dry-run", "--data", "目录")
    assert idl(*settings, env={"PYTHONIOENCODING": encoding}).code == 0
    assert idl(*settings, "--json", env={"PYTHONIOENCODING": encoding}).data["settings"]["data"] == "目录"
