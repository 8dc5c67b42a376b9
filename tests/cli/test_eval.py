"""`idl eval` and `idl viz` as a person meets them: thresholds, warnings, what is kept and where, and clear refusals."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True)
def arrays(tmp_path: Path) -> None:
    """Features of two sets at a.npy and b.npy."""
    generator = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", generator.normal(size=(40, 5)))
    np.save(tmp_path / "b.npy", generator.normal(1, 1, size=(40, 5)))


def test_a_value_above_the_threshold_is_exit_5_with_the_result_as_data(here, envelope_schema):
    value = here("eval", "fid", "a.npy", "b.npy", "--json").data["value"]
    assert here("eval", "fid", "a.npy", "b.npy", "--fail-above", value).code == 0
    for metric in ("fid", "kid"):
        done = here("eval", metric, "a.npy", "b.npy", "--fail-above", "0.01", "--json")
        assert done.code == 5
        envelope_schema.validate(done.envelope)
        (error,) = done.envelope["errors"]
        assert error["code"] == "threshold"
        assert "above 0.01" in error["message"]
        assert done.envelope["data"]["value"] > 0.01
    assert here("eval", "fid", "a.npy", "a.npy", "--fail-above", "1e-6").code == 0


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "x", "", "1e309"])
def test_a_threshold_that_is_no_number_is_exit_2(text, here):
    here("eval", "fid", "a.npy", "b.npy", f"--fail-above={text}").refused(2, "--fail-above")


def test_too_few_is_warned_of_on_stderr_even_where_it_is_quiet(here):
    for words in ((), ("--quiet",), ("--json",)):
        done = here("eval", "fid", "a.npy", "b.npy", *words)
        assert done.code == 0
        assert done.err.startswith("warning: 40 of 2,048")
        assert "warning" not in done.out.splitlines()[0] or words == ("--json",)
    assert here("eval", "kid", "a.npy", "b.npy").err == ""


def test_the_text_names_the_features_and_the_counts(here):
    out = here("eval", "prdc", "a.npy", "b.npy", "--count", "30").out
    for word in ("precision", "coverage", "30 against 30", "features none"):
        assert word in out


@pytest.mark.parametrize("path", ["nowhere", "", "/dev/null", "/dev/zero", "a" * 5000, "no/\u202e", "~", "."])
@pytest.mark.parametrize(
    "words",
    [("eval", "fid", "{}", "a.npy"), ("eval", "kid", "a.npy", "{}"), ("eval", "neighbours", "a.npy", "{}")],
    ids=" ".join,
)
def test_a_side_where_nothing_good_lies_is_exit_3_and_is_left_alone(words, path, here, tmp_path):
    (tmp_path / "empty").mkdir()
    path = "empty" if path == "." else path
    here(*(word.replace("{}", path) for word in words), "--json").refused(3)
    left = sorted(entry.name for entry in tmp_path.iterdir() if not entry.name.startswith("."))
    assert left == ["a.npy", "b.npy", "empty"]


@pytest.mark.parametrize(
    "words",
    [
        ("eval", "fid", "a.npy", "b.npy", "--features", "vgg"),
        ("eval", "fid", "a.npy", "b.npy", "--features", "inception"),
        ("eval", "fid", "a.npy", "b.npy", "--part", "train"),
        ("eval", "fid", "a.npy", "b.npy", "--part", "half"),
        ("eval", "fid", "a.npy", "b.npy", "--count", "1"),
        ("eval", "fid", "a.npy", "b.npy", "--weights", "a.npy"),
        ("eval", "fid", "a.npy", "{faces}"),
        ("eval", "prdc", "a.npy", "b.npy", "--fail-above", "1"),
        ("eval", "fid", "a.npy"),
        ("viz", "tsne", "{faces}", "--label", "nonsense"),
        ("viz", "tsne", "{faces}/images.npy", "--part", "train"),
        ("viz", "grid", "{faces}/images.npy", "--part", "train"),
        ("viz", "tsne", "{faces}", "--out", "map.pdf"),
        ("viz", "tsne", "{faces}", "--html", "map.png"),
        ("viz", "curves", "{run}", "--smooth", "1"),
        ("viz", "model", "{run}", "--out", "model"),
        ("viz", "walk", "latest", "--out", "walk.mp4"),
    ],
    ids=lambda words: " ".join(words),
)
def test_what_means_nothing_is_exit_2_and_writes_nothing(words, here, built_faces, trained_run, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    here(*(word.format(faces=built_faces, run=trained_run) for word in words)).refused(2)
    assert sorted(tmp_path.rglob("*")) == before


def test_too_few_for_their_neighbours_is_exit_3_with_how_many_are_needed(here):
    here("eval", "prdc", "a.npy", "b.npy", "--count", "5").refused(3, "a.npy", "need 6 or more", "5 and 5")
    assert here("eval", "prdc", "a.npy", "b.npy", "--count", "6").code == 0


@pytest.mark.parametrize("ending", ["SVG", "Png"])
def test_an_ending_may_be_in_any_case(ending, here, trained_run, tmp_path):
    for name in ("curves", "model"):
        here("viz", name, trained_run, "--out", f"{name}.{ending}")
        content = (tmp_path / f"{name}.{ending}").read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n" if ending == "Png" else b"<svg" in content[:400]


@pytest.mark.parametrize("features", ["inception", "inception-fid", "inception-fid-tf1"])
def test_a_network_that_is_not_there_says_how_to_get_it(features, here, built_faces):
    line = here("eval", "fid", built_faces, built_faces, "--features", features).refused(3, "--weights")
    assert "cache" in line or features != "inception"


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n", b"PK\x03\x04", b"\x80\x02cos\nsystem\n(S'touch hit'\ntR."])
@pytest.mark.parametrize("features", ["efficientnet-lite0", "inception-fid"])
def test_weights_of_something_else_are_exit_3_and_run_nothing(features, content, here, built_faces, tmp_path):
    (tmp_path / "weights").write_bytes(content)
    here("eval", "fid", built_faces, built_faces, "--features", features, "--weights", "weights").refused(3)
    assert not (tmp_path / "hit").exists()


def test_a_count_beyond_what_is_there_is_exit_3(here, built_faces):
    here("eval", "fid", "a.npy", "b.npy", "--count", "41").refused(3, "--count", "40")
    here("eval", "fid", built_faces, built_faces, "--count", "13").refused(3, "--count", "12")


def test_runs_that_cannot_do_it_are_exit_3_by_their_kind(here, stand_ins, trained_run):
    here("eval", "fid", trained_run, "a.npy").refused(3, "seq2seq")
    here("eval", "fid", stand_ins["cae"], "a.npy").refused(3, "cae")
    here("eval", "mse", stand_ins["gan"]).refused(3, "gan")
    here("viz", "walk", trained_run).refused(3, "seq2seq")
    here("viz", "tsne", stand_ins["cae"], "--space", "features").refused(3, "cae")


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, "{home}/.cache/idl/features"),
        ({"XDG_CACHE_HOME": "{tmp}/xdg"}, "{tmp}/xdg/idl/features"),
        ({"XDG_CACHE_HOME": "relative"}, "{home}/.cache/idl/features"),
        ({"XDG_CACHE_HOME": "{tmp}/xdg", "IDL_CACHE_ROOT": "{tmp}/own"}, "{tmp}/own/features"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_features_are_kept_where_the_user_keeps_such_things(given, place, here, home, built_faces, tmp_path, request):
    request.getfixturevalue("keras_engine")
    words = {"tmp": tmp_path, "home": home}
    env = {name: value.format(**words) for name, value in given.items()}
    data = hashlib.sha256((built_faces / "manifest.json").read_bytes()).hexdigest()
    first, second = (here("eval", "fid", built_faces, built_faces, "--json", env=env).data for _ in range(2))
    assert (first["cached"], second["cached"]) == ([False, True], [True, True])  # the second side is the first again
    assert first["value"] == second["value"]
    kept = Path(place.format(**words))
    assert [entry.suffix for entry in kept.iterdir()] == [".npy"]
    assert not (tmp_path / "relative").exists()
    assert sorted(entry.name for entry in built_faces.iterdir()) == ["images.npy", "labels.npy", "manifest.json"]
    assert hashlib.sha256((built_faces / "manifest.json").read_bytes()).hexdigest() == data


def test_kept_features_need_no_engine(idl, built_faces, tmp_path):
    env = {"IDL_CACHE_ROOT": str(tmp_path / "cache")}
    first = idl("eval", "fid", built_faces, built_faces, "--json", env=env).data
    block = tmp_path / "block" / "keras"
    block.mkdir(parents=True)
    (block / "__init__.py").write_text("raise SystemError('the engine was loaded')")
    again = idl(
        "eval", "fid", built_faces, built_faces, "--json", env={**env, "PYTHONPATH": str(block.parent)}
    ).data  # fmt: skip
    assert again["value"] == first["value"]
    assert again["cached"] == [True, True]


def test_the_same_command_gives_the_same_bytes(here, built_faces, stand_ins, tmp_path):
    commands = [
        ("viz", "grid", stand_ins["gan"], "--seed", "3", "--out", "{}.png"),
        ("viz", "walk", stand_ins["vae"], "--seed", "3", "--out", "{}.gif"),
        ("viz", "tsne", stand_ins["vae"], "--seed", "3", "--out", "{}.svg", "--html", "{}.html"),
    ]
    for command in commands:
        written = []
        for name in ("one", "two"):
            data = here(*(str(word).replace("{}", name) for word in command), "--json").data
            written.append([Path(tmp_path / file).read_bytes() for file in data["files"]])
        assert written[0] == written[1], command
        assert written[0][0]


def test_curves_of_one_run_named_twice_are_drawn_once(here, trained_run, tmp_path):
    data = here("viz", "curves", trained_run, "1", "latest", "--out", "curves.png", "--json").data
    assert data["runs"] == [trained_run.name]
    assert data["metrics"][0] == "loss"
    assert os.path.getsize(tmp_path / "curves.png") > 5000


def test_curves_of_two_runs_of_one_name_are_both_drawn(here, trained_run, tmp_path):
    other = shutil.copytree(trained_run, tmp_path / "elsewhere" / trained_run.name)
    data = here("viz", "curves", trained_run, other, "latest", "--json").data
    assert data["runs"] == [str(trained_run), str(other)]


def test_a_result_is_json_whatever_the_numbers_are(here, tmp_path):
    np.save(tmp_path / "same.npy", np.ones((12, 3)))
    for metric in ("fid", "kid", "prdc"):
        done = here("eval", metric, "same.npy", "same.npy", "--json")
        assert done.code == 0
        assert json.loads(done.out)["data"]["n"] == [12, 12]


REBUILT = [
    ("cae", "eval", "mse"), ("gan", "eval", "neighbours"), ("vae", "viz", "tsne"), ("cae", "viz", "grid"),
    ("cae", "viz", "walk"),
]  # fmt: skip


@pytest.mark.parametrize("words", REBUILT, ids=" ".join)
def test_data_built_again_with_another_test_part_are_not_taken_for_a_run_s_own(words, here, stand_ins):
    """What is held out of them may have trained the run."""
    kind, *words = words
    path = stand_ins[kind] / "config.json"
    config = json.loads(path.read_text())
    here("data", "build", "faces", "--count", "60", "--size", "16", "--test-count", "10", "--out", "again")
    path.write_text(json.dumps(config | {"settings": config["settings"] | {"data": "again"}}))
    here(*words, stand_ins[kind]).refused(3, "again is not the data", stand_ins[kind].name)


@pytest.mark.parametrize(
    "words", [("eval", "mse"), ("viz", "tsne"), ("viz", "grid"), ("viz", "walk")], ids=" ".join
)  # fmt: skip
def test_pictures_of_another_size_are_not_given_to_a_model(words, here, stand_ins):
    here("data", "build", "faces", "--count", "30", "--size", "8", "--test-count", "10", "--out", "small")
    data = ("small",) if words == ("eval", "mse") else ("--data", "small")
    here(*words, stand_ins["cae"], *data).refused(3, "(8, 8, 3)", "16 x 16", stand_ins["cae"].name)


@pytest.mark.parametrize("side", [8, 24])
def test_samples_of_another_size_than_the_training_pictures_stand_beside_them(side, here, built_faces, tmp_path):
    np.save(tmp_path / "samples.npy", np.random.default_rng(0).integers(0, 256, (8, side, side, 3), np.uint8))
    done = here("eval", "neighbours", "samples.npy", built_faces, "--out", "near.png", "--json")
    assert done.data["n"] == [8, 48]
    assert (tmp_path / "near.png").stat().st_size > 5000


def test_the_pictures_that_a_run_was_taught_are_those_it_took(here, stand_ins):
    assert here("eval", "neighbours", stand_ins["gan"], "--count", "8", "--json").data["n"] == [8, 48]
    path = stand_ins["gan"] / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"settings": config["settings"] | {"limit": 20}}))
    assert here("eval", "neighbours", stand_ins["gan"], "--count", "8", "--json").data["n"] == [8, 20]


def test_a_directory_with_a_manifest_of_something_else_is_a_directory_of_pictures(here, built_faces, tmp_path):
    from PIL import Image

    (tmp_path / "pics").mkdir()
    for index, image in enumerate(np.load(built_faces / "images.npy")[:8]):
        Image.fromarray(image).save(tmp_path / "pics" / f"{index}.png")
    (tmp_path / "pics" / "manifest.json").write_text('{"name": "my web app"}')
    assert here("data", "check", "pics", "--json").data["count"] == 8
    assert here("data", "show", "pics", "--out", "s.png").code == 0
    assert here("viz", "grid", "pics", "--out", "g.png", "--json").data["count"] == 8
    assert here("eval", "prdc", "pics", built_faces, "--json").data["n"][0] == 8
    here("eval", "neighbours", "pics", "pics").refused(3, "training part")


UNUSED = [
    ("--data", "viz", "grid", "{gan}", "--data", "a.npy"),
    ("--part", "viz", "grid", "{vae}", "--part", "train"),
    ("--data", "viz", "grid", "a.npy", "--data", "a.npy"),
    ("--data", "viz", "walk", "{vae}", "--data", "a.npy"),
    ("--data", "viz", "tsne", "{gan}", "--data", "a.npy"),
    ("--part", "viz", "tsne", "{gan}", "--part", "all"),
    ("--data", "viz", "tsne", "{vae}", "--space", "features", "--data", "a.npy"),
    ("--part", "viz", "tsne", "{vae}", "--space", "features", "--part", "test"),
    ("--data", "viz", "tsne", "a.npy", "--data", "a.npy"),
]


@pytest.mark.parametrize("words", UNUSED, ids=" ".join)
def test_an_option_that_would_change_nothing_is_exit_2(words, here, stand_ins, tmp_path):
    option, *words = words
    before = set(tmp_path.iterdir())
    here(*(word.format(**stand_ins) for word in words)).refused(2, option, "does not apply")
    assert set(tmp_path.iterdir()) == before
