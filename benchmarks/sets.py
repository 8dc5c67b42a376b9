"""The data that both sides of every pair work on: made once, in build/bench/data."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from sides import Data

FACES, OTHERS = 6000, 2048


def make(folder: Path) -> Data:
    """Build what is missing: faces of the real zip if there is one, else cartoons; other cartoons; queries."""
    real = Path(os.environ.get("IDL_REAL_DATA", "")) / "anime-faces-6k.zip"
    if os.environ.get("IDL_REAL_DATA") and not real.is_file():
        sys.exit(f"IDL_REAL_DATA names a folder without {real.name}.")
    name, what = ("real", "6,000 anime faces") if real.is_file() else ("cartoons", "6,000 cartoons drawn here")
    folder = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    pictures = real if real.is_file() else folder / "cartoons.zip"
    if not pictures.exists():
        pack(build("faces", folder / "large", "--count", FACES, "--size", 96), pictures)
    faces = build("faces", folder / "faces", "--source", pictures)
    others = build("faces", folder / "others", "--count", OTHERS, "--seed", 1)
    if not (folder / "others.npy").exists():
        np.save(folder / "others.npy", np.load(others / "images.npy"))
    return Data(faces, pictures, build("arithmetic", folder / "arithmetic"), what)


def build(kind: str, out: Path, *words: object) -> Path:
    if not out.exists():
        argv = [sys.executable, "-m", "idlcli", "data", "build", kind, *map(str, words), "--out", str(out), "--quiet"]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return out


def pack(faces: Path, out: Path) -> None:
    """Write a set's pictures as a zip of JPEG files, which is what sets of faces come as."""
    with zipfile.ZipFile(out.with_suffix(".tmp"), "w") as archive:
        for index, pixels in enumerate(np.load(faces / "images.npy", mmap_mode="r")):
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
            archive.writestr(f"faces/{index:05d}.jpg", buffer.getvalue())
    os.replace(out.with_suffix(".tmp"), out)
