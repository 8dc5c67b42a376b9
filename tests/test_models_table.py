"""The tables of trained faces in the documentation are made of the landed scores, by the script that trains them."""

import json

import pytest

from idlcli.settings import COMMANDS, GanSettings
from idlcli.settings.fields import fields_of
from idlcli.settings.resolve import applicable, resolve

ROWS = [
    {"model": "gan-best", "seed": 0, "frechet": 90.04, "kid": 20.0, "precision": 0.5, "coverage": 0.7, "copies": False,
     "minutes": 30.0, "engine": "tensorflow", "cores": 1},
    {"model": "gan-best", "seed": 1, "frechet": 94.0, "kid": 22.0, "precision": 0.6, "coverage": 0.8, "copies": False,
     "minutes": 32.0},
    {"model": "cae-best", "seed": 0, "mse": 0.0071, "minutes": 10.0},
]  # fmt: skip


@pytest.fixture
def models(benchmark):
    return benchmark("models", "models: anime")


def test_landed_scores_are_of_the_recipes_as_they_are(benchmark):
    models = benchmark("models")
    rows = [row for part in json.loads(models.RESULTS.read_text("utf-8")).values() for row in part["rows"]]
    trained = {(row["model"], row["recipe"]) for row in rows if "recipe" in row}
    assert {model for model, _ in trained} == {"vae-paper", "vae-best", "cae-best", "gan-best"}
    for model, recipe in trained:
        kind, name = model.split("-")
        command = f"{kind} train"
        now = resolve(COMMANDS[command], command=command, flags={}, environ={}, config=None, recipe=name, places={})
        assert recipe == models.digest(applicable(now.settings), kind=kind), f"make models MODELS={model}"


def test_page_and_results_say_the_same(benchmark):
    models = benchmark("models")
    results = json.loads(models.RESULTS.read_text("utf-8")) if models.RESULTS.exists() else {}
    made = models.inserted(models.PAGE, models.tables(results))
    assert models.PAGE.read_text("utf-8") == made, "make it again: make models"


def test_page_and_measured_proposals_say_the_same(benchmark):
    proposals = benchmark("proposals", "proposals")
    rows = json.loads(proposals.RESULTS.read_text("utf-8")) if proposals.RESULTS.exists() else None
    made = proposals.inserted(proposals.PAGE, {proposals.MARK: proposals.table(rows) if rows else ""})
    assert proposals.PAGE.read_text("utf-8") == made, "make it again: benchmarks/proposals.py"


def test_a_line_a_proposal(benchmark):
    rows = [{"setting": "base", "bound": [0.51, 0.53], "alive": [60, 62], "frechet": [200.0, 210.0]}]
    (line,) = benchmark("proposals", "proposals").table(rows).splitlines()[2:]
    assert line == "| base | 0.5200 ± 0.0141 | 61 ± 1 | 205 ± 7.1 |"


def test_a_line_a_model_with_the_spread_over_its_seeds(models):
    gan, cae = models.table(ROWS).splitlines()[2:]
    scores = "| 92 ± 2.8 | 21 ± 1.4 | 0.55 ± 0.071 | 0.75 ± 0.071 | – | 31 ± 1.4 | none | tensorflow, cores: 1 |"
    assert gan == f"| gan-best | 2 {scores}"
    assert cae == "| cae-best | 1 | – | – | – | – | 0.0071 | 10 | – | – |"


def test_what_a_peer_was_trained_on_is_taken_from_its_folder(models, monkeypatch, tmp_path):
    monkeypatch.setattr(models.Work, "score_faces", lambda self, faces: {"frechet": 233.0})
    monkeypatch.setattr(models, "idl", lambda *words: {})
    data = tmp_path / "data"
    data.mkdir()
    (data / "manifest.json").write_text(json.dumps({"images": {"sha256": "a"}, "test": {"indices": [0]}}))
    work = models.Work(data, tmp_path / "models", 8.85)
    assert work.score_peer(tmp_path / "faces.npy") == {"frechet": 233.0}
    (tmp_path / "log.jsonl").write_text('{"seconds": 90}\n{"seconds": 30}\n')
    (tmp_path / "environment.json").write_text('{"backend": "torch", "cores": 1}')
    trained = {"frechet": 233.0, "minutes": 2.0, "engine": "torch", "cores": 1}
    assert work.score_peer(tmp_path / "faces.npy") == trained


def test_runs_on_other_faces_of_the_same_name_are_not_taken(models, tmp_path):
    places = []
    for sha256, held_out in (("a", [0]), ("b", [0]), ("a", [1]), ("a", [0])):
        (tmp_path / "manifest.json").write_text(
            json.dumps({"images": {"sha256": sha256}, "test": {"indices": held_out}, "created": str(len(places))})
        )
        places.append(models.Work(tmp_path, tmp_path / "models", 8.85).runs)
    assert places[0] == places[3]
    assert len(set(places)) == 3


