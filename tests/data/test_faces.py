"""The built set: whole or not there, the same bytes twice, a test part that depends on pixels alone."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlcli.data import face_set, faces
from idlcli.errors import DataError, RunFailed, UsageError
from idlcli.settings.data import FacesSettings

TIMES = ("created", "seconds")


def picture(seed, side=12):
    array = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    return cv2.imencode(".png", array)[1].tobytes()


def write_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tree(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def build(source, out, progress=None, **options):
    return faces.build(settings=FacesSettings(source=str(source), size=8, **options), out=out, progress=progress)


def manifest_of(path):
    found = json.loads((path / "manifest.json").read_text())
    return {key: value for key, value in found.items() if key not in TIMES}


@pytest.fixture
def pack(tmp_path):
    return write_zip(tmp_path / "pack.zip", {f"{n:02d}.png": picture(n) for n in range(20)})


def test_the_contract_of_the_result(pack, tmp_path):
    seen = []
    result = build(pack, tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    assert {"path", "count", "test_count", "shape", "skipped", "sha256", "seconds"} <= set(result)
    assert result["count"] == 20
    assert result["test_count"] == 4  # a fifth, which is less than 2,048
    assert result["shape"] == [20, 8, 8, 3]
    assert result["skipped"] == []
    assert result["sha256"] == hashlib.sha256((tmp_path / "out" / "images.npy").read_bytes()).hexdigest()
    assert seen == [(n, 20) for n in range(1, 21)]
    json.dumps(result, allow_nan=False)


def test_what_is_built_loads(pack, tmp_path):
    result = build(pack, tmp_path / "out")
    loaded = faces.load(path=tmp_path / "out")
    assert isinstance(loaded.images, np.memmap)
    assert not loaded.images.flags.writeable
    assert loaded.images.shape == tuple(result["shape"])
    assert loaded.size == 8
    together = np.concatenate([loaded.train_indices, loaded.test_indices])
    assert sorted(together.tolist()) == list(range(20))
    assert loaded.labels == {}
    assert np.load(tmp_path / "out" / "images.npy", allow_pickle=False).shape == (20, 8, 8, 3)


def test_the_same_command_twice_gives_the_same_bytes(pack, tmp_path):
    first, second = build(pack, tmp_path / "a"), build(pack, tmp_path / "b")
    assert first["sha256"] == second["sha256"]
    assert (tmp_path / "a" / "images.npy").read_bytes() == (tmp_path / "b" / "images.npy").read_bytes()
    assert manifest_of(tmp_path / "a") == manifest_of(tmp_path / "b")


def test_zip_and_directory_and_npy_of_the_same_pictures_give_the_same_bytes(tmp_path):
    files = {f"{n:02d}.png": picture(n) for n in range(10)}
    array = np.stack([cv2.imdecode(np.frombuffer(b, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1] for b in files.values()])
    np.save(tmp_path / "x.npy", array)
    sources = [write_zip(tmp_path / "x.zip", files), write_tree(tmp_path / "x", files), tmp_path / "x.npy"]
    assert len({build(source, tmp_path / f"out{n}")["sha256"] for n, source in enumerate(sources)}) == 1
    tests = [faces.load(path=tmp_path / f"out{n}").test_indices.tolist() for n in range(3)]
    assert tests[0] == tests[1] == tests[2]


def test_the_test_part_does_not_depend_on_names_or_order(tmp_path):
    pictures = [picture(n) for n in range(30)]
    kept = []
    for run in range(3):
        order = np.random.default_rng(run).permutation(30)
        source = write_zip(tmp_path / f"{run}.zip", {f"{place:02d}.png": pictures[n] for place, n in enumerate(order)})
        build(source, tmp_path / str(run))
        loaded = faces.load(path=tmp_path / str(run))
        kept.append({loaded.images[i].tobytes() for i in loaded.test_indices})
    assert kept[0] == kept[1] == kept[2]
    assert len(kept[0]) == 6


def test_the_pictures_of_the_lowest_digests_are_the_test_part():
    digests = [hashlib.sha256(bytes([value])).digest()[:16] for value in range(50)]
    test, _ = face_set.choose_test(digests=b"".join(digests), wanted=7)
    assert sorted(digests[row] for row in test) == sorted(digests)[:7]


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(0, 20), st.randoms(use_true_random=False)
)  # fmt: skip
@settings(max_examples=150)
def test_laws_of_the_test_part(values, wanted, random):
    def digests(items):
        return b"".join(hashlib.sha256(bytes([v])).digest()[:16] for v in items)

    test, duplicates = face_set.choose_test(digests=digests(values), wanted=wanted)
    assert len(test) <= min(wanted, len(values) // 5)
    assert duplicates == len(values) - len(set(values))
    inside = {values[i] for i in test}
    assert inside.isdisjoint(values[i] for i in range(len(values)) if i not in test)
    shuffled = random.sample(values, len(values))
    again, _ = face_set.choose_test(digests=digests(shuffled), wanted=wanted)
    assert {shuffled[i] for i in again} == inside
    if duplicates == 0:
        assert len(test) == min(wanted, len(values) // 5)


def test_repeated_pictures_are_on_one_side(tmp_path):
    source = write_zip(tmp_path / "x.zip", {f"{n:02d}.png": picture(n // 2) for n in range(40)})
    result = build(source, tmp_path / "out")
    loaded = faces.load(path=tmp_path / "out")
    train = {loaded.images[i].tobytes() for i in loaded.train_indices}
    assert train.isdisjoint(loaded.images[i].tobytes() for i in loaded.test_indices)
    assert (result["duplicates"], result["test_count"]) == (20, 8)


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (3, 3), (4, 4), (5, 4)])
def test_the_test_count_is_at_most_a_fifth(pack, tmp_path, asked, given):
    assert build(pack, tmp_path / "out", test_count=asked)["test_count"] == given
    assert len(faces.load(path=tmp_path / "out").train_indices) == 20 - given


def test_bad_files_are_listed_with_reasons_and_everything_adds_up(tmp_path):
    files = {f"{n}.png": picture(n) for n in range(6)}
    files |= {"bad.png": b"<html>", "cut.png": picture(7)[:60], "note.txt": b"", "in.zip": b"", ".x.png": b""}
    result = build(write_tree(tmp_path / "tree", files), tmp_path / "out")
    assert {one["file"] for one in result["skipped"]} == {"bad.png", "cut.png", "in.zip"}
    assert all(one["reason"] for one in result["skipped"])
    manifest = manifest_of(tmp_path / "out")
    assert result["count"] + manifest["skipped"]["count"] + manifest["source"]["ignored"] == len(files)
    assert manifest["source"]["entries"] == len(files)
    with pytest.raises(DataError, match=r"--strict: in\.zip"):
        build(tmp_path / "tree", tmp_path / "strict", strict=True)
    (tmp_path / "tree" / "in.zip").unlink()
    with pytest.raises(DataError, match=r"--strict: bad\.png"):
        build(tmp_path / "tree", tmp_path / "strict", strict=True)
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith(".")) == ["out", "tree"]


def test_count_takes_the_first_that_can_be_read(tmp_path):
    files = {"0.png": b"", **{f"{n}.png": picture(n) for n in range(1, 8)}}
    result = build(write_tree(tmp_path / "tree", files), tmp_path / "out", count=3)
    assert (result["count"], result["skipped_count"]) == (3, 1)
    assert manifest_of(tmp_path / "out")["source"]["not_needed"] == 4
    with pytest.raises(DataError, match=r"holds 8 pictures, fewer than --count 9"):
        build(tmp_path / "tree", tmp_path / "more", count=9)
    with pytest.raises(DataError, match=r"holds 7 pictures that can be read, fewer than --count 8"):
        build(tmp_path / "tree", tmp_path / "more", count=8)
    assert not (tmp_path / "more").exists()


def test_labels_from_a_csv(pack, tmp_path):
    (tmp_path / "l.csv").write_text(
        "hair, id ,eyes\nred,00,blue\nblack,01,\n\ngreen,02.png,blue\nred,99,red\n", "utf-8-sig"
    )
    result = build(pack, tmp_path / "out", labels=str(tmp_path / "l.csv"))
    assert result["labels"] == ["hair", "eyes"]
    found = faces.load(path=tmp_path / "out").labels
    assert found["hair"].texts() == ["red", "black", "green", *[None] * 17]
    assert found["eyes"].texts() == ["blue", None, "blue", *[None] * 17]
    assert found["hair"].words == ("black", "green", "red")
    assert manifest_of(tmp_path / "out")["labels"]["labelled"] == 3


def test_labels_of_an_npy_go_by_row(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((12, 8, 8)))
    (tmp_path / "l.csv").write_text("id,kind\n0,a\n11,b\n03,c\n")
    build(tmp_path / "x.npy", tmp_path / "out", labels=str(tmp_path / "l.csv"))
    texts = faces.load(path=tmp_path / "out").labels["kind"].texts()
    assert {i: t for i, t in enumerate(texts) if t} == {0: "a", 11: "b", 3: "c"}


def test_folders_are_labels_where_they_divide_the_pictures(tmp_path):
    files = {f"all/{'cat' if n % 3 else 'dog'}/{n}.png": picture(n) for n in range(9)}
    build(write_zip(tmp_path / "x.zip", files), tmp_path / "a")
    found = faces.load(path=tmp_path / "a").labels["folder"]
    assert found.words == ("cat", "dog")
    assert found.texts() == ["cat"] * 6 + ["dog"] * 3
    for number, files in enumerate(
        [
            {f"faces/{n}.png": picture(n) for n in range(4)},  # one folder
            {"a/1.png": picture(1), "2.png": picture(2)},  # one outside
            {"a/b/1.png": picture(1), "c/2.png": picture(2)},  # not one level
        ]
    ):
        assert build(write_zip(tmp_path / f"{number}.zip", files), tmp_path / str(number))["labels"] == []


def test_a_csv_labels_pictures_of_one_name_only_by_their_folder(tmp_path):
    source = write_tree(tmp_path / "t", {"a/1.png": picture(1), "b/1.png": picture(2)})
    (tmp_path / "l.csv").write_text("id,x\n1,u\n")
    with pytest.raises(DataError, match="any of 2 pictures"):
        build(source, tmp_path / "out", labels=str(tmp_path / "l.csv"))
    (tmp_path / "l.csv").write_text("id,x\na/1,u\nb/1,v\n")
    build(source, tmp_path / "out", labels=str(tmp_path / "l.csv"))
    assert {k: c.texts() for k, c in faces.load(path=tmp_path / "out").labels.items()} == {
        "folder": ["a", "b"], "x": ["u", "v"],
    }  # fmt: skip


def test_cartoons_end_to_end(tmp_path):
    result = faces.build(settings=FacesSettings(count=15, size=16, seed=4), out=tmp_path / "a")
    again = faces.build(settings=FacesSettings(count=15, size=16, seed=4), out=tmp_path / "b")
    other = faces.build(settings=FacesSettings(count=15, size=16, seed=5), out=tmp_path / "c")
    assert result["sha256"] == again["sha256"] != other["sha256"]
    assert manifest_of(tmp_path / "a") == manifest_of(tmp_path / "b")
    assert (tmp_path / "a" / "labels.npy").read_bytes() == (tmp_path / "b" / "labels.npy").read_bytes()
    manifest = manifest_of(tmp_path / "a")
    assert manifest["attribution"]["license"] == "CC BY 4.0"
    assert (manifest["source"]["name"], manifest["source"]["seed"]) == ("adventurer", 4)
    loaded = faces.load(path=tmp_path / "a")
    assert {"hair", "hair-color", "skin-color"} <= set(loaded.labels)
    assert all(len(column.codes) == 15 for column in loaded.labels.values())
    assert faces.check(path=tmp_path / "a")["count"] == 15


def test_options_that_do_not_apply_are_usage_errors(pack, tmp_path):
    with pytest.raises(UsageError, match="--labels does not go with"):
        faces.build(settings=FacesSettings(labels="x.csv"), out=tmp_path / "out")
    with pytest.raises(UsageError, match="no cartoon style"):
        faces.build(settings=FacesSettings(style="adventurre"), out=tmp_path / "out")


@pytest.mark.parametrize("words", [("--style", "adventurer"), ("--seed", "0"), ("--seed", "1")], ids=" ".join)
def test_how_cartoons_are_drawn_is_refused_of_pictures_that_are_there(words, here, pack):
    here("data", "build", "faces", "--source", pack, *words).refused(2, f"{words[0]} does not apply to --source")


def test_what_stands_there_is_replaced_only_if_it_is_ours_and_only_when_asked(pack, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    build(pack, out)  # empty: free
    with pytest.raises(UsageError, match="exists already") as caught:
        build(pack, out)
    assert "--overwrite" in caught.value.hint
    build(pack, out, overwrite=True, count=5)
    assert len(faces.load(path=out).images) == 5
    (out / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds 'notes\.txt'"):
        build(pack, out, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"
    assert len(faces.load(path=out).images) == 5


@pytest.mark.parametrize("content", ['{"kind": "arithmetic"}', "not json", "[]"])
def test_a_directory_of_another_kind_is_never_replaced(pack, tmp_path, content):
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.json").write_text(content)
    with pytest.raises(UsageError, match="is not replaced"):
        build(pack, out, overwrite=True)
    assert (out / "manifest.json").read_text() == content


def test_a_file_is_never_replaced(pack, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="not a directory"):
        build(pack, tmp_path / "out", overwrite=True)


def test_when_a_build_fails_the_old_set_stands_and_nothing_else(pack, tmp_path):
    out = tmp_path / "out"
    build(pack, out)
    before = (out / "manifest.json").read_bytes()

    def stop(done, total):
        assert {p.name for p in tmp_path.iterdir()} >= {"out", ".out.building"}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(pack, out, progress=stop, overwrite=True)
    assert (out / "manifest.json").read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {"pack.zip", "out", ".out.lock"}


def test_what_a_killed_build_left_is_put_right(pack, tmp_path):
    out = tmp_path / "out"
    build(pack, out)
    out.rename(tmp_path / ".out.old")  # killed between the two renames of an overwrite
    (tmp_path / ".out.building").mkdir()
    (tmp_path / ".out.building" / "images.npy").write_bytes(b"half")
    with pytest.raises(UsageError, match="exists already"):
        build(pack, out)  # the old set is back, so this one has no place
    assert len(faces.load(path=out).images) == 20
    assert {p.name for p in tmp_path.iterdir()} == {"pack.zip", "out", ".out.lock"}


def test_two_builds_of_one_directory_at_once(pack, tmp_path):
    def second(done, total):
        if done == 3:
            with pytest.raises(RunFailed, match="in use by another process"):
                build(pack, tmp_path / "out")

    assert build(pack, tmp_path / "out", progress=second)["count"] == 20


@pytest.mark.parametrize("where", ["tree", "tree/out", "."])
def test_source_and_output_may_not_lie_in_one_another(tmp_path, where):
    tree = write_tree(tmp_path / "tree", {"1.png": picture(1)})
    with pytest.raises(UsageError, match="lie in one another" if where == "tree/out" else "is not replaced"):
        build(tree, tmp_path / where, overwrite=True)
    link = tmp_path / "link"
    link.symlink_to(tree)
    with pytest.raises(UsageError, match="lie in one another"):
        build(tree, link / "out", overwrite=True)
    assert [p.name for p in tree.iterdir()] == ["1.png"]


def test_a_source_or_labels_inside_an_old_set_are_not_lost_with_it(pack, tmp_path):
    build(pack, tmp_path / "set")
    with pytest.raises(UsageError, match="lie in one another"):
        build(tmp_path / "set" / "images.npy", tmp_path / "set", overwrite=True)
    with pytest.raises(UsageError, match=r"--labels .* lie in one another"):
        build(pack, tmp_path / "set", overwrite=True, labels=str(tmp_path / "set" / "images.npy"))
    assert len(faces.load(path=tmp_path / "set").images) == 20


def test_the_source_is_not_touched(pack, tmp_path):
    before = (pack.read_bytes(), os.stat(pack).st_mtime_ns)
    build(pack, tmp_path / "out")
    assert (pack.read_bytes(), os.stat(pack).st_mtime_ns) == before


def test_the_manifest_names_no_private_path(pack, tmp_path):
    build(pack, tmp_path / "out")
    assert str(tmp_path) not in (tmp_path / "out" / "manifest.json").read_text()


def test_check_of_a_raw_source(tmp_path):
    files = {"a.png": picture(1), "b.png": picture(1), "c.png": picture(3, side=20), "d.jpg": b"no", "e.txt": b""}
    found = faces.check(path=write_tree(tmp_path / "t", files))
    assert (found["kind"], found["entries"], found["count"], found["duplicates"]) == ("directory", 5, 3, 1)
    assert (found["skipped_count"], found["ignored"]) == (1, 1)
    assert (found["formats"], found["modes"], found["sizes"]) == ({"PNG": 3}, {"RGB": 3}, {"12x12": 2, "20x20": 1})
    assert (found["smallest"], found["largest"]) == ([12, 12], [20, 20])
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "1.png").write_bytes(b"no")
    with pytest.raises(DataError, match="None of the 1 pictures"):
        faces.check(path=tmp_path / "bad")


def test_check_of_a_built_set_reads_every_byte(pack, tmp_path):
    out = tmp_path / "out"
    build(pack, out, test_count=3)
    found = faces.check(path=out)
    assert (found["kind"], found["count"], found["test_count"], found["shape"]) == ("faces", 20, 3, [20, 8, 8, 3])
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    assert before == {p.name: p.read_bytes() for p in out.iterdir()}
    manifest = json.loads(before["manifest.json"])
    manifest["test"]["indices"] = [n for n in range(20) if n not in manifest["test"]["indices"]][:3]
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="not the one that was chosen"):
        faces.check(path=out)
    (out / "manifest.json").write_bytes(before["manifest.json"])
    spoilt = bytearray(before["images.npy"])
    spoilt[-1] ^= 1
    (out / "images.npy").write_bytes(spoilt)
    with pytest.raises(DataError, match="hash differs"):
        faces.check(path=out)


def test_samples_of_a_set_and_of_a_source(pack, tmp_path):
    build(pack, tmp_path / "out")
    images, words = face_set.sample(path=tmp_path / "out", count=6, seed=1)
    loaded = faces.load(path=tmp_path / "out")
    rows = [int(word.split()[0]) for word in words]
    assert (images == loaded.images[rows]).all()
    assert rows == sorted(set(rows))
    assert ["test" in word for word in words] == [row in loaded.test_indices for row in rows]
    raw, names = face_set.sample(path=pack, count=6, seed=1)
    assert raw.shape == (6, 64, 64, 3)
    assert names == [f"{row:02d}.png" for row in rows]  # the same seed chooses the same
    assert len(face_set.sample(path=pack, count=99, seed=0)[1]) == 20
    bad = write_zip(tmp_path / "bad.zip", {"a.png": b"no"})
    with pytest.raises(DataError, match="None of the pictures"):
        face_set.sample(path=bad, count=3, seed=0)


@pytest.mark.skipif("IDL_REAL_DATA" not in os.environ, reason="needs the folder that IDL_REAL_DATA names")
def test_real_faces(tmp_path):
    source = Path(os.environ["IDL_REAL_DATA"]) / "anime-faces-6k.zip"
    result = faces.build(settings=FacesSettings(source=str(source)), out=tmp_path / "out")
    assert (result["count"], result["test_count"], result["skipped"]) == (6000, 1200, [])
    assert result["shape"] == [6000, 64, 64, 3]
