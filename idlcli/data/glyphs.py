"""The glyph bank: handwritten digits, operators drawn with OpenCV, and the blank, as one array of 28x28 pictures.

A query or an answer as images is a row of indices into the bank. The bank is parted into a train pool and a test
pool by the pixels of each glyph and the run's seed, so that the same picture is never in both.
"""

import dataclasses
import hashlib
from typing import Literal

import numpy as np

from idlcli.data.digits import SIDE, Digits
from idlcli.seeds import rng

VARIANTS = 500
"""Drawings of each operator: as many as the bundled set has of each digit."""


@dataclasses.dataclass(frozen=True)
class Bank:
    """``images`` uint8 (G, 28, 28) and ``labels`` uint8 (G,), indices into ``alphabet``."""

    images: np.ndarray
    labels: np.ndarray
    alphabet: str


def make_bank(*, digits: Digits, alphabet: str, seed: int) -> Bank:
    """Return the bank for an alphabet of digits, operators and the blank; exact duplicates are dropped."""
    images, labels = [digits.images], [digits.labels]
    for index, character in enumerate(alphabet):
        if character in "+-*":
            drawn = draw_operator(character, count=VARIANTS, generator=rng(seed, f"operator {character}"))
            images.append(drawn)
            labels.append(np.full(len(drawn), index, np.uint8))
        elif character == " ":
            images.append(np.zeros((1, SIDE, SIDE), np.uint8))
            labels.append(np.array([index], np.uint8))
    all_images, all_labels = np.concatenate(images), np.concatenate(labels)
    marked = np.concatenate([all_images.reshape(len(all_images), -1), all_labels[:, None]], axis=1)
    _, first = np.unique(marked, axis=0, return_index=True)
    keep = np.sort(first)
    return Bank(all_images[keep], all_labels[keep], alphabet)


def draw_operator(character: str, *, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return ``count`` pictures (uint8, white on black as MNIST) of ``+``, ``-`` or ``*``, each a little different.

    Strokes are drawn with OpenCV at four times the size, with jittered ends, angle and thickness, blurred and
    reduced, so that their edges are as soft as the digits'.
    """
    import cv2

    scale = 4
    angles = {"+": (0, 90), "-": (0,), "*": (30, 90, 150)}[character]
    pictures = np.zeros((count, SIDE, SIDE), np.uint8)
    for picture in pictures:
        canvas = np.zeros((SIDE * scale, SIDE * scale), np.uint8)
        center = SIDE / 2 + generator.normal(0, 0.8, 2)
        thickness = int(generator.integers(2 * scale, 4 * scale))
        turn = generator.normal(0, 5)
        for angle in angles:
            half = generator.uniform(6.0, 9.0)
            radians = np.deg2rad(angle + turn + generator.normal(0, 3))
            step = half * np.array([np.cos(radians), -np.sin(radians)])
            ends = [
                ((center + sign * step) * scale + generator.normal(0, 2, 2)).round().astype(int) for sign in (-1, 1)
            ]
            cv2.line(canvas, tuple(map(int, ends[0])), tuple(map(int, ends[1])), 255, thickness, cv2.LINE_AA)
        canvas = cv2.GaussianBlur(canvas, (0, 0), 0.6 * scale)
        picture[:] = cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return pictures


def pools(
    bank: Bank, *, kind: Literal["disjoint", "shared"], test_share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (train, test): for each character of the alphabet, indices into the bank, as boolean masks (G,).

    ``disjoint`` sends each glyph to one side by the hash of (seed, pixels), ``shared`` puts all in both. The blank
    has but one picture and is always in both; a character that would lack a side keeps one glyph on each.
    """
    if kind == "shared":
        everything = np.ones(len(bank.labels), bool)
        return everything, everything.copy()
    draws = np.array([_draw(image, seed) for image in bank.images])
    test = np.zeros(len(bank.labels), bool)
    train = np.zeros(len(bank.labels), bool)
    for index in range(len(bank.alphabet)):
        members = np.flatnonzero(bank.labels == index)
        if len(members) == 1:
            train[members] = test[members] = True
            continue
        order = members[np.argsort(draws[members], kind="stable")]
        held_out = min(max(int((draws[members] < test_share).sum()), 1), len(members) - 1)
        test[order[:held_out]] = True
        train[order[held_out:]] = True
    return train, test


def _draw(image: np.ndarray, seed: int) -> float:
    digest = hashlib.sha256(seed.to_bytes(8, "little") + image.tobytes()).digest()
    return int.from_bytes(digest[:8], "little") / 2**64