def test_scores_of_a_recipe_as_it_was_go(models):
    old = [{"model": "gan-best", "seed": seed, "recipe": "before"} for seed in (0, 1)]
    peer = {"model": "a peer", "seed": 0}
    new = {"model": "gan-best", "seed": 1, "recipe": "now"}
    assert models.fresh([*old, peer], new, of=("model",)) == [peer, new]
    assert models.fresh([peer, new], {**new, "seed": 2}, of=("model",)) == [peer, new, {**new, "seed": 2}]
    assert models.digest({"width": 8, "seed": 0, "data": "here"}, kind="gan") == models.digest({"width": 8}, kind="gan")
    assert models.digest({"width": 8}, kind="gan") != models.digest({"width": 9}, kind="gan")
    as_it_is = {name: field.default for name, field in fields_of(GanSettings).items()}
    assert models.digest({**as_it_is, "width": 8}, kind="gan") == models.digest({"width": 8}, kind="gan")


def test_a_score_takes_the_place_of_the_same_model_and_seed(models):
    for row in (*ROWS, {**ROWS[0], "frechet": 10.0}):
        models.keep("anime", 8.85, row)
    kept = json.loads(models.RESULTS.read_text())["anime"]["rows"]
    assert [(row["model"], row["seed"]) for row in kept] == [("gan-best", 1), ("cae-best", 0), ("gan-best", 0)]
    assert "| gan-best | 2 | 52 ± 59 |" in models.PAGE.read_text()
    assert models.PAGE.read_text().startswith("before\n")
    assert models.PAGE.read_text().endswith("after\n")
    with pytest.raises(SystemExit, match="models: cartoons"):
        models.keep("cartoons", 1.0, ROWS[0])


def test_pictures_are_of_the_first_seed_and_show_no_face_of_the_set_unless_they_may(benchmark, monkeypatch, tmp_path):
    gallery = benchmark("gallery", "pictures: anime")
    monkeypatch.setattr(gallery, "ROOT", tmp_path)
    monkeypatch.setattr(gallery, "PICTURES", tmp_path / "pictures")
    rows = [{"model": "gan-best", "seed": seed, "recipe": "abc"} for seed in (2, 1)]
    rows.append({"model": "cae-best", "seed": 1, "recipe": "abc"})
    gallery.RESULTS.write_text(json.dumps({"anime": {"floor": 8.85, "rows": rows}}))
    (tmp_path / "manifest.json").write_text(json.dumps({"images": {"sha256": "a"}, "test": {"indices": [0]}}))
    made = []

    def idl(*words):
        if words[:2] == ("runs", "list"):
            return [
                {"run": "00001-gan-best-s2-abc", "status": "done"},
                {"run": "00002-gan-best-s1-abc", "status": "done"},
                {"run": "00003-gan-best-s1-old", "status": "done"},
                {"run": "00004-cae-best-s1-abc", "status": "running"},
            ]
        made.append(words)
        words[-1].touch()
        return {}

    monkeypatch.setattr(gallery, "idl", idl)
    monkeypatch.setattr(benchmark("models"), "idl", idl)
    for real in ([], ["--real"]):
        made.clear()
        monkeypatch.setattr("sys.argv", ["gallery", "--name", "anime", "--data", str(tmp_path), *real])
        gallery.main()
        assert {words[2] for words in made} == {"00002-gan-best-s1-abc"}
        page = gallery.PAGE.read_text()
        assert page.count("](pictures/anime-gan-") == len(made) == (5 if real else 4)
        assert ("neighbours" in page) == bool(real)
    assert "`idl gan sample RUN --count 64`" in page


def test_a_picture_whose_run_is_elsewhere_stays_while_its_model_has_scores(benchmark, monkeypatch, tmp_path):
    gallery = benchmark("gallery", "pictures: anime")
    monkeypatch.setattr(gallery, "ROOT", tmp_path)
    monkeypatch.setattr(gallery, "PICTURES", tmp_path)
    rows = [{"model": "gan-best", "seed": 1, "recipe": "abc"}]
    gallery.RESULTS.write_text(json.dumps({"anime": {"floor": 8.85, "rows": rows}}))
    (tmp_path / "manifest.json").write_text(json.dumps({"images": {"sha256": "a"}, "test": {"indices": [0]}}))
    monkeypatch.setattr(benchmark("models"), "idl", lambda *words: [])
    for name in ("gan-samples", "vae-samples"):
        (tmp_path / f"anime-{name}.png").touch()
    monkeypatch.setattr("sys.argv", ["gallery", "--name", "anime", "--data", str(tmp_path)])
    gallery.main()
    page = gallery.PAGE.read_text()
    assert page.count("](pictures/") == page.count("](pictures/anime-gan-samples.png)") == 1


@pytest.mark.parametrize("results", [None, {"cartoons": {"floor": 2.1, "rows": []}}])
def test_without_scored_models_there_is_nothing_to_draw_and_a_line_says_so(benchmark, monkeypatch, tmp_path, results):
    gallery = benchmark("gallery", "pictures: anime")
    monkeypatch.setattr(gallery, "PICTURES", tmp_path / "pictures")
    if results:
        gallery.RESULTS.write_text(json.dumps(results))
    monkeypatch.setattr("sys.argv", ["gallery", "--name", "anime", "--data", str(tmp_path)])
    before = gallery.PAGE.read_text()
    with pytest.raises(SystemExit, match="make models NAME=anime"):
        gallery.main()
    assert gallery.PAGE.read_text() == before
    assert not gallery.PICTURES.exists()
