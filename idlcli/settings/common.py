"""The settings that every training shares."""

import dataclasses
from typing import Literal

from idlcli.settings.fields import UNSIGNED_32, setting

Backend = Literal["tensorflow", "jax", "torch"]
SPREADING = {"backend": ("jax",)}
"""Engines on which one training can be spread over several devices and machines."""
PLACE = ("data", "devices", "hosts", "processes", "process_id")
"""Settings that say where a run trains, and not what: the only ones that may change in mid-run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What any run takes, whatever it trains."""

    data: str = setting(
        "", "Directory made by `idl data build` (default: the one that fits, in IDL_DATA_ROOT or ./data).", group="Run"
    )
    init: str = setting(
        "", "A run of the same model on the same data whose weights the training starts from.", group="Run"
    )
    seed: int = setting(0, "The one seed everything random derives from.", low=0, high=UNSIGNED_32, group="Run")
    backend: Backend = setting("tensorflow", "The engine that Keras runs on.", group="Run")
    devices: int = setting(
        1, "Devices of this machine that share each batch.", low=1, high=1024, only=SPREADING, group="Run"
    )
    hosts: str = setting(
        "", "ADDR:PORT of process 0, where several processes train one model together.", only=SPREADING, group="Run"
    )
    processes: int = setting(
        1, "How many processes that are, each on its own machine or GPUs.", low=1, high=4096, only=SPREADING,
        group="Run",
    )  # fmt: skip
    process_id: int = setting(
        0, "Which of them this one is; only process 0 writes a run.", low=0, high=4095, only=SPREADING, group="Run"
    )
    epochs: int = setting(50, "Epochs to train.", low=1, high=1_000_000, group="Training")
    batch_size: int = setting(
        32, "Examples in a step. If out of memory, reduce it.", low=1, high=65_536, group="Training"
    )
    learning_rate: float = setting(0.001, "Step size of the optimizer at its peak.", above=0, high=10, group="Training")
    optimizer: Literal["adam", "nadam", "adamw", "rmsprop", "sgd"] = setting(
        "adam", "The optimizer; adamw decouples --weight-decay from the gradient.", group="Training"
    )
    schedule: Literal["constant", "cosine"] = setting(
        "constant", "How the learning rate falls: not at all, or along a cosine to zero.", group="Training"
    )
    warmup: float = setting(
        0.0, "Share of the steps over which the learning rate rises from zero.", low=0, high=0.9, group="Training"
    )
    weight_decay: float = setting(
        0.004, "Decoupled weight decay of all but biases and scales.", low=0, high=100,
        only={"optimizer": ("adamw",)}, group="Training",
    )  # fmt: skip
    clip_norm: float = setting(0.0, "Largest norm of the gradient; 0 does not clip.", low=0, high=1e6, group="Training")
    steps_per_epoch: int = setting(
        0, "Steps in an epoch; 0: one pass over the training data.", low=0, high=1_000_000, group="Training"
    )
    jit: Literal["auto", "on", "off"] = setting(
        "auto", "Compile the step with XLA: auto does where it was measured to be faster.", group="Training"
    )
    deterministic: bool = setting(
        False, "On a GPU, use only operations that give the same bytes twice (slower). A CPU run always does.",
        group="Training",
    )  # fmt: skip

    @property
    def uses_jit(self) -> bool:
        """Whether to compile with XLA: left to itself on JAX only; on a CPU, TensorFlow's convolutions lose by it."""
        return self.jit == "on" or (self.jit == "auto" and self.backend == "jax")
