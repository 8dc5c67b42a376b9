"""The engine that was asked for, whatever this machine's Keras settings say; and nothing else written or read."""

import json
import os
import subprocess
import sys

import pytest

from idlcli.errors import RunFailed, UsageError
from idlcli.training import engine

START = """
import json, os, sys
from idlcli.training import engine
engine.start(sys.argv[1])
import keras
print(json.dumps([keras.backend.backend(), keras.config.floatx(), keras.config.image_data_format()]))
"""


def test_keras_s_own_settings_are_neither_obeyed_nor_written(tmp_path, environment, home):
    """float16 and channels first in ~/.keras/keras.json, another engine in KERAS_BACKEND."""
    (home / ".keras").mkdir()
    own = json.dumps(
        {"floatx": "float16", "epsilon": 0.5, "backend": "torch", "image_data_format": "channels_first"}
    )  # fmt: skip
    (home / ".keras" / "keras.json").write_text(own)
    done = subprocess.run(
        [sys.executable, "-c", START, "tensorflow"],
        env=environment | {"KERAS_BACKEND": "jax"}, cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == ["tensorflow", "float32", "channels_last"]
    assert done.stderr == b""
    assert (home / ".keras" / "keras.json").read_text() == own
    assert [path.name for path in (home / ".keras").iterdir()] == ["keras.json"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.engine
def test_the_engine_of_this_session_is_the_one_that_was_asked_for(keras_engine):
    import keras

    assert keras.backend.backend() == keras_engine == os.environ.get("TEST_ENGINE", "tensorflow")
    assert keras.config.floatx() == "float32"
    found = engine.environment(keras_engine)
    assert found["backend"] == keras_engine
    assert {"python", "idlcli", "keras", "numpy"} <= set(found["versions"])


@pytest.mark.engine
@pytest.mark.skipif("os.environ.get('TEST_ENGINE') != 'jax'", reason="XLA's own flag; `make test-engines` runs it")
def test_on_jax_deterministic_operations_are_asked_of_xla_beside_what_is_asked_already(tmp_path, environment):
    """XLA ends a process that asks for what it does not know."""
    code = (
        "import os; from idlcli.training import engine; engine.start('jax', deterministic=True);"
        "import keras; print(float(keras.ops.sum(keras.ops.ones((2, 3)))), os.environ['XLA_FLAGS'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"XLA_FLAGS": "--xla_cpu_enable_fast_math=false"}, cwd=tmp_path, capture_output=True,
        check=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["6.0", "--xla_cpu_enable_fast_math=false", "--xla_gpu_deterministic_ops=true"]


def test_on_tensorflow_deterministic_operations_are_asked_of_it(tmp_path, environment):
    """Asked of it, it refuses a random operation without a seed."""
    code = (
        "import sys; from idlcli.training import engine; engine.start('tensorflow', deterministic=sys.argv[1] == 'on');"
        "import tensorflow; tensorflow.raw_ops.RandomUniform(shape=[2], dtype='float32')"
    )
    for asked, said in (("on", b"determinism"), ("off", b"")):
        done = subprocess.run([sys.executable, "-c", code, asked], env=environment, cwd=tmp_path, capture_output=True)
        assert (done.returncode != 0) == (asked == "on")
        assert said in done.stderr


@pytest.mark.engine
def test_a_process_has_one_engine(keras_engine):
    engine.start(keras_engine)
    other = "jax" if keras_engine != "jax" else "torch"
    with pytest.raises(UsageError, match=keras_engine):
        engine.start(other)


@pytest.mark.parametrize(
    ("name", "package"), [("tensorflow", "tensorflow"), ("jax", "idlcli[jax]"), ("torch", "idlcli[torch]")]
)
def test_a_missing_engine_is_said_with_what_to_install(name, package, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(RunFailed, match=f"{name} is not installed") as caught:
        engine.check(name)
    assert package in caught.value.hint


def test_an_engine_that_fails_to_load_says_why(tmp_path, environment):
    """What its C++ said is held back only as long as it loads well."""
    (tmp_path / "keras.py").write_text(
        "import os; os.write(2, b'the driver is too old\\n'); raise ImportError('no keras')"
    )
    done = subprocess.run(
        [sys.executable, "-c", START, "tensorflow"],
        env=environment | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
    )
    assert done.returncode != 0
    assert b"the driver is too old" in done.stderr
    assert b"no keras" in done.stderr


def test_a_machine_without_a_place_for_temporary_files_is_told_so(monkeypatch):
    def none(*arguments, **named):
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(engine.tempfile, "TemporaryFile", none)
    with pytest.raises(RunFailed, match="No usable temporary directory") as caught, engine.native_noise_held():
        pass
    assert "TMPDIR" in caught.value.hint
