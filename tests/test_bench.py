"""The benchmark runner: turns are taken alternately, kept, and not taken again; results and page are made of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
COUNTING = (
    "import pathlib, sys; f = pathlib.Path(sys.argv[1]); f.open('a').write(sys.argv[2] + '\\n'); print(sys.argv[3])"
)
KEYS = {"pair", "ours", "peer", "ratio", "better", "target", "met", "conditions"}


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("bench", "page", "pairs", "sides"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import bench

    return bench


@pytest.fixture
def stub(tmp_path):
    """Two sides that write who ran, and print a figure; the peer fails while ``tmp_path/broken`` is there."""
    from sides import Data, Pair, Side

    def side(name, figure):
        check = f"assert not ({name == 'peer'} and __import__('os').path.exists({str(tmp_path / 'broken')!r}));"
        argv = [sys.executable, "-c", check + COUNTING, str(tmp_path / "ran"), name, figure]
        return Side(f"the {name}", lambda place: argv, lambda turn: (float(turn.output), {"said": 1}))

    def make(ours="2", peer="8", target=0.5, better="lower", goal=lambda ours, peer: ""):
        return Pair("stub", "a stub", "s", better, target, side("ours", ours), side("peer", peer), "nothing", goal)

    make.data = Data(tmp_path, tmp_path, tmp_path, "none")
    return make


@pytest.fixture
def run(bench, stub, tmp_path):
    def run(pair, turns=2):
        status = bench.run(
            [pair], data=stub.data, turns=turns, threads=1, build=tmp_path / "build",
            results=tmp_path / "results.json", written=tmp_path / "page.md",
        )  # fmt: skip
        ran = (tmp_path / "ran").read_text().split() if (tmp_path / "ran").exists() else []
        return status, ran

    return run


def test_sides_take_turns_and_the_results_say_how_it_came_out(run, stub, tmp_path):
    assert run(stub()) == (0, ["ours", "peer", "ours", "peer"])
    (row,) = json.loads((tmp_path / "results.json").read_text())
    assert set(row) == KEYS
    assert (row["pair"], row["ours"], row["peer"], row["ratio"], row["met"]) == ("stub", 2, 8, 0.25, True)
    assert [turn["value"] for turn in row["conditions"]["turns"]["peer"]] == [8, 8]
    assert row["conditions"]["machine"][0]["threads"] == 1
    page = (tmp_path / "page.md").read_text()
    assert "| [a stub](#stub) | 2 s (2 to 2) | 8 s (8 to 8) | 0.250 | 0.500 or less | met |" in page
    assert "Nothing." in page


@pytest.mark.parametrize(
    ("pair", "met"),
    [({"target": 0.2}, False), ({"better": "higher", "target": 0.2}, True), ({"better": "higher"}, False)],
)
def test_a_target_is_met_on_its_own_side_only(run, stub, tmp_path, pair, met):
    run(stub(**pair), turns=1)
    assert json.loads((tmp_path / "results.json").read_text())[0]["met"] is met


def test_a_fast_side_that_did_not_reach_the_goal_has_not_met_its_target(run, stub, tmp_path):
    run(stub(goal=lambda ours, peer: f"ended {len(ours)} short"), turns=1)
    assert json.loads((tmp_path / "results.json").read_text())[0]["met"] is False
    assert "ended 1 short" in (tmp_path / "page.md").read_text().split("## What was missed")[1]


def test_kept_turns_are_not_taken_again_and_more_are_added(run, stub):
    run(stub(), turns=1)
    assert run(stub(), turns=1)[1] == ["ours", "peer"]
    assert run(stub(), turns=2)[1] == ["ours", "peer", "ours", "peer"]


def test_a_bench_that_broke_off_goes_on_where_it_was(run, stub, tmp_path, capsys):
    (tmp_path / "broken").touch()
    assert run(stub()) == (1, ["ours"])
    assert "stub failed" in capsys.readouterr().err
    assert not (tmp_path / "results.json").exists()
    (tmp_path / "broken").unlink()
    assert run(stub()) == (0, ["ours", "peer", "ours", "peer"])
    assert len(json.loads((tmp_path / "results.json").read_text())[0]["conditions"]["turns"]["peer"]) == 2


def test_other_pairs_keep_their_rows(run, stub, tmp_path):
    (tmp_path / "results.json").write_text(json.dumps([{"pair": "other"}]))
    with pytest.raises(KeyError):  # the page wants whole rows
        run(stub(), turns=1)
    assert [row["pair"] for row in json.loads((tmp_path / "results.json").read_text())] == ["other", "stub"]


def test_every_pair_has_a_name_of_its_own_and_is_listed():
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "bench.py"), "--list"], capture_output=True, text=True, check=True
    )
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert len(names) == len(set(names)) >= 10


def test_two_distances_that_differ_are_no_race(bench):
    import pairs

    (first, second) = pairs.fid()
    for pair in (first, second):
        assert pair.goal([{"distance": 221.8}], [{"distance": 221.81}]) == ""
        assert "differ" in pair.goal([{"distance": 221.8}], [{"distance": 224.1}])


def test_each_pair_is_better_on_the_side_where_its_figure_is(bench):
    """Seconds are better fewer, rates better more; nobody's target is to be slower."""
    import pairs

    for pair in pairs.pairs():
        assert (pair.better == "lower") == (pair.unit == "s"), pair.name
        assert pair.target <= 1.5 if pair.better == "lower" else pair.target >= 1, pair.name


def test_what_a_benchmark_writes_leaves_the_revision_clean(bench, monkeypatch, tmp_path):
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x"]
    (tmp_path / "idlcli").mkdir()
    (tmp_path / "idlcli" / "a.py").write_text("a = 1")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "results.json").write_text("[]")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    clean = bench.revision()
    assert clean
    (tmp_path / "benchmarks" / "results.json").write_text("[1]")
    assert bench.revision() == clean
    (tmp_path / "idlcli" / "a.py").write_text("a = 2")
    assert bench.revision() == f"{clean}-dirty"


def test_an_unknown_pair_is_refused():
    argv = [sys.executable, str(BENCHMARKS / "bench.py"), "--only", "nonsense"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nonsense" in done.stderr
