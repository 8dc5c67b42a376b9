"""Signs that a model draws one face again and again, or that its discriminator has won."""

from idlcli.experiments.face_task import Images

LOST = 0.01
"""A discriminator loss below this has nothing left to teach."""
ALIKE = 0.25
"""Samples that differ from one another by less than this share of what real faces do are called alike."""


def spread(made: Images, *, real: Images) -> float:
    """Return how much made faces differ: the standard deviation of a pixel over them, as a share of real faces'."""
    return float(made.std(axis=0).mean() / max(real.std(axis=0).mean(), 1e-6))


def warnings(*, spread: float, d_loss: float | None = None) -> list[str]:
    """Return what a person should be told of a training that has collapsed."""
    found = []
    if d_loss is not None and d_loss < LOST:
        found.append(f"The discriminator's loss is {d_loss:.2g}: it has won, and teaches nothing more.")
    if spread < ALIKE:
        found.append(
            f"The samples differ by {100 * spread:.0f}% of what real faces do: "
            "the model has collapsed, or hardly begun."
        )
    return found
