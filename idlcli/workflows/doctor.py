"""Whether this installation can do its work: each check by itself, with what it found and what to do about it."""

import dataclasses
import importlib.metadata
import platform
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from idlcli import __version__
from idlcli.workflows.trial import Trial, attempt

Verdict = Literal["ok", "warn", "fail"]
ENGINES = ("tensorflow", "jax", "torch")
LITTLE_SPACE, SOME_SPACE = 200 * 2**20, 2 * 2**30
"""Free bytes below which a training is bound to fail, and below which a few may fill the disk."""

PACKAGES = {
    "cv2": "opencv-python-headless", "PIL": "pillow", "sklearn": "scikit-learn", "skimage": "scikit-image",
    "resvg_py": "resvg-py", "dicebear": "dicebear-core",
}  # fmt: skip
"""What the package of a module is called, where it is called otherwise."""


@dataclasses.dataclass(frozen=True)
class Check:
    """One line: what was checked, the verdict, what was found, and the remedy where there is something to mend."""

    check: str
    verdict: Verdict
    found: str
    remedy: str = ""


def examine(*, backend: str, data: Path, runs: Path) -> dict[str, Any]:
    """Return ``verdict``, the worst of all, and ``checks``: a dictionary a :class:`Check`.

    ``data`` and ``runs`` are the places that are written to; nothing is left there, and none is made.
    """
    checks: dict[str, Callable[[], Sequence[Check]]] = {
        "python": check_python,
        "packages": check_packages,
        "engines": lambda: check_engines(backend),
        "data directory": lambda: check_place("data", data),
        "runs directory": lambda: check_place("runs", runs),
        "temporary files": check_temporary,
        "free space": lambda: check_space("runs", runs),
        "libraries": check_libraries,
        "training step": lambda: check_step(backend),
    }
    with ThreadPoolExecutor(max_workers=2) as pool:  # the last two wait for processes of their own
        found = [check for lines in pool.map(_guarded, checks, checks.values()) for check in lines]
    verdicts = {check.verdict for check in found}
    worst = next(verdict for verdict in ("fail", "warn", "ok") if verdict in verdicts)
    return {"verdict": worst, "checks": [dataclasses.asdict(check) for check in found]}


def _guarded(name: str, check: Callable[[], Sequence[Check]]) -> Sequence[Check]:
    """Return the lines of a check; an exception that it did not foresee is a line too."""
    try:
        return check()
    except Exception as error:
        return [
            Check(name, "fail", f"{type(error).__name__}: {error}", "This is a bug of `idl doctor`; please report it.")
        ]


def check_python() -> list[Check]:
    """Python and its version, against what the package says it needs."""
    from packaging.specifiers import SpecifierSet

    found, needed = platform.python_version(), _metadata().get("Requires-Python") or ""
    fits = SpecifierSet(needed).contains(found, prereleases=True)
    return [
        Check("idl", "ok", f"{__version__} on {platform.system()} {platform.machine()}"),
        Check("python", "ok" if fits else "fail", f"{found} (needs {needed})", "" if fits else "Use another Python."),
    ]


def check_packages() -> list[Check]:
    """Each required package's version, against the floor and the ceiling that the package names."""
    from packaging.requirements import Requirement

    requirements = [Requirement(text) for text in _metadata().get_all("Requires-Dist") or []]
    return [
        check_package(requirement.name, str(requirement.specifier))
        for requirement in sorted(requirements, key=lambda one: one.name)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]


def check_package(name: str, needed: str) -> Check:
    """One package: below its floor or missing is a failure, above its ceiling untested."""
    from packaging.specifiers import SpecifierSet

    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Check(name, "fail", f"not installed (needs {needed})", f"pip install '{name}{needed}'")
    broken = [one for one in SpecifierSet(needed) if not one.contains(version, prereleases=True)]
    said = f"{version} (needs {needed})"
    if not broken:
        return Check(name, "ok", said)
    verdict: Verdict = "warn" if all(one.operator in ("<", "<=", "!=") for one in broken) else "fail"
    return Check(name, verdict, said, f"pip install '{name}{needed}'")


