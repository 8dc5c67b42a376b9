"""The plain convolutional VAE of PyTorch-VAE (github.com/AntixK/PyTorch-VAE, `vae.yaml`), on a set's training part.

    python benchmarks/vanilla_vae_peer.py --data data/faces --epochs 50 --out build/vanilla-vae --seed 0 --threads 2

Five convolutions of 32 to 512 filters with batch normalisation, 128 latents, the mean squared error of pixels in [0, 1]
plus 0.00025 times the KL divergence, Adam at 0.005 that falls by 5% an epoch, batches of 64, mirrored at random.
Writes `log.jsonl` (a line an epoch), a checkpoint an epoch that a killed run goes on from, and in the end `faces.npy`:
2,048 of its faces, uint8 (N, 64, 64, 3), for `idl eval fid`.
"""

import itertools
import json
import time
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch_runs import arguments, load_faces, resume, save

FILTERS, LATENT, KL_WEIGHT = (32, 64, 128, 256, 512), 128, 0.00025
BATCH, RATE, DECAY = 64, 5e-3, 0.95
DRAWN = 2048


def main() -> None:
    given = arguments(__doc__).parse_args()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    faces = load_faces(given.data)
    torch.manual_seed(given.seed)
    model = VanillaVae()
    adam = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.ExponentialLR(adam, DECAY)
    parts: dict[str, Any] = {"model": model, "adam": adam, "schedule": schedule}
    log = resume(parts, given.out)
    for epoch in range(len(log) + 1, given.epochs + 1):
        started = time.perf_counter()
        losses = [step(model, adam, batch) for batch in batches(faces, seed=given.seed, epoch=epoch)]
        schedule.step()
        error, divergence = np.mean(losses, axis=0).tolist()
        log.append({"epoch": epoch, "mse": error, "kl": divergence, "seconds": time.perf_counter() - started})
        save(parts, given.out, log)
        print(json.dumps(log[-1]), flush=True)
    model.eval()
    torch.manual_seed(given.seed)
    with torch.no_grad():
        made = torch.cat([model.decode(torch.randn(64, LATENT)) for _ in range(DRAWN // 64)])
    pixels = made.mul(255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    np.save(given.out / "faces.npy", np.ascontiguousarray(pixels))


class VanillaVae(nn.Module):
    """Encoder, decoder, and the Gaussian between them."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (3, *FILTERS)
        self.encoder = nn.Sequential(*(down(a, b) for a, b in itertools.pairwise(sizes)), nn.Flatten())
        self.mean, self.log_variance = (nn.Linear(FILTERS[-1] * 4, LATENT) for _ in range(2))
        self.start = nn.Sequential(nn.Linear(LATENT, FILTERS[-1] * 4), nn.Unflatten(1, (FILTERS[-1], 2, 2)))
        back = (*FILTERS[::-1], FILTERS[0])
        self.decoder = nn.Sequential(
            *(up(a, b) for a, b in itertools.pairwise(back)), nn.Conv2d(FILTERS[0], 3, 3, padding=1), nn.Tanh()
        )

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the faces (B, 3, 64, 64) of codes (B, 128)."""
        faces: torch.Tensor = self.decoder(self.start(codes))
        return faces


def down(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU())


def up(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU())


def batches(faces: torch.Tensor, *, seed: int, epoch: int) -> Any:
    """Yield an epoch's shuffled batches, float in [0, 1], each face mirrored or not."""
    generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
    for rows in torch.randperm(len(faces), generator=generator).split(BATCH):
        batch = faces[rows].float() / 255
        mirrored = torch.rand(len(rows), 1, 1, 1, generator=generator) < 0.5
        yield torch.where(mirrored, batch.flip(3), batch)


def step(model: VanillaVae, adam: torch.optim.Optimizer, faces: torch.Tensor) -> tuple[float, float]:
    """Make one step; return the squared error and the KL divergence in nats."""
    features = model.encoder(faces)
    mean, log_variance = model.mean(features), model.log_variance(features)
    codes = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    error = functional.mse_loss(model.decode(codes), faces)
    divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
    adam.zero_grad()
    (error + KL_WEIGHT * divergence).backward()
    adam.step()
    return error.item(), divergence.item()


if __name__ == "__main__":
    main()
