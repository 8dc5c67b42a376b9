"""Files are whole or not there; what strangers wrote is read or refused, with the file's name, and never run."""

import hashlib
import json
import math
import os
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from idlcli import files
from idlcli.errors import DataError, RunFailed, UsageError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
fixture_is_shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


@fixture_is_shared
@given(JSON)
@example("caf\udce9")  # what Python makes of a path that is not UTF-8
def test_json_that_was_written_is_read_back(tmp_path, value):
    files.write_json(tmp_path / "x.json", value)
    assert files.read_json(tmp_path / "x.json") == value
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("value", [math.nan, math.inf, [1.0, {"a": -math.inf}]])
def test_what_is_no_number_is_never_written(value, tmp_path):
    (tmp_path / "x.json").write_text("1")
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", value)
    assert (tmp_path / "x.json").read_text() == "1"


@pytest.mark.parametrize(
    "content",
    [b"NaN", b"[Infinity]", b"-Infinity", b"1e999", b'{"a": -1e999}', b"{'a': 1}", b"", b"\xff", b"1 2", b"[" * 10**6],
)
def test_what_is_not_json_is_a_data_error_with_the_file(content, tmp_path):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.json") as caught:
        files.read_json(tmp_path / "x.json")
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300 + len(str(tmp_path))


@fixture_is_shared
@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_a_data_error(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    for read in (files.read_json, files.read_json_object, files.read_json_lines):
        said = "fine"
        try:
            read(tmp_path / "x")
        except DataError as error:
            said = error.message
        assert said.isprintable()


@fixture_is_shared
@given(st.binary(max_size=200))
def test_any_bytes_are_toml_or_a_usage_error(tmp_path, content):
    (tmp_path / "x.toml").write_bytes(content)
    said = "fine: x.toml"
    try:
        files.read_toml(tmp_path / "x.toml")
    except UsageError as error:
        said = error.message
    assert "x.toml" in said
    assert "\n" not in said


@pytest.mark.parametrize("content", ["[]", "3", "null", '"a"', "true"])
def test_an_object_is_asked_for_and_nothing_else_is_taken(content, tmp_path):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DataError, match="object"):
        files.read_json_object(tmp_path / "x.json")


def test_lines_are_read_without_the_one_that_a_crash_tore(tmp_path):
    path = tmp_path / "log.jsonl"
    for number in range(3):
        files.append_line(path, json.dumps({"n": number}))
    assert files.read_json_lines(path) == [{"n": 0}, {"n": 1}, {"n": 2}]
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        whole = content[:length].count(b"\n")
        assert files.read_json_lines(path) == [{"n": n} for n in range(whole)]


@pytest.mark.parametrize("line", [b"not json", b"[1]", b"", b"3", b"\xff", b'{"n": NaN}', b'{"n": 1e999}'])
def test_a_broken_line_is_a_data_error_with_its_number(line, tmp_path):
    (tmp_path / "log.jsonl").write_bytes(b'{"n": 0}\n' + line + b'\n{"n": 2}\n')
    with pytest.raises(DataError, match="line 2"):
        files.read_json_lines(tmp_path / "log.jsonl")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x"
    files.write_text(path, "before")
    with pytest.raises(ZeroDivisionError), files.atomic_writer(path) as file:
        file.write(b"half of what is com" * (1 // 0))
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    files.write_text(path, "é")
    assert path.read_bytes() == "é".encode()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_refuses_is_a_failed_run_with_the_reason_and_the_earlier_file_stays(call, tmp_path, monkeypatch):
    path = tmp_path / "x"
    files.write_text(path, "before")

    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(RunFailed, match="No space left on device") as caught:
            files.write_text(path, "after")
        if call == "fsync":
            with pytest.raises(RunFailed, match="No space left on device"):
                files.append_line(tmp_path / "log", "a line")
            (tmp_path / "log").unlink()
    assert "space" in caught.value.hint
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_directory_that_cannot_be_synced_does_not_fail_the_write(tmp_path, monkeypatch):
    original = os.fsync

    def refuse(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(22, "Invalid argument")
        original(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    files.write_text(tmp_path / "x", "whole")
    assert (tmp_path / "x").read_text() == "whole"


def test_a_place_that_cannot_be_written_is_a_failed_run(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "x", tmp_path / "nowhere" / "x", tmp_path / ("a" * 300)):
        with pytest.raises(RunFailed):
            files.write_text(path, "")
    with pytest.raises(RunFailed):
        files.append_line(tmp_path / "nowhere" / "x", "")
    with pytest.raises(RunFailed):
        files.make_directory(tmp_path / "file" / "x")
    with pytest.raises(RunFailed):
        files.write_text(tmp_path, "over a directory")


def test_a_process_killed_while_it_writes_leaves_the_earlier_file_and_a_temporary_that_is_swept(tmp_path):
    path = tmp_path / "x"
    files.write_text(path, "before")
    code = (
        "import sys, time; from pathlib import Path; from idlcli.files import atomic_writer\n"
        "with atomic_writer(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); print(flush=True); time.sleep(600)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    writer.kill()
    writer.communicate()
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "mine.tmp").write_text("a user's own")
    files.sweep_temporaries(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.tmp", "x"]


def test_a_reader_sees_one_whole_version_while_writers_write(tmp_path):
    path = tmp_path / "x.json"
    versions = [{"n": n, "filling": "x" * 50_000} for n in (0, 1)]
    files.write_json(path, versions[0])
    until = time.monotonic() + 0.5

    def write():
        while time.monotonic() < until:
            for version in versions:
                files.write_json(path, version)

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while writer.is_alive():
        assert files.read_json(path) in versions
        seen += 1
    writer.join()
    assert seen > 1


def test_what_is_too_large_is_refused_unread(tmp_path):
    with open(tmp_path / "x", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(DataError, match="too large"):
        files.read_bytes(tmp_path / "x", limit=1000)
    with pytest.raises(DataError, match="too large"):
        files.read_json(tmp_path / "x")
    with pytest.raises(UsageError, match="too large"):
        files.read_toml(tmp_path / "x")


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "loop", tmp_path / "nowhere", tmp_path / ("a" * 300)):
        with pytest.raises(DataError):
            files.read_bytes(path, limit=10)
        with pytest.raises(DataError):
            files.sha256_of_file(path)


@fixture_is_shared
@given(st.binary(max_size=3000))
def test_a_hash_is_sha256(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    assert files.sha256_of_file(tmp_path / "x") == hashlib.sha256(content).hexdigest()
