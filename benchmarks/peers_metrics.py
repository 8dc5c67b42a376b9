"""Compare our FID, KID, precision and recall with pytorch-fid's and torch-fidelity's, and time the Frechet step.

    python3.11 -m venv /tmp/peers-venv
    /tmp/peers-venv/bin/pip install torch==2.13.0 numpy scipy pillow tqdm
    /tmp/peers-venv/bin/pip install --no-deps torch-fidelity pytorch-fid
    /tmp/peers-venv/bin/python benchmarks/peers_metrics.py [--rounds 3] [--threads 1] [--quick]

All get the same random float64 features: correlated, not negative, some never active, as a pooled layer's are. The
peers' networks are not run, so torchvision is not needed: where it is absent, an empty stand-in lets them be imported.
Exit status 1 if a number differs by more than 1e-6 (relative) or the Frechet step is less than 6 times as fast in CPU
time, which other work on the machine disturbs less than the wall clock.
"""

import argparse
import contextlib
import importlib.util
import io
import os
import platform
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE, FASTER = 1e-6, 6.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed, in turns")
    parser.add_argument("--threads", type=int, default=1, help="BLAS and torch threads, the same for all")
    parser.add_argument(
        "--quick", action="store_true", help="time 512 features rather than 2,048; the target is not judged"
    )
    arguments = parser.parse_args()
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)  # before NumPy is imported
    sys.path.insert(0, str(ROOT))
    stand_in_for_torchvision()

    import numpy as np
    import scipy
    import torch

    torch.set_num_threads(arguments.threads)
    print(f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, ", end="")
    print(
        f"torch {torch.__version__}, {arguments.threads} thread(s) of {os.cpu_count()}, load {os.getloadavg()[0]:.1f}"
    )
    same = agreement()
    fast = frechet_step(d=512 if arguments.quick else 2048, rounds=arguments.rounds)
    return 0 if same and (fast or arguments.quick) else 1


def agreement() -> bool:
    """Print our numbers beside the peers' on the same features; whether all agree."""
    import numpy as np
    import torch
    from pytorch_fid.fid_score import calculate_frechet_distance
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    from idlcli.evaluation import frechet, kernel, manifold

    samples, reference = features(1, 2500, 256, shift=0.05), features(2, 3000, 256)
    tensors = torch.from_numpy(samples), torch.from_numpy(reference)
    moments = [(rows.mean(axis=0), np.cov(rows, rowvar=False)) for rows in (samples, reference)]
    fid = frechet.frechet_interval(samples=samples, reference=reference).value
    kid = kernel.kernel_distance(samples=samples, reference=reference)
    scores = manifold.manifold_scores(samples=samples, reference=reference)
    their_fid = fid_statistics_to_metric(*(fid_features_to_statistics(rows) for rows in tensors), verbose=False)
    their_kid = kid_features_to_metric(*tensors, kid_subsets=100, kid_subset_size=1000, rng_seed=2020, verbose=False)
    their_prc = prc_features_to_metric(*tensors, prc_neighborhood=3, verbose=False)
    rows = [
        ("FID, torch-fidelity", fid, their_fid["frechet_inception_distance"]),
        ("KID mean, torch-fidelity", kid.mean, their_kid["kernel_inception_distance_mean"]),
        ("KID std, torch-fidelity", kid.std, their_kid["kernel_inception_distance_std"]),
        ("precision, torch-fidelity", scores.precision, their_prc["precision"]),
        ("recall, torch-fidelity", scores.recall, their_prc["recall"]),
    ]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            value = calculate_frechet_distance(*moments[0], *moments[1])
        rows.insert(0, ("FID, pytorch-fid", fid, float(value)))
    except TypeError as error:  # newer SciPy releases lack the `disp` argument that pytorch-fid 0.3 passes
        print(f"FID, pytorch-fid: cannot run with this SciPy ({error})")
    print(f"{len(samples)} and {len(reference)} rows of {samples.shape[1]} features")
    for name, ours, theirs in rows:
        difference = abs(ours - theirs) / abs(theirs)
        print(f"{name:28} ours {ours:.12g}  theirs {theirs:.12g}  relative difference {difference:.1e}")
    return all(abs(ours - theirs) <= TOLERANCE * abs(theirs) for _, ours, theirs in rows)


def frechet_step(*, d: int, rounds: int) -> bool:
    """Time covariances -> distance against the textbook's scipy.linalg.sqrtm of their product, in turns."""
    import numpy as np
    from scipy import linalg

    from idlcli.evaluation import frechet

    samples, reference = (features(seed, 3 * d, d, shift=shift) for seed, shift in ((3, 0.05), (4, 0.0)))
    means, (a, b) = (
        [samples.mean(axis=0), reference.mean(axis=0)],
        (np.cov(x, rowvar=False) for x in (samples, reference)),
    )

    def by_factors() -> float:
        first, second = (
            frechet.Gaussian(3 * d, mean, frechet._factor(covariance))
            for mean, covariance in zip(means, (a, b), strict=True)
        )
        return frechet.frechet_distance(samples=first, reference=second)

    def with_interval() -> float:
        return frechet.frechet_interval(samples=samples, reference=reference).value

    def by_sqrtm() -> float:
        shift = means[0] - means[1]
        root = linalg.sqrtm(a @ b)
        return float(shift @ shift + np.trace(a) + np.trace(b) - 2 * np.trace(root).real)

    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(timed(by_factors))
        theirs.append(timed(by_sqrtm))
    difference = abs(ours[0][0] - theirs[0][0]) / theirs[0][0]
    print(f"Frechet step, {d} features, {rounds} rounds in turns: relative difference {difference:.1e}")
    for clock, index in (("wall", 1), ("CPU", 2)):
        mine, peer = ([run[index] for run in runs] for runs in (ours, theirs))
        ratio = statistics.median(peer) / statistics.median(mine)  # the CPU's, last, is what is judged
        print(
            f"  {clock:4} ours {' '.join(f'{s:.2f}' for s in mine)} s, sqrtm {' '.join(f'{s:.2f}' for s in peer)} s",
            end="",
        )
        print(f"; medians: {ratio:.1f} times as fast")
    value, wall, cpu = timed(with_interval)
    off = abs(value / theirs[0][0] - 1)
    print(
        f"  rows to distance with its interval, once: {wall:.2f} s, {cpu:.2f} s of CPU, relative difference {off:.1e}"
    )
    return ratio >= FASTER and difference <= TOLERANCE


def timed(function: Callable[[], float]) -> tuple[float, float, float]:
    """The value, the wall seconds and the CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    value = function()
    return value, time.perf_counter() - wall, time.process_time() - cpu


def features(seed: int, n: int, d: int, *, shift: float = 0.0) -> Any:
    """Random features (n, d) in float64."""
    import numpy as np

    mix = np.random.default_rng(99).normal(size=(64, d)) * 0.1
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, 64)) @ mix + random.normal(size=(n, d)) * 0.3 + shift
    return np.maximum(rows, 0)


def stand_in_for_torchvision() -> None:
    if importlib.util.find_spec("torchvision") is not None:
        return

    class Anything(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

    sys.modules["torchvision"] = root = Anything("torchvision")
    for name in ("transforms", "transforms.functional", "models", "models.inception", "datasets", "ops"):
        module = sys.modules[f"torchvision.{name}"] = Anything(f"torchvision.{name}")
        parent, _, last = name.rpartition(".")
        setattr(sys.modules[f"torchvision.{parent}"] if parent else root, last, module)
    for module in list(sys.modules.values()):
        if isinstance(module, Anything):
            module.__path__ = []


if __name__ == "__main__":
    sys.exit(main())
