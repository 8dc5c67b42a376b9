"""The DCGAN of PyTorch's tutorial (pytorch.org, "DCGAN Tutorial"), on the training part of a built set of faces.

    python benchmarks/dcgan_peer.py --data data/faces --epochs 50 --out build/dcgan-peer --seed 0 --threads 2

Networks, loss, optimizers, initial weights and the order of the three passes are the tutorial's. Only its input is
made faster: pixels come from `images.npy` in memory instead of one decoded file a picture. Writes `log.jsonl` (a line
an epoch, wall seconds of its steps), a checkpoint an epoch that a killed run goes on from, and at `--keep` epochs the
generator and 2,048 faces, uint8 (N, 64, 64, 3): by batch statistics, as the tutorial draws them, and by running ones.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch_runs import arguments, load_faces, resume, save

NZ, NGF, NDF, NC = 100, 64, 64, 3
BATCH, RATE, BETA_1 = 128, 2e-4, 0.5
DRAWN = 2048


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--limit", type=int, default=None, help="the first N training faces only")
    parser.add_argument("--keep", default="5,10,15,20,25,30,35,40,45,50", help="epochs whose faces are kept")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    keep = {int(epoch) for epoch in given.keep.split(",")}
    faces = load_faces(given.data)[: given.limit]
    tutorial = Tutorial(seed=given.seed)
    log = resume(tutorial.parts, given.out)
    for epoch in range(len(log) + 1, given.epochs + 1):
        started = time.perf_counter()
        losses = [tutorial.step(batch) for batch in batches(faces, seed=given.seed, epoch=epoch)]
        seconds = time.perf_counter() - started
        d_loss, g_loss = np.mean(losses, axis=0).tolist()
        line = {"epoch": epoch, "d_loss": d_loss, "g_loss": g_loss, "seconds": seconds, "steps": len(losses)}
        log.append(line)
        save(tutorial.parts, given.out, log)
        if epoch in keep:
            keep_faces(tutorial, given.out, epoch, seed=given.seed)
        print(json.dumps(line), flush=True)


def batches(faces: torch.Tensor, *, seed: int, epoch: int) -> Any:
    """Yield an epoch's shuffled batches, float in [-1, 1], the last one what is left over."""
    order = torch.randperm(len(faces), generator=torch.Generator().manual_seed(seed * 100_003 + epoch))
    for rows in order.split(BATCH):
        yield faces[rows].float().div_(127.5).sub_(1.0)


def generator() -> nn.Module:
    return nn.Sequential(
        nn.ConvTranspose2d(NZ, NGF * 8, 4, 1, 0, bias=False), nn.BatchNorm2d(NGF * 8), nn.ReLU(True),
        nn.ConvTranspose2d(NGF * 8, NGF * 4, 4, 2, 1, bias=False), nn.BatchNorm2d(NGF * 4), nn.ReLU(True),
        nn.ConvTranspose2d(NGF * 4, NGF * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(NGF * 2), nn.ReLU(True),
        nn.ConvTranspose2d(NGF * 2, NGF, 4, 2, 1, bias=False), nn.BatchNorm2d(NGF), nn.ReLU(True),
        nn.ConvTranspose2d(NGF, NC, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip


def discriminator() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(NC, NDF, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(NDF, NDF * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(NDF * 2), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(NDF * 2, NDF * 4, 4, 2, 1, bias=False), nn.BatchNorm2d(NDF * 4), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(NDF * 4, NDF * 8, 4, 2, 1, bias=False), nn.BatchNorm2d(NDF * 8), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(NDF * 8, 1, 4, 1, 0, bias=False), nn.Sigmoid(),
    )  # fmt: skip


def weights_init(module: nn.Module) -> None:
    name = type(module).__name__
    if "Conv" in name:
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif "BatchNorm" in name:
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.constant_(module.bias, 0)


class Tutorial:
    """The tutorial's two networks, its two optimizers, and one step of its loop."""

    def __init__(self, *, seed: int) -> None:
        torch.manual_seed(seed)
        self.generator, self.discriminator = generator(), discriminator()
        self.generator.apply(weights_init)
        self.discriminator.apply(weights_init)
        self.criterion = nn.BCELoss()
        self.parts: dict[str, Any] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "adam_d": torch.optim.Adam(self.discriminator.parameters(), lr=RATE, betas=(BETA_1, 0.999)),
            "adam_g": torch.optim.Adam(self.generator.parameters(), lr=RATE, betas=(BETA_1, 0.999)),
        }

    def step(self, real: torch.Tensor) -> tuple[float, float]:
        """Update the discriminator on all-real and all-fake batches, then the generator. Returns both losses."""
        size = real.size(0)
        self.discriminator.zero_grad()
        error_real = self.criterion(self.discriminator(real).view(-1), torch.ones(size))
        error_real.backward()
        fake = self.generator(torch.randn(size, NZ, 1, 1))
        error_fake = self.criterion(self.discriminator(fake.detach()).view(-1), torch.zeros(size))
        error_fake.backward()
        self.parts["adam_d"].step()
        self.generator.zero_grad()
        error_g = self.criterion(self.discriminator(fake).view(-1), torch.ones(size))
        error_g.backward()
        self.parts["adam_g"].step()
        return error_real.item() + error_fake.item(), error_g.item()


def keep_faces(tutorial: Tutorial, out: Path, epoch: int, *, seed: int) -> None:
    """Write the generator, and what it makes of the same latent vectors at every epoch. Training is not touched."""
    torch.save(tutorial.generator.state_dict(), out / f"generator-{epoch:04d}.pt")
    noise = torch.randn(DRAWN, NZ, 1, 1, generator=torch.Generator().manual_seed(seed))
    twin = generator()
    for name, mode in (("batch", True), ("running", False)):
        twin.load_state_dict(tutorial.generator.state_dict())
        twin.train(mode)
        with torch.no_grad():
            made = torch.cat([twin(part) for part in noise.split(64)])
        pixels = made.add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
        np.save(out / f"faces-{epoch:04d}-{name}.npy", np.ascontiguousarray(pixels))


if __name__ == "__main__":
    main()
