"""Feed one reader of strangers' bytes for so many minutes, guided by what it covers. `make fuzz` does so for each.

    python tools/fuzz.py zip --minutes 10 --work build/fuzz

Needs atheris. What it learns stays in WORK/corpus-zip and is gone on from; what ends badly (an error that no person
could read, over 20 seconds, over 2 GiB) is left in WORK/found-zip-* and ends the run: make it a case of the tests.
"""

import argparse
import hashlib
import logging
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
with atheris.instrument_imports(include=["idlcli", "zipfile", "tomllib", "numpy.lib", "safetensors", "tokenize"]):
    from fuzz_targets import TARGETS


def main() -> None:
    """Fuzz the reader that the command line names."""
    parser = argparse.ArgumentParser(description="Fuzz one reader.")
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--work", type=Path, default=Path("build/fuzz"))
    given = parser.parse_args()
    target = TARGETS[given.target]
    corpus = given.work / f"corpus-{given.target}"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds:
        (corpus / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        atheris.Setup(
            [
                sys.argv[0], str(corpus), f"-max_total_time={int(60 * given.minutes)}", "-timeout=20",
                "-rss_limit_mb=2048", "-malloc_limit_mb=1024", "-max_len=65536",
                f"-artifact_prefix={given.work}/found-{given.target}-", "-print_final_stats=1",
            ],
            lambda content: target.read(content, Path(folder)),
        )  # fmt: skip
        atheris.Fuzz()


if __name__ == "__main__":
    main()
