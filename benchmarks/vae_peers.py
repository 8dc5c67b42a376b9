"""The VAE of idl's recipe `paper` without idl: by the train step of Keras's VAE example, and in PyTorch.

    python benchmarks/vae_peers.py keras|torch --data data/faces --out DIR --batch 64 [--limit N] [--threads N]

Three convolutions of 32, 64 and 128 filters, 64 latents, transposed convolutions back; binary cross-entropy and KL
divergence, Adam at 0.001; pictures are floats in memory, as in both tutorials. Writes the seconds of each epoch.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np

LATENT, WIDTHS, RATE, SLOPE = 64, (32, 64, 128), 1e-3, 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=("keras", "torch"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--jit", action="store_true", help="XLA, which Keras itself would choose here: slower")
    given = parser.parse_args()
    images = np.load(given.data / "images.npy", mmap_mode="r")
    rows = np.delete(np.arange(len(images)), json.loads((given.data / "manifest.json").read_text())["test"]["indices"])
    faces = images[rows[: given.limit]].astype(np.float32) / 255
    given.out.mkdir(parents=True, exist_ok=True)
    with open(given.out / "log.jsonl", "w") as file:
        run: Callable[..., Iterator[float]] = by_keras if given.peer == "keras" else by_torch
        for epoch, seconds in enumerate(run(faces, given), start=1):
            file.write(json.dumps({"epoch": epoch, "seconds": seconds}) + "\n")


def by_keras(faces: Any, given: argparse.Namespace) -> Iterator[float]:
    import keras
    import tensorflow as tf
    from keras import layers, ops

    class Sampling(layers.Layer):
        """Uses (z_mean, z_log_var) to sample z, the vector encoding a face."""

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.seed_generator = keras.random.SeedGenerator(1337)

        def call(self, inputs: Any) -> Any:
            z_mean, z_log_var = inputs
            epsilon = keras.random.normal(shape=ops.shape(z_mean), seed=self.seed_generator)
            return z_mean + ops.exp(0.5 * z_log_var) * epsilon

    class VAE(keras.Model):
        def __init__(self, encoder: Any, decoder: Any) -> None:
            super().__init__()
            self.encoder, self.decoder = encoder, decoder
            names = ("total_loss", "reconstruction_loss", "kl_loss")
            self.trackers = [keras.metrics.Mean(name=name) for name in names]

        def train_step(self, data: Any) -> Any:
            with tf.GradientTape() as tape:
                z_mean, z_log_var, z = self.encoder(data)
                reconstruction = self.decoder(z)
                entropy = keras.losses.binary_crossentropy(data, reconstruction)
                reconstruction_loss = ops.mean(ops.sum(entropy, axis=(1, 2)))
                kl_loss = -0.5 * (1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var))
                kl_loss = ops.mean(ops.sum(kl_loss, axis=1))
                total_loss = reconstruction_loss + kl_loss
            grads = tape.gradient(total_loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(grads, self.trainable_weights, strict=True))
            for tracker, value in zip(self.trackers, (total_loss, reconstruction_loss, kl_loss), strict=True):
                tracker.update_state(value)
            return {tracker.name: tracker.result() for tracker in self.trackers}

    class Clock(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.seconds: list[float] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.started = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seconds.append(time.perf_counter() - self.started)

    keras.utils.set_random_seed(0)
    picture = keras.Input((64, 64, 3))
    x = picture
    for width in WIDTHS:
        x = layers.Conv2D(width, 3, strides=2, padding="same", activation=layers.LeakyReLU(SLOPE))(x)
    x = layers.Flatten()(x)
    z_mean, z_log_var = layers.Dense(LATENT)(x), layers.Dense(LATENT, kernel_initializer="zeros")(x)
    encoder = keras.Model(picture, [z_mean, z_log_var, Sampling()([z_mean, z_log_var])])
    code = keras.Input((LATENT,))
    x = layers.Dense(8 * 8 * WIDTHS[-1], activation=layers.LeakyReLU(SLOPE))(code)
    x = layers.Reshape((8, 8, WIDTHS[-1]))(x)
    for width in WIDTHS[-2::-1]:
        x = layers.Conv2DTranspose(width, 4, strides=2, padding="same", activation=layers.LeakyReLU(SLOPE))(x)
    x = layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="sigmoid")(x)
    vae, clock = VAE(encoder, keras.Model(code, x)), Clock()
    vae.compile(optimizer=keras.optimizers.Adam(), jit_compile=given.jit)
    vae.fit(faces, epochs=given.epochs, batch_size=given.batch, verbose=0, callbacks=[clock])
    yield from clock.seconds


def by_torch(faces: Any, given: argparse.Namespace) -> Iterator[float]:
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    pixels = torch.from_numpy(np.ascontiguousarray(faces.transpose(0, 3, 1, 2)))
    down: list[nn.Module] = []
    for before, width in zip((3, *WIDTHS), WIDTHS, strict=False):
        down += [nn.Conv2d(before, width, 3, 2, 1), nn.LeakyReLU(SLOPE)]
    up: list[nn.Module] = [nn.Linear(LATENT, 8 * 8 * WIDTHS[-1]), nn.LeakyReLU(SLOPE), nn.Unflatten(1, (128, 8, 8))]
    for before, width in zip(WIDTHS[::-1], WIDTHS[-2::-1], strict=False):
        up += [nn.ConvTranspose2d(before, width, 4, 2, 1), nn.LeakyReLU(SLOPE)]
    up += [nn.ConvTranspose2d(WIDTHS[0], 3, 4, 2, 1)]
    parts = nn.ModuleDict({
        "down": nn.Sequential(*down, nn.Flatten()), "mean": nn.Linear(8 * 8 * WIDTHS[-1], LATENT),
        "log_variance": nn.Linear(8 * 8 * WIDTHS[-1], LATENT), "up": nn.Sequential(*up),
    })  # fmt: skip
    adam = torch.optim.Adam(parts.parameters(), lr=RATE)
    for _ in range(given.epochs):
        started = time.perf_counter()
        for rows in torch.randperm(len(pixels)).split(given.batch):
            batch = pixels[rows]
            features = parts["down"](batch)
            mean, log_variance = parts["mean"](features), parts["log_variance"](features)
            logits = parts["up"](mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean))
            lost = functional.binary_cross_entropy_with_logits(logits, batch, reduction="sum")
            divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
            adam.zero_grad()
            ((lost + divergence) / len(batch)).backward()
            adam.step()
        yield time.perf_counter() - started


if __name__ == "__main__":
    main()
