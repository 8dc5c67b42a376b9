"""How far do a FID and a KID move where only the conditions change? The figures of docs/why-numbers-differ.md.

    python benchmarks/why_numbers_differ.py FACES.zip [--other DATA] [--count 6000] [--only size,features,...]

FACES.zip holds pictures larger than 64 pixels (they are resized in several ways); DATA is a set that `idl data build
faces` made, of other faces. Features of EfficientNet-Lite0 unless a line says otherwise. Prints Markdown tables.
"""

import argparse
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from idlcli.data import pictures, sources  # noqa: E402
from idlcli.evaluation import features as registry  # noqa: E402
from idlcli.evaluation.feature_cache import FeatureCache  # noqa: E402
from idlcli.evaluation.frechet import frechet_interval  # noqa: E402
from idlcli.evaluation.kernel import kernel_distance  # noqa: E402
from idlcli.experiments.open import Opened, open_path  # noqa: E402

RESAMPLING = {"hamming (idl)": 5, "box": 4, "lanczos": 1, "bicubic": 3, "bilinear": 2, "nearest": 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--other", type=Path, required=True)
    parser.add_argument("--count", type=int, default=6000)
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--cache", type=Path, help="where features are kept")
    given = parser.parse_args()
    measure = Measure(given)
    for name in given.only.split(","):
        started = time.perf_counter()
        print(f"\n## {name}\n")
        for line in SECTIONS[name](measure):
            print(line, flush=True)
        print(f"\n({time.perf_counter() - started:.0f} s)", flush=True)


class Measure:
    """The sets, and their features, made once."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.lite0 = registry.network(name="efficientnet-lite0")
        self.cache = FeatureCache(given.cache)
        self.originals = [image for _, image in zip(range(given.count), read(given.faces), strict=False)]
        self.faces = self.resized(Image.Resampling.HAMMING)
        self.other = np.asarray(open_path(given.other, part="all").array)[: len(self.faces)]
        self.halves = np.random.default_rng(0).permutation(len(self.faces)).reshape(2, -1)

    def resized(self, how: int, side: int = 64) -> np.ndarray:
        return np.stack([np.asarray(image.resize((side, side), how)) for image in self.originals])

    def of(self, images: np.ndarray) -> np.ndarray:
        """The features of pictures."""
        held = Opened(images, "images", {}, True, np.arange(len(images)), {})
        return np.asarray(self.cache.features(extractor=self.lite0, array=images, sha256=held.sha256)[0])


def read(path: Path) -> Iterator[Image.Image]:
    with sources.open_source(path=path) as source:
        for name, load in source:
            content = load()
            assert isinstance(content, bytes)
            size = min(Image.open(io.BytesIO(content)).size)
            yield Image.fromarray(pictures.decode(content=content, size=size, name=name).pixels)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return frechet_interval(samples=a, reference=b).value


def fid(a: np.ndarray, b: np.ndarray) -> str:
    found = frechet_interval(samples=a, reference=b)
    return f"{found.value:.4g} ({found.low:.4g} .. {found.high:.4g})"


def kid(a: np.ndarray, b: np.ndarray) -> str:
    found = kernel_distance(samples=a, reference=b, subset_size=min(1000, len(a), len(b)))
    return f"{1000 * found.mean:.3f}"


def references(m: Measure) -> Iterator[str]:
    faces, other = m.of(m.faces), m.of(m.other)
    noise = m.of(np.random.default_rng(0).integers(0, 256, m.faces.shape, dtype=np.uint8))
    first, second = (faces[rows] for rows in m.halves)
    yield "| sets | n | FID (95%) | KID x 1,000 |\n|---|---|---|---|"
    for what, a, b in (
        ("two halves of the faces", first, second),
        ("faces, other faces", first, other[: len(second)]),
        ("faces, noise", first, noise[: len(second)]),
    ):
        yield f"| {what} | {len(a):,} | {fid(a, b)} | {kid(a, b)} |"


def size(m: Measure) -> Iterator[str]:
    faces, other = m.of(m.faces), m.of(m.other)
    generator = np.random.default_rng(0)
    yield "| n | FID of two parts of one set | KID x 1,000 | FID of two sets | KID x 1,000 |\n|---|---|---|---|---|"
    for n in (128, 256, 512, 1024, 2048, len(faces) // 2):
        rows: list[list[float]] = [[], [], [], []]
        for _ in range(5):
            order = generator.permutation(len(faces))
            a, b, c = faces[order[:n]], faces[order[n : 2 * n]], other[order[:n]]
            for column, values in enumerate(((a, b), (a, c))):
                rows[2 * column].append(distance(*values))
                found = kernel_distance(samples=values[0], reference=values[1], subset_size=min(1000, n))
                rows[2 * column + 1].append(1000 * found.mean)
        said = [f"{np.mean(v):.2f} ± {np.std(v, ddof=1):.2f}" for v in rows]
        yield f"| {n:,} | {said[0]} | {said[1]} | {said[2]} | {said[3]} |"


def both(what: str, found: np.ndarray, same: np.ndarray, rest: np.ndarray) -> str:
    return f"| {what} | {distance(found, same):.2f} | {fid(found, rest)} |"


def resize(m: Measure) -> Iterator[str]:
    half, rest = m.halves
    base = m.of(m.faces)
    yield "| made 64x64 by | FID to the same pictures by hamming | FID to the other half by hamming |\n|---|---|---|"
    for name, how in RESAMPLING.items():
        yield both(name, m.of(m.resized(how)[half]), base[half], base[rest])
    large = np.stack([np.asarray(image.resize((96, 96))) for image in m.originals])
    yield both("not made smaller: 96x96", m.of(large[half]), base[half], base[rest])


def jpeg(m: Measure) -> Iterator[str]:
    half, rest = m.halves
    base = m.of(m.faces)
    yield "| saved as | FID to the same pictures | FID to the other half |\n|---|---|---|"
    for quality in (100, 95, 90, 75, 50):
        saved = []
        for image in m.faces[half]:
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "JPEG", quality=quality)
            saved.append(np.asarray(Image.open(buffer)))
        yield both(f"JPEG {quality}", m.of(np.stack(saved)), base[half], base[rest])


def split(m: Measure) -> Iterator[str]:
    base = m.of(m.faces)
    train, held_out = m.halves
    yield "| samples | n | against the training half | against the held-out half |\n|---|---|---|---|"
    n = len(train) // 2
    for what, rows in (("copies of training pictures", train[:n]), ("pictures of the held-out half", held_out[:n])):
        found = [distance(base[rows], base[half]) for half in (train, held_out)]
        yield f"| {what} | {n:,} | {found[0]:.2f} | {found[1]:.2f} |"


def precision(m: Measure) -> Iterator[str]:
    from scipy import linalg

    half, rest = m.halves
    a, b = m.of(m.faces)[half], m.of(m.faces)[rest]
    exact = distance(a, b)
    yield f"| computed | FID of two halves |\n|---|---|\n| idl: float64, no matrix root | {exact:.9f} |"
    for kind in (np.float64, np.float32):
        x, y = np.asarray(a, kind), np.asarray(b, kind)
        first, second = np.cov(x, rowvar=False, dtype=kind), np.cov(y, rowvar=False, dtype=kind)
        root = linalg.sqrtm(first @ second)
        shift = x.mean(0) - y.mean(0)
        value = shift @ shift + np.trace(first) + np.trace(second) - 2 * np.trace(root)
        yield f"| scipy's sqrtm of the product, {kind.__name__} | {value:.9f} |"
    few, other = a[:600], b[:600]  # fewer than the 1,280 features
    first, second = np.cov(few, rowvar=False), np.cov(other, rowvar=False)
    root = linalg.sqrtm(first @ second)
    shift = few.mean(0) - other.mean(0)
    value = shift @ shift + np.trace(first) + np.trace(second) - 2 * np.trace(root)
    yield f"| 600 a side, idl | {distance(few, other):.9f} |"
    yield f"| 600 a side, scipy's sqrtm | {value:.6f} |"
    for kind in (np.float16, "bfloat16"):
        x, y = (rounded(values, kind) for values in (a, b))
        said = kind if isinstance(kind, str) else kind.__name__
        yield f"| features rounded to {said} | {distance(x, y):.9f} |"
    shift = np.random.default_rng(0).uniform(-0.5, 0.5, m.faces[half].shape)
    found = m.lite0.extract(np.clip((m.faces[half] + shift) / 255, 0, 1), None)
    value = distance(found, b)
    yield f"| pixels as floats that 8 bits would round | {value:.9f} |"


def rounded(values: np.ndarray, kind: object) -> np.ndarray:
    import ml_dtypes

    return values.astype(ml_dtypes.bfloat16 if kind == "bfloat16" else kind).astype(np.float64)


def features(m: Measure) -> Iterator[str]:
    """The same two sets in features that were not scaled, or not pooled: where millions come from."""
    import keras

    from idlcli.models.efficientnet_lite0 import efficientnet_lite0
    from idlcli.models.feature_weights import find_weights
    from idlcli.models.pretrained import read_torch_weights
    from idlcli.models.resize import resize as bring

    count = 600
    pair = m.faces[:count], m.other[:count]
    model = efficientnet_lite0(tensors=read_torch_weights(path=find_weights(name="efficientnet-lite0").path))
    before_pooling = keras.Model(model.input, model.layers[-1].input)
    keras.utils.set_random_seed(0)
    inception = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(75, 75, 3))
    wide = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(139, 139, 3))
    wide.set_weights(inception.get_weights())
    for one in (model, before_pooling, inception, wide):
        one.compile(jit_compile=False)
    rows: list[tuple[str, Callable[[np.ndarray], np.ndarray]]] = [
        ("EfficientNet-Lite0 (ImageNet), pixels scaled, pooled", lambda x: run(model, bring_all(bring, x, 224))),
        ("the same, pixels 0 to 255", lambda x: run(model, 255 * bring_all(bring, x, 224))),
        ("the same, scaled, not pooled (7x7x1,280)", lambda x: run(before_pooling, bring_all(bring, x, 224))),
        (
            "Inception V3 (random weights), scaled to -1 .. 1, pooled",
            lambda x: pooled(inception, 2 * bring_all(bring, x, 75) - 1),
        ),
        ("the same, pixels 0 to 255", lambda x: pooled(inception, 255 * bring_all(bring, x, 75))),
        ("the same at 139x139, scaled, not pooled (3x3x2,048)", lambda x: run(wide, 2 * bring_all(bring, x, 139) - 1)),
        ("the pixels themselves, 0 to 1", lambda x: x.reshape(len(x), -1) / 255),
        ("the pixels themselves, 0 to 255", lambda x: x.reshape(len(x), -1).astype(np.float64)),
    ]
    yield f"| features of {count} faces and {count} other faces | numbers | FID |\n|---|---|---|"
    for what, extract in rows:
        a, b = (extract(images) for images in pair)
        yield f"| {what} | {a.shape[1]:,} | {distance(a, b):,.6g} |"


def bring_all(bring: Callable[..., np.ndarray], images: np.ndarray, side: int) -> np.ndarray:
    return bring(images=images.astype(np.float32) / 255, size=side, rule="bicubic")


def run(model: object, images: np.ndarray) -> np.ndarray:
    found = model.predict(images, batch_size=20, verbose=0)  # type: ignore[attr-defined]
    return np.asarray(found).reshape(len(images), -1)


def pooled(model: object, images: np.ndarray) -> np.ndarray:
    found = model.predict(images, batch_size=20, verbose=0)  # type: ignore[attr-defined]
    return np.asarray(found).mean(axis=(1, 2))


SECTIONS: dict[str, Callable[[Measure], Iterator[str]]] = {
    "references": references, "size": size, "resize": resize, "jpeg": jpeg, "split": split, "precision": precision,
    "features": features,
}  # fmt: skip

if __name__ == "__main__":
    main()
