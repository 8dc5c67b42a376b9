"""What is installed beneath idl: the floors that keep known holes shut, and the versions that were tested."""

import importlib.metadata
import re
import runpy
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REQUIRED = {canonicalize_name(one.name): one for one in map(Requirement, PROJECT["dependencies"])}
DEVELOPING = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["optional-dependencies"]["dev"])}

SECURE = {
    "keras": "3.15",  # closes the model-loading holes of earlier releases
    "pillow": "12.2",  # closes known holes of its decoders, which read strangers' pictures
}
"""The lowest version of a package without a known hole that idl would be open to."""


def pinned() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][A-Za-z0-9.]*", line) for line in lines), "name==version, nothing else"
    assert lines == sorted(lines, key=lambda line: line.split("==")[0])
    return dict(line.split("==") for line in lines)


@pytest.mark.parametrize("name", SECURE)
def test_the_floors_shut_known_holes(name):
    floors = [Version(one.version) for one in REQUIRED[name].specifier if one.operator in (">=", "==", "~=")]
    assert floors, f"{name} has no floor"
    assert max(floors) >= Version(SECURE[name])
    assert Version(pinned()[name]) >= Version(SECURE[name])


@pytest.mark.parametrize("name", REQUIRED)
def test_every_dependency_has_a_floor(name):
    assert any(one.operator in (">=", "==", "~=") for one in REQUIRED[name].specifier)


@pytest.mark.parametrize("name", REQUIRED | DEVELOPING)
def test_what_is_installed_is_what_the_project_asks_for(name):
    requirement = (REQUIRED | DEVELOPING)[name]
    assert requirement.specifier.contains(importlib.metadata.version(name), prereleases=True)


@pytest.mark.parametrize("name", REQUIRED | DEVELOPING)
def test_the_tested_version_of_a_dependency_is_kept_and_is_one_the_project_allows(name):
    requirement = (REQUIRED | DEVELOPING)[name]
    assert requirement.specifier.contains(pinned()[name], prereleases=True)


def test_the_kept_versions_are_of_all_that_is_needed_here_all_the_way_down():
    closure = runpy.run_path(str(ROOT / "tools" / "constraints.py"))["closure"]
    needed = closure("idlcli", frozenset({"dev"}))
    assert len(needed) > len(REQUIRED) + len(DEVELOPING), "the dependencies of dependencies are missing"
    assert set(REQUIRED) | set(DEVELOPING) <= set(needed)
    assert "h5py" in pinned(), "Keras needs it"
    assert all(Version(version).local is None for version in needed.values())


def test_no_dependency_is_fetched_from_elsewhere():
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        assert all(Requirement(text).url is None for text in group)
