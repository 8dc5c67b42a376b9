"""What the tests share: the command line as a person runs it, and one small data set and one small run, made once.

The engine of the whole session is the one that TEST_ENGINE names (tensorflow); it is set before anything can import
Keras, and this machine's own Keras settings are shut out as `idl` shuts them out.
"""

import importlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import hypothesis
import pytest
from command_line import Idl, Output, clean_environment, run_idl

ENGINE = os.environ.get("TEST_ENGINE", "tensorflow")
for variable in [name for name in os.environ if name.startswith("IDL_") and name != "IDL_REAL_DATA"]:
    del os.environ[variable]
os.environ.pop("XDG_CACHE_HOME", None)
os.environ |= {"KERAS_BACKEND": ENGINE, "KERAS_HOME": os.path.join(os.devnull, "keras"), "TF_CPP_MIN_LOG_LEVEL": "2"}

hypothesis.settings.register_profile("idl", deadline=None)  # a busy machine is no fault of the example's
hypothesis.settings.load_profile("idl")

TRAINING = ("--epochs", "4", "--units", "8", "--batch-size", "25", "--learning-rate", "0.01", "--jit", "off")
"""The small trained run: half of the 200 queries of numbers up to 9, so four steps an epoch."""


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home directory."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """The environment of a person who has set nothing."""
    return clean_environment(home)


@pytest.fixture
def idl(tmp_path: Path, home: Path) -> Idl:
    """`idl ARGS...` in a process of its own, in ``tmp_path``, with nothing set."""

    def run(
        *args: object, env: dict[str, str] | None = None, stdin: bytes | str | None = None, cwd: Path | None = None
    ) -> Output:
        return run_idl(*map(str, args), home=home, cwd=cwd or tmp_path, env=env, stdin=stdin)

    return run


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A script of benchmarks/ by its name; with a mark, one that lands its results and its page's table elsewhere."""

    def script(name: str, mark: str = "") -> Any:
        monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
        found = importlib.import_module(name)
        if mark:
            page = tmp_path / "page.md"
            page.write_text(f"before\n<!-- {mark} -->\n<!-- end of {mark} -->\nafter\n")
            monkeypatch.setattr(found, "PAGE", page)
            monkeypatch.setattr(found, "RESULTS", tmp_path / "results.json")
        return found

    return script


@pytest.fixture
def here(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Idl:
    """As `idl`, but in this process: for the many commands that fail before they load anything heavy."""
    import signal

    from idlcli.cli.app import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(home))

    def run(*args: object, env: dict[str, str] | None = None) -> Output:
        before = signal.getsignal(signal.SIGTERM)
        capfd.readouterr()
        try:
            with monkeypatch.context() as patch:
                for name, value in (env or {}).items():
                    patch.setenv(name, value)
                code = main([str(argument) for argument in args])
        finally:
            signal.signal(signal.SIGTERM, before)
        return Output(code, *capfd.readouterr())

    return run


