"""Print the installed versions of all that idl needs (but for Ray), all the way down: `make constraints` keeps them.

    python tools/constraints.py > constraints.txt
    pip install --constraint constraints.txt .

A constraint counts only for what is installed anyway, so the engines that are not chosen cost nothing.
"""

import importlib.metadata
import platform
import sys

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

EXTRAS = frozenset({"dev", "jax", "torch"})


def closure(name: str, extras: frozenset[str]) -> dict[str, str]:
    """Return the versions of all packages that ``name`` with ``extras`` needs; what is not installed is left out."""
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [(canonicalize_name(name), extras)]
    while todo:
        package, wanted = todo.pop()
        if (package, wanted) in seen:
            continue
        seen.add((package, wanted))
        try:
            distribution = importlib.metadata.distribution(package)
        except importlib.metadata.PackageNotFoundError:
            sys.stderr.write(f"{package} is not installed and is left out\n")
            continue
        found[package] = Version(distribution.version).public  # +cpu and the like are one machine's
        for requirement in map(Requirement, distribution.requires or []):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*wanted, "")):
                todo.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return {package: version for package, version in sorted(found.items()) if package != canonicalize_name(name)}


def main() -> None:
    """Print the file."""
    lines = [
        "# The versions that the tests passed with, of everything that idl and its extras but Ray need.",
        f"# Python {platform.python_version()}, {platform.system()} {platform.machine()}. Made by `make constraints`.",
        *(f"{package}=={version}" for package, version in closure("idlcli", EXTRAS).items()),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
