"""`idl vae`, `idl cae` and `idl gan`: what they write, and every mistake that a person can make with them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from idlcli.runs import Run

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDE = 16
DRAWING = [("vae", "sample"), ("vae", "interpolate"), ("gan", "sample"), ("gan", "interpolate")]
KEEPING = [("vae", "reconstruct"), ("cae", "reconstruct")]


def picture(path):
    from PIL import Image

    with Image.open(path) as found:
        return np.asarray(found.convert("RGB"))


def test_samples_are_those_of_the_library_as_an_array_and_as_a_sheet(here, face_runs, keras_engine):
    from idlcli.experiments import gan

    run = face_runs["gan"]
    data = here("gan", "sample", run, "--count", "7", "--seed", "3", "--out", "a.npy", "--json").data
    assert data == {"files": ["a.npy"], "count": 7, "seeds": [3], "label": None}
    array = np.load("a.npy", allow_pickle=False)
    assert np.array_equal(array, gan.open_run(Run(run)).sample(7, seed=3))
    here("gan", "sample", run, "--count", "7", "--seed", "3", "--out", "a.png")
    sheet = picture("a.png")
    assert sheet.shape == (3 * (SIDE + 2) + 2, 3 * (SIDE + 2) + 2, 3)
    assert np.array_equal(sheet[2 : 2 + SIDE, 2 : 2 + SIDE], array[0])


def test_the_same_command_writes_the_same_bytes(idl, face_runs, tmp_path):
    commands = {
        "s.png": ("vae", "sample", "vae", "--prior", "mixture"), "w.gif": ("vae", "interpolate", "vae"),
        "r.png": ("cae", "reconstruct", "cae", "--data", face_runs["cae"].parents[2] / "faces" / "data" / "faces"),
    }  # fmt: skip
    for name, (group, command, kind, *more) in commands.items():
        for folder in ("one", "two"):
            assert idl(group, command, face_runs[kind], *more, "--out", f"{folder}/{name}").code == 0
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


@pytest.mark.parametrize("kind", ["vae", "gan"])
def test_a_list_of_seeds_takes_the_first_face_of_each(kind, here, face_runs):
    """Its label too, of a model that is told one, as the GAN is here."""
    run = face_runs[kind]
    data = here(kind, "sample", run, "--seeds", "0,4-6", "--out", "list.npy", "--json").data
    assert (data["count"], data["seeds"]) == (4, [0, 4, 5, 6])
    listed = np.load("list.npy", allow_pickle=False)
    for index, seed in enumerate((0, 4, 5, 6)):
        here(kind, "sample", run, "--count", "2", "--seed", seed, "--out", "one.npy")
        assert np.array_equal(np.load("one.npy", allow_pickle=False)[0], listed[index])


def test_a_walk_goes_from_face_to_face(here, face_runs):
    run = face_runs["vae"]
    data = here("vae", "interpolate", run, "--seeds", "0-2", "--steps", "4", "--out", "walk.npy", "--json").data
    assert (data["count"], data["steps"]) == (10, 4)
    way = np.load("walk.npy", allow_pickle=False).reshape(2, 5, SIDE, SIDE, 3)
    here("vae", "sample", run, "--seeds", "0-2", "--out", "ends.npy")
    ends = np.load("ends.npy", allow_pickle=False)
    assert np.array_equal(way[:, 0], ends[:2])
    assert np.array_equal(way[:, -1], ends[1:])
    here("vae", "interpolate", run, "--seeds", "0-2", "--steps", "4", "--out", "walk.png")
    assert picture("walk.png").shape == (2 * (SIDE + 2) + 2, 5 * (SIDE + 2) + 2, 3)


def test_a_film_ends_where_it_began(here, face_runs):
    from PIL import Image

    data = here("gan", "interpolate", face_runs["gan"], "--count", "3", "--steps", "4", "--out", "w.gif", "--json").data
    assert data["count"] == 12
    with Image.open("w.gif") as film:
        assert film.n_frames == 12
        assert film.info["loop"] == 0
        assert film.size == (3 * SIDE, 3 * SIDE)


def test_a_reconstruction_stands_beside_its_face(here, face_runs, built_faces, keras_engine):
    from idlcli.data import face_set
    from idlcli.evaluation.reconstruction import mean_squared_error

    words = ("--count", "5", "--data", built_faces, "--out", "r.npy")
    data = here("cae", "reconstruct", face_runs["cae"], *words, "--json").data
    faces = face_set.load(path=built_faces)
    pairs = np.load("r.npy", allow_pickle=False)
    assert (data["count"], len(pairs)) == (5, 10)
    assert np.array_equal(pairs[::2], faces.images[data["images"]])
    assert set(data["images"]) <= set(faces.test_indices.tolist()), "only held-out faces are shown"
    assert data["mse"] == pytest.approx(mean_squared_error(images=pairs[::2], reconstructions=pairs[1::2]).mean())
    assert here("cae", "reconstruct", face_runs["cae"], "--data", built_faces, "--json").data["count"] == 12


def test_a_label_is_obeyed_and_one_it_does_not_know_is_exit_2_with_those_it_does(here, face_runs):
    run = face_runs["gan"]
    words = json.loads((run / "data.json").read_text())["condition"]["words"]
    for word in words[:2]:
        data = here("gan", "sample", run, "--count", "3", "--label", word, "--out", f"{word}.npy", "--json").data
        assert data["label"] == word
    arrays = [np.load(f"{word}.npy", allow_pickle=False) for word in words[:2]]
    assert not np.array_equal(*arrays)
    here("gan", "sample", run, "--label", words[0] + "x").refused(2, "--label", words[0])
    here("gan", "sample", run, "--label", "").refused(2, "--label")
    here("gan", "sample", run, "--label", "é" * 500).refused(2, "--label")
    here("vae", "sample", face_runs["vae"], "--label", "blue").refused(2, "--condition")


@pytest.mark.parametrize("words", DRAWING + KEEPING, ids=" ".join)
def test_a_run_of_another_kind_is_refused_by_its_kind(words, here, face_runs):
    for kind, run in face_runs.items():
        if kind != words[0]:
            here(*words, run).refused(3, kind, words[0])


@pytest.mark.parametrize("words", DRAWING + KEEPING, ids=" ".join)
@pytest.mark.parametrize("out", ["faces.jpg", "faces", ".png/", "faces.png.exe", "faces.mp4"])
def test_a_file_of_another_kind_is_exit_2_before_anything_is_drawn(words, out, here, face_runs, tmp_path):
    here(*words, face_runs[words[0]], "--out", out).refused(2, ".png")
    assert list(tmp_path.iterdir()) == []


def test_a_film_is_for_walks_only(here, face_runs):
    here("gan", "sample", face_runs["gan"], "--out", "faces.gif").refused(2, "faces.gif")


@pytest.mark.parametrize("words", DRAWING, ids=" ".join)
def test_what_is_no_list_of_seeds_and_no_count_is_exit_2(words, here, face_runs, tmp_path):
    run = face_runs[words[0]]
    here(*words, run, "--seeds=1,2", "--seed", "0").refused(2, "--seeds")
    here(*words, run, "--seeds=1,2", "--count", "2").refused(2, "--seeds")
    for seeds in ("x", "3-1", "-1", "1,,2", str(2**32)):
        here(*words, run, f"--seeds={seeds}").refused(2, "--seeds")
    for count in ("0", "-1", "1.5", "100001"):
        here(*words, run, f"--count={count}").refused(2, "--count")
    here(*words, run, f"--seed={2**32}").refused(2, "--seed")
    assert list(tmp_path.iterdir()) == []


def test_a_walk_of_one_face_is_exit_2(here, face_runs):
    here("vae", "interpolate", face_runs["vae"], "--seeds", "7").refused(2, "two faces")


def test_a_run_without_a_mixture_says_how_to_have_one(here, trained_faces):
    run = trained_faces["vae"]
    config = json.loads((run / "config.json").read_text())
    config["settings"]["mixture"] = 0
    (run / "config.json").write_text(json.dumps(config))
    here("vae", "sample", run, "--prior", "mixture").refused(2, "--mixture")
    assert here("vae", "sample", run, "--out", "normal.png").code == 0


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\0" * 8, b"\xff" * 8, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_mixture_that_is_broken_is_exit_3(content, here, trained_faces):
    path = trained_faces["vae"] / "prior.safetensors"
    path.write_bytes(content)
    here("vae", "sample", trained_faces["vae"], "--prior", "mixture").refused(3, "prior.safetensors")
    path.unlink()
    here("vae", "sample", trained_faces["vae"], "--prior", "mixture").refused(3, "prior.safetensors")


EDITS = [
    {"size": None}, {"size": 0}, {"size": 10**9}, {"size": "16"}, {"size": True}, {"size": 17}, {"condition": 5},
    {"condition": {}}, {"condition": {"words": ["a"], "counts": [1]}},
    {"condition": {"words": ["a", "b"], "counts": [0, 0]}},
    {"condition": {"words": ["a", "b"], "counts": [1, -1]}}, {"condition": {"words": ["a", "b"], "counts": [1]}},
    {"condition": {"words": ["a", 1], "counts": [1, 1]}}, {"condition": None},
]  # fmt: skip


@pytest.mark.parametrize("change", EDITS, ids=str)
def test_a_description_of_the_data_that_somebody_edited_is_exit_3(change, here, trained_faces):
    path = trained_faces["gan"] / "data.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    here("gan", "sample", trained_faces["gan"]).refused(3)


def test_data_that_moved_are_named_and_other_faces_are_not_taken_for_them(here, trained_faces, built_faces, tmp_path):
    run = trained_faces["cae"]
    path = run / "data.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"path": "gone"}))
    here("cae", "reconstruct", run).refused(3, "gone")
    here("data", "build", "faces", "--count", "60", "--size", "16", "--seed", "1", "--out", "gone")
    here("cae", "reconstruct", run).refused(3, "gone", run.name)
    assert here("cae", "reconstruct", run, "--data", "gone", "--out", "r.png").code == 0
    here("data", "build", "faces", "--count", "20", "--size", "32", "--out", "large")
    here("cae", "reconstruct", run, "--data", "large").refused(3, "32", "16")
    again = shutil.copytree(built_faces, tmp_path / "again")
    manifest = json.loads((again / "manifest.json").read_text())
    (again / "manifest.json").write_text(json.dumps(manifest | {"created": "another day", "seconds": 5.0}))
    path.write_text(json.dumps(about | {"path": str(again)}))
    assert here("cae", "reconstruct", run, "--out", "r.png").code == 0


def test_a_run_can_be_drawn_from_when_its_data_are_gone(here, trained_faces):
    path = trained_faces["vae"] / "data.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"path": "gone"}))
    assert here("vae", "sample", trained_faces["vae"], "--out", "s.png").code == 0


TRAIN = ("--epochs", "1", "--latent", "4", "--width", "2", "--depth", "2", "--jit", "off", "--quiet")


def test_too_few_live_latents_are_exit_5_with_the_run_kept(here, built_faces):
    done = here("vae", "train", "--data", built_faces, *TRAIN, "--min-alive", "4", "--kl-weight", "100", "--json")
    assert done.code == 5
    assert "--min-alive" in done.err.splitlines()[-1]
    assert done.envelope["errors"][0]["code"] == "threshold"
    assert done.envelope["data"]["test"]["active_latents"] < 4
    (run,) = here("runs", "list", "--json").data
    assert run["status"] == "done"
    again = here("runs", "resume", run["run"], "--json")
    assert (again.code, again.err.splitlines()[-1]) == (5, done.err.splitlines()[-1])
    path = Path("runs", run["run"])
    for name in ("metrics.json", "checkpoints/last.safetensors"):
        (path / name).unlink()
    assert here("runs", "resume", run["run"], "--quiet").code == 5, "it ends as one that was never stopped"
    assert (path / "metrics.json").exists()


def test_few_live_latents_are_warned_of(here, built_faces):
    done = here("vae", "train", "--data", built_faces, *TRAIN, "--kl-weight", "1000", "--epochs", "3", "--json")
    assert done.data["test"]["active_latents"] == 0
    assert "warning: Only 0 of 4 latents" in done.err


WRONG = [
    (("gan", "--condition", "hair-colr"), "hair-color"),
    (("vae", "--condition", "nonsense"), "--condition"),
    (("vae", "--depth", "6"), "--depth"),
    (("vae", "--latent", "3", "--min-alive", "4"), "--min-alive"),
    (("vae", "--limit", "1"), "--mixture"),
    (("vae", "--prior", "mixture", "--mixture", "0"), "--mixture 1"),
    (("vae", "--adversary-start", "3"), "--adversary discriminator"),
    (("gan", "--rotation", "5"), "--augment paper"),
    (("gan", "--r1", "1"), "--discriminator-norm"),
    (("gan", "--one-stage"), "--loss hinge"),
    (("cae", "--condition", "hair-color"), "--condition"),
    (("cae", "--latent", "5"), "--latent"),
    (("gan", "--beta-1", "0.9", "--optimizer", "sgd"), "--optimizer"),
]


@pytest.mark.parametrize(("words", "said"), WRONG, ids=str)
def test_a_training_that_cannot_be_is_exit_2_and_makes_no_run(words, said, here, built_faces, tmp_path):
    here(words[0], "train", "--data", built_faces, *words[1:], "--json").refused(2, said)
    assert not list(tmp_path.glob("runs/0*"))


def test_faces_that_are_not_built_are_exit_3_with_the_command_that_builds_them(here):
    for kind in ("vae", "cae", "gan"):
        here(kind, "train").refused(3, "idl data build faces")


def test_a_report_frames_a_map_of_the_codes_of_each_model_of_faces(here, face_runs, finished_run, tmp_path):
    runs = [face_runs["vae"], face_runs["cae"], finished_run, face_runs["vae"]]
    texts = []
    for name in ("one.html", "two.html"):
        done = here("report", *runs, "--map", "--out", name, "--json")
        assert not [note for one in done.data["runs"] for note in one["notes"] if "map" in note]
        texts.append((tmp_path / name).read_text("utf-8"))
    assert texts[0] == texts[1]
    assert texts[0].count("<iframe") == 2
    for kind in ("vae", "cae"):
        assert f"t-SNE of the latent codes of {face_runs[kind].name}" in texts[0]
    here("report", *runs, "--out", "plain.html")
    assert "<iframe" not in (tmp_path / "plain.html").read_text("utf-8")


def test_a_run_that_no_map_can_be_made_of_has_a_report_that_says_so(here, trained_faces, tmp_path):
    shutil.rmtree(trained_faces["vae"] / "checkpoints")
    done = here("report", trained_faces["vae"], "--map", "--json")
    assert done.code == 0
    (note,) = [note for one in done.data["runs"] for note in one["notes"] if "no map" in note]
    assert "checkpoint" in note
    assert "no map" in (tmp_path / "report.html").read_text("utf-8")


def test_a_report_that_cannot_be_written_is_refused_before_a_map_is_made(here, face_runs, monkeypatch):
    from idlcli.experiments import maps

    monkeypatch.setattr(maps, "draw", None)
    here("report", face_runs["vae"], "--map", "--out", "page.txt").refused(2, "page.txt")
    here("report", face_runs["vae"], "--map", "--insert", "nowhere.html").refused(3, "nowhere.html")


def test_all_data_are_built_or_none(here, tmp_path):
    """Faces take minutes: what stands in the way of the rest is said before."""
    (tmp_path / "data" / "arithmetic").mkdir(parents=True)
    (tmp_path / "data" / "arithmetic" / "manifest.json").write_text('{"kind": "arithmetic"}')
    here("data", "build", "all").refused(2, "arithmetic exists already", "--overwrite")
    assert not (tmp_path / "data" / "faces").exists()
