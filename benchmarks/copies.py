"""What tells copied faces from new ones: the table of copies in docs/evaluation.md.

    python benchmarks/copies.py data/anime

Half of the held-out faces stand for samples and the other half is the measure. Copies are the features of training
faces with noise added; the rest of the samples are other real faces, each as often as need be.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from landing import ROOT, inserted, land

from idlcli.cli.eval import feature_cache
from idlcli.evaluation.copying import Copying, copying
from idlcli.evaluation.feature_cache import FeatureCache
from idlcli.experiments import open as opening
from idlcli.experiments.evaluate import Conditions, extractor_for, measure

PAGE, MARK = ROOT / "docs" / "evaluation.md", "copies"
SAMPLES = 2000
COPIES = ((100, 0.5), (200, 0.9), (400, 0.9), (2000, 0.9))
"""How many of the samples are copies, and the noise on each of their features in its standard deviations."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="faces made by `idl data build`")
    given = parser.parse_args()
    sides = [opening.open_path(given.data, part=part) for part in ("train", "test")]
    extractor = extractor_for(Conditions(root=ROOT), [side.kind for side in sides])
    train, real = (measure(side, extractor, FeatureCache(feature_cache()), None).features for side in sides)
    order = np.random.default_rng(0).permutation(len(real))
    others, held_out = real[order[: len(real) // 2]], real[order[len(real) // 2 :]]
    lines = [
        "| samples | held out, of the nearest faces | near copies | C_T |",
        "|---|---|---|---:|",
        *(
            line(said, copying(samples=samples, train=train, held_out=held_out))
            for said, samples in kinds(train, others)
        ),
    ]
    land({PAGE: inserted(PAGE, {MARK: "\n".join(lines) + "\n"})})
    print("\n".join(lines))


def kinds(train: np.ndarray, others: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what kinds of samples there are, and the samples (n, d)."""
    yield f"{len(others)} other real faces", others
    typical = np.argsort(np.sum((others - train.mean(axis=0)) ** 2, axis=1))[: len(others) // 2]
    yield f"the {len(typical)} of them that are nearest to the mean of all", others[typical]
    generator, scale = np.random.default_rng(1), train.std(axis=0)
    for count, noise in COPIES:
        chosen = train[generator.choice(len(train), count, replace=False)]
        copies = chosen + generator.normal(size=chosen.shape) * scale * noise
        yield (
            f"{count:,} copies ({noise}) among {SAMPLES:,}",
            np.vstack([copies, np.resize(others, (SAMPLES - count, others.shape[1]))]),
        )


def line(said: str, found: Copying) -> str:
    """Return a line of the table."""
    held_out = share(found.nearest_held_out, found.nearest_held_out_expected, found.nearest_held_out_chance)
    near = share(found.near_copies, found.near_quantile, found.near_copies_chance)
    return f"| {said} | {held_out} | {near} | {found.z:.1f} |"


def share(value: float, expected: float, chance: float) -> str:
    """Return a share, what is expected of it without copying, and how likely it is to be as far out."""
    return f"{value:.1%} for {expected:.1%} (p {'< 0.0001' if chance < 0.0001 else f'{chance:.2g}'})"


if __name__ == "__main__":
    main()
