"""A plain Pillow loop: every picture of a zip, resized to 64x64, in one .npy.

python benchmarks/faces_zip_peer.py PICTURES.zip OUT.npy
"""

import sys
import zipfile

import numpy as np
from PIL import Image

SIZE = 64


def main(source: str, out: str) -> None:
    faces = []
    with zipfile.ZipFile(source) as archive:
        for name in sorted(archive.namelist()):
            if name.lower().endswith((".jpg", ".jpeg", ".png")):
                with archive.open(name) as file, Image.open(file) as image:
                    faces.append(np.asarray(image.convert("RGB").resize((SIZE, SIZE))))
    np.save(out, np.stack(faces))


if __name__ == "__main__":
    main(*sys.argv[1:])