def check_engines(backend: str) -> list[Check]:
    """Which engines are installed; only the chosen one has to be."""
    lines = []
    for name in ENGINES:
        chosen = " (chosen)" if name == backend else ""
        package = name if name == "tensorflow" else f"idlcli[{name}]"
        try:
            lines.append(Check(f"engine {name}", "ok", f"{importlib.metadata.version(name)}{chosen}"))
        except importlib.metadata.PackageNotFoundError:
            verdict: Verdict = "fail" if chosen else "ok"
            lines.append(Check(f"engine {name}", verdict, f"not installed{chosen}", f"pip install '{package}'"))
    return lines


def check_place(name: str, path: Path) -> list[Check]:
    """Whether a directory can be written to, or made; nothing is left behind."""
    nearest = path
    try:
        nearest = _nearest(path)
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(b"idl")
    except OSError as error:
        remedy = f"Change its permissions, or set IDL_{name.upper()}_ROOT to a directory of yours."
        return [Check(f"{name} directory", "fail", f"{nearest}: {error.strerror or error}", remedy)]
    return [Check(f"{name} directory", "ok", f"{path}{'' if nearest == path else ' (will be made)'}")]


def check_temporary() -> list[Check]:
    """Whether there is a place for temporary files; the engine is loaded with one."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"idl")
    except OSError as error:
        return [Check("temporary files", "fail", str(error), "Set TMPDIR to a directory that can be written to.")]
    return [Check("temporary files", "ok", tempfile.gettempdir())]


def check_space(name: str, path: Path) -> list[Check]:
    """How much room there is for runs: a checkpoint is tens of megabytes."""
    try:
        free = shutil.disk_usage(_nearest(path)).free
    except OSError:  # nothing can be written there, as the line on the directory says
        return []
    verdict: Verdict = "fail" if free < LITTLE_SPACE else "warn" if free < SOME_SPACE else "ok"
    remedy = "" if verdict == "ok" else "Free some space; `idl runs rm` deletes runs."
    return [Check("free space", verdict, f"{free / 2**30:,.1f} GiB for {name}", remedy)]


def check_libraries() -> list[Check]:
    """Whether the libraries that are machine code can be loaded on this machine."""
    trial = attempt("load_libraries")
    failed = {str(note["failed"]): str(note["error"]) for note in trial.done if "failed" in note}
    if trial.error:  # the one that was being tried ended the process
        last = next((str(note["trying"]) for note in reversed(trial.done) if "trying" in note), "libraries")
        failed[last] = trial.error
    if not failed:
        tried = sum("trying" in note for note in trial.done)
        return [Check("libraries", "ok", f"{tried} load, OpenCV among them"), *_two_opencvs()]
    return [Check(f"library {name}", "fail", error, remedy_for(name, error)) for name, error in failed.items()]


def _two_opencvs() -> list[Check]:
    try:
        version = importlib.metadata.version("opencv-python")
    except importlib.metadata.PackageNotFoundError:
        return []
    remedy = "pip uninstall opencv-python, then pip install --force-reinstall opencv-python-headless"
    return [Check("opencv", "warn", f"opencv-python {version} lies over opencv-python-headless", remedy)]


def remedy_for(name: str, error: str) -> str:
    """Return what to do about a library that cannot be loaded, from how it failed."""
    package = PACKAGES.get(name.split(".")[0], name.split(".")[0])
    if "libGL" in error or "libgthread" in error:
        return f"Put {package} in the place of opencv-python, or install the system's libGL."
    if "SIGILL" in error:
        return f"This processor lacks instructions that {package} was built for; use another build or another machine."
    return f"pip install --force-reinstall {package}"


def check_step(backend: str) -> list[Check]:
    """One step of a small model on the chosen engine, from loading it to the checkpoint; and the devices it has."""
    trial = attempt("train_a_step", backend)
    devices = next((", ".join(note["devices"]) for note in trial.done if "devices" in note), "")
    lines = [Check("devices", "ok", devices)] if devices else []
    name = f"training step on {backend}"
    if trial.error or not trial.done:
        return [*lines, Check(name, "fail", f"while {_stage(trial)}: {trial.error}", remedy_for(backend, trial.error))]
    last = trial.done[-1]
    return [*lines, Check(name, "ok", f"loss {last['loss']:.4g} after {last['seconds']:.1f} s")]


def _stage(trial: Trial) -> str:
    stages = [str(note["stage"]) for note in trial.done if "stage" in note]
    return stages[-1] if stages else "starting"


def _metadata() -> Any:
    return importlib.metadata.metadata("idlcli")


def _nearest(path: Path) -> Path:
    """Return the path, or where it does not exist the nearest directory above that does."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())
