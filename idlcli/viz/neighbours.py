"""Samples beside their nearest training pictures, and how near those are compared with what is near by chance."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from idlcli.viz.figures import COLOURS, figure
from idlcli.viz.figures import check_suffix as check_suffix
from idlcli.viz.thumbnails import shrink

GAP = 4
WIDE = 14
"""Pixels between the samples and their neighbours."""


def draw(
    *, path: Path, samples: NDArray[np.uint8], neighbours: NDArray[np.uint8], distances: NDArray[np.float64],
    all_distances: NDArray[np.float64], held_out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Write the picture: samples (N, H, W, 3) at the left, a row each with its neighbours (N, K, H, W, 3).

    Where one are larger than the others, they are shown as small.
    ``distances`` (N, K) stand under the neighbours; at the right are the distances of ``all`` samples and of
    ``held_out`` pictures to their nearest training picture, as histograms of one scale.
    """
    count, nearest = neighbours.shape[:2]
    side = min(max(samples.shape[1:3]), max(neighbours.shape[2:4]))
    samples = shrink(samples, side=side)
    neighbours = shrink(neighbours.reshape(-1, *neighbours.shape[2:]), side=side).reshape(count, nearest, side, side, 3)
    height = width = side
    label = max(12, height // 4)
    sheet = np.full((count * (height + label), (nearest + 1) * (width + GAP) + WIDE, 3), 255, np.uint8)
    lefts = [0, *(WIDE + (i + 1) * (width + GAP) for i in range(nearest))]
    for row in range(count):
        top = row * (height + label)
        for left, image in zip(lefts, [samples[row], *neighbours[row]], strict=True):
            sheet[top : top + height, left : left + width] = image
    tall = 6.4 * sheet.shape[0] / sheet.shape[1]
    with figure(path, columns=2, size=(11, max(4.0, tall)), widths=(1.6, 1)) as axes:
        pictures, chart = axes[0]
        pictures.imshow(sheet, interpolation="nearest")
        pictures.set_axis_off()
        for left, words in zip(lefts[:2], ("sample", "nearest training pictures, and how far"), strict=True):
            pictures.text(left, -6, words, fontsize=9)
        for row in range(count):
            for left, distance in zip(lefts[1:], distances[row], strict=True):
                middle = row * (height + label) + height + label * 0.45
                pictures.text(left + width / 2, middle, f"{distance:.2f}", fontsize=7, ha="center", va="center")
        _histogram(chart, all_distances, held_out)


def _histogram(chart, all_distances: NDArray[np.float64], held_out: NDArray[np.float64]) -> None:  # type: ignore[no-untyped-def]
    both = np.concatenate([all_distances, held_out])
    edges = np.histogram_bin_edges(both, bins=40)
    for values, words, colour, line in (
        (held_out, "held-out pictures", COLOURS[0], "--"),
        (all_distances, "samples", COLOURS[1], "-"),
    ):
        chart.hist(values, bins=edges, density=True, histtype="stepfilled", alpha=0.25, color=colour)
        chart.hist(
            values, bins=edges, density=True, histtype="step", color=colour, linestyle=line, linewidth=1.5, label=words
        )
    chart.set_xlabel("distance to the nearest training picture")
    chart.set_yticks([])
    chart.legend(fontsize=9)
    chart.set_title("Copies would lie left of what is near by chance")