def _made_once(place: Path, make: Callable[[Path], None]) -> Path:
    """Return ``place``, made by whichever worker comes first."""
    with filelock.FileLock(place.with_name(place.name + ".lock")):
        if not place.exists():
            unfinished = place.with_name(place.name + ".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(place)
    return place


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    place.mkdir(exist_ok=True)
    return place


@pytest.fixture(scope="session")
def built_arithmetic(shared: Path) -> Path:
    """The arithmetic data of numbers up to 9, made by the command. Nobody may change it: see `arithmetic_data`."""

    def make(place: Path) -> None:
        made = run_idl("data", "build", "arithmetic", "--max", "9", "--json", home=place, cwd=place)
        assert made.data["count"] == 200

    return _made_once(shared / "arithmetic", make) / "data" / "arithmetic"


@pytest.fixture
def arithmetic_data(built_arithmetic: Path, tmp_path: Path) -> Path:
    """A copy of the arithmetic data, beside the working directory's data/, that the test may change."""
    return Path(shutil.copytree(built_arithmetic, tmp_path / "given" / "arithmetic"))


FACE_TRAINING = ("--epochs", "2", "--batch-size", "16", "--jit", "off", "--eval-every", "1", "--augment", "flip")
FACE_MODELS = {
    "vae": ("--latent", "6", "--width", "4", "--depth", "2", "--mixture", "2"),
    "cae": ("--codes", "5", "--width", "4", "--depth", "2"),
    "gan": ("--latent", "6", "--width", "2", "--discriminator-width", "2", "--ema", "0.9", "--condition", "hair-color"),
}
"""The small trained runs on faces: two epochs of three steps."""


@pytest.fixture(scope="session")
def built_faces(shared: Path) -> Path:
    """Sixty cartoon faces of 16 x 16 pixels, twelve of them held out, made by the command. Nobody may change them."""

    def make(place: Path) -> None:
        words = ("data", "build", "faces", "--count", "60", "--size", "16", "--test-count", "12", "--json")
        assert run_idl(*words, home=place, cwd=place).data["test_count"] == 12

    return _made_once(shared / "faces", make) / "data" / "faces"


@pytest.fixture(scope="session")
def face_runs(shared: Path, built_faces: Path) -> dict[str, Path]:
    """A run of each kind on faces, by kind, made by the commands. Nobody may change them: see `trained_faces`."""

    def make(place: Path) -> None:
        for kind, words in FACE_MODELS.items():
            made = run_idl(
                kind, "train", "--data", str(built_faces), *FACE_TRAINING, *words, "--json", home=place, cwd=place
            )  # fmt: skip
            assert made.data["epochs"] == 2

    place = _made_once(shared / "face_runs", make) / "runs"
    return {kind: next(place.glob(f"0*-{kind}-*")) for kind in FACE_MODELS}


@pytest.fixture
def trained_faces(face_runs: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """A copy of each trained run on faces, at runs/ of the working directory, that the test may change."""
    return {kind: Path(shutil.copytree(run, tmp_path / "runs" / run.name)) for kind, run in face_runs.items()}


@pytest.fixture(scope="session")
def finished_run(shared: Path, built_arithmetic: Path) -> Path:
    """A text-text run made by the command. Nobody may change it: see `trained_run`."""

    def make(place: Path) -> None:
        made = run_idl(
            "seq2seq", "train", "--data", str(built_arithmetic), *TRAINING, "--json", home=place, cwd=place
        )  # fmt: skip
        assert made.data["epochs"] == 4
        (place / "stderr.txt").write_text(made.err)

    (run,) = (_made_once(shared / "run", make) / "runs").glob("00001-*")
    return run


@pytest.fixture(scope="session")
def written_runs(shared: Path, built_arithmetic: Path) -> Path:
    """A directory with the runs `judge`, `reader` (image-text) and `writer` (text-image), hardly trained. Read only."""

    def make(place: Path) -> None:
        common = ("--data", str(built_arithmetic), "--epochs", "1", "--steps-per-epoch", "2", "--jit", "off", "--json")
        small = (*common, "--architecture", "columns", "--units", "4", "--column-units", "4", "--readout-units", "4")
        for words in (
            ("judge", "train", "--name", "judge", "--width", "2", *common),
            ("seq2seq", "train", "--name", "reader", "--mode", "image-text", "--seed", "3", "--reader-width", "2",
             *small),
            ("seq2seq", "train", "--name", "writer", "--mode", "text-image", "--judge", "judge", "--writer-width", "4",
             "--style-size", "2", *small),
        ):  # fmt: skip
            assert run_idl(*words, home=place, cwd=place).data["epochs"] == 1

    return _made_once(shared / "written", make) / "runs"


@pytest.fixture
def trained_run(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of the trained run, at runs/ of the working directory, that the test may change."""
    return Path(shutil.copytree(finished_run, tmp_path / "runs" / finished_run.name))


@pytest.fixture
def stand_ins(built_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A run of each kind on faces at runs/, by kind; their models are a few lines of arithmetic, without an engine."""
    import stand_in

    return stand_in.install(data=built_faces, root=tmp_path / "runs", patch=monkeypatch)


@pytest.fixture(scope="session")
def envelope_schema() -> Any:
    """The validator of what every command prints with --json."""
    import jsonschema

    import idlcli.cli

    path = Path(str(idlcli.cli.__file__)).with_name("envelope.schema.json")
    schema = json.loads(path.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="session")
def keras_engine() -> str:
    """The engine of this session, loaded as `idl` loads it."""
    from idlcli.training import engine

    engine.start(ENGINE)
    return ENGINE
