"""The settings of `idl seq2seq train`."""

import dataclasses
from typing import ClassVar, Literal

from idlcli.settings.common import TrainSettings
from idlcli.settings.fields import setting

Mode = Literal["text-text", "image-text", "text-image"]
COLUMNS = {"architecture": ("columns",)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seq2seqSettings(TrainSettings):
    """An encoder-decoder LSTM that answers `23+45` with `68`, in text or in handwriting."""

    PLACE: ClassVar = ("data", "arithmetic")

    mode: Mode = setting("text-text", "What goes in and what comes out.", group="Task")
    train_fraction: float = setting(
        0.5, "Share of the queries to train on; all others test.", low=0.001, high=0.99, group="Task"
    )
    split: Literal["twin-free", "random"] = setting(
        "twin-free",
        "twin-free keeps a+b with b+a, and a-b with b-a, on one side; random is the report's.",
        group="Task",
    )
    validation_fraction: float = setting(
        0.0, "Share of the training queries held out to choose the best epoch; 0: the last epoch counts.",
        low=0, high=0.5, group="Task",
    )  # fmt: skip
    commute: bool = setting(False, "Add b+a for each training query a+b, unless it is a test query.", group="Task")
    architecture: Literal["repeat", "columns"] = setting(
        "repeat", "repeat is the report's (RepeatVector); columns reads a column of digits a step.", group="Model"
    )
    units: int = setting(256, "Units of each LSTM.", low=1, high=4096, group="Model")
    encoder_layers: int = setting(
        1, "LSTM layers of the encoder; 2 is the report's additional LSTM.", low=1, high=8, group="Model"
    )
    dropout: float = setting(0.0, "Share of inputs and contexts dropped in training.", low=0, high=0.9, group="Model")
    column_units: int = setting(
        64, "Width of what a column is turned into.", low=1, high=4096, only=COLUMNS, group="Model"
    )
    readout_units: int = setting(
        128, "Units of the layer that writes a character.", low=1, high=4096, only=COLUMNS, group="Model"
    )
    state_noise: float = setting(
        0.3,
        "Standard deviation of noise on the LSTMs' states in training.",
        low=0,
        high=10,
        only=COLUMNS,
        group="Model",
    )
    hint_weight: float = setting(
        0.25,
        "Weight of the auxiliary losses: does a column carry, which operand is larger.",
        low=0,
        high=100,
        only=COLUMNS,
        group="Model",
    )
    eval_every: int = setting(
        1,
        "Epochs between two looks at the test queries; the last epoch always has one.",
        low=1,
        high=1_000_000,
        group="Training",
    )
