"""The settings of `idl seq2seq train`."""

import dataclasses
from typing import ClassVar, Literal

from idlcli.settings.common import TrainSettings
from idlcli.settings.fields import setting

Mode = Literal["text-text", "image-text", "text-image"]
COLUMNS = {"architecture": ("columns",)}
IMAGES = {"mode": ("image-text", "text-image")}
READING = {"mode": ("image-text",)}
WRITING = {"mode": ("text-image",)}
DECONVOLUTION = {"architecture": ("repeat",), "mode": ("text-image",)}
STYLED = {"architecture": ("columns",), "mode": ("text-image",)}


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
        0.0, "Share of the training queries that are held out of training, to choose by.",
        low=0, high=0.5, group="Task",
    )  # fmt: skip
    keep: Literal["last", "best"] = setting(
        "last", "Which epoch counts: the last, or the best on the validation part (without one, in training).",
        group="Task",
    )  # fmt: skip
    commute: bool = setting(False, "Add b+a for each training query a+b, unless it is a test query.", group="Task")
    judge: str = setting(
        "", "Run of the judge that reads written answers (default: one is trained once for the data and the seed).",
        only=WRITING, group="Task",
    )  # fmt: skip
    handwriting: Literal["fresh", "fixed"] = setting(
        "fresh", "fresh writes each query by other glyphs every epoch; fixed keeps one form of each, as the report.",
        only=IMAGES, group="Task",
    )  # fmt: skip
    distortion: float = setting(
        0.0, "Strength of the random distortion of the glyphs that are read in training.",
        low=0, high=5, only=READING, group="Training",
    )  # fmt: skip
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
        group="Loss",
    )
    reader_width: int = setting(
        32, "Filters of the first convolutions that read a glyph; later ones have more.",
        low=1, high=512, only=READING, group="Model",
    )  # fmt: skip
    reader_dropout: float = setting(
        0.0, "Share of what is seen of a glyph dropped in training.",
        low=0, high=0.9, only=READING, group="Model",
    )  # fmt: skip
    reader_ema: float = setting(
        0.0, "Decay of the average of the weights that read a glyph, which reads where nothing trains; 0: no average.",
        low=0, high=0.99999, only={**COLUMNS, **READING}, group="Training",
    )  # fmt: skip
    glyph_weight: float = setting(
        1.0, "Weight of the auxiliary loss of image-text: which character is each glyph.",
        low=0, high=100, only={**COLUMNS, **READING}, group="Loss",
    )  # fmt: skip
    writer_width: int = setting(
        64, "Feature maps that the first deconvolution of a glyph starts from; the report's is 64.",
        low=1, high=1024, only=WRITING, group="Model",
    )  # fmt: skip
    activation: Literal["relu", "leaky_relu"] = setting(
        "relu", "Activation between the layers that write a glyph.", only=DECONVOLUTION, group="Model"
    )
    leak: float = setting(
        0.1, "Slope of leaky_relu below zero.", low=0, high=1,
        only={**DECONVOLUTION, "activation": ("leaky_relu",)}, group="Model",
    )  # fmt: skip
    initializer: Literal["glorot_uniform", "he_normal"] = setting(
        "glorot_uniform", "How the layers that write a glyph are initialised.", only=DECONVOLUTION, group="Model"
    )
    loss: Literal["mse", "binary_crossentropy"] = setting(
        "mse", "Loss of a written pixel.", only=DECONVOLUTION, group="Loss"
    )
    style_size: int = setting(
        16, "Numbers that describe a handwriting; 0 writes every digit in one hand.",
        low=0, high=1024, only=STYLED, group="Model",
    )  # fmt: skip
    style_scale: float = setting(
        1.0, "Standard deviation of the handwritings that answers are written in; training uses 1.",
        low=0, high=3, only=STYLED, group="Model",
    )  # fmt: skip
    pixel_temperature: float = setting(
        1.0, "Temperature of the pixels of written glyphs: below 1 they are nearer to black and white than was learnt.",
        low=0.05, high=5, only=STYLED, group="Model",
    )  # fmt: skip
    image_weight: float = setting(
        1.0, "Weight of the loss of the written glyphs, in nats a pixel.",
        low=0, high=1000, only=STYLED, group="Loss",
    )  # fmt: skip
    kl_weight: float = setting(
        1.0, "Weight of the KL divergence of the handwriting's code from N(0, I).",
        low=0, high=100, only=STYLED, group="Loss",
    )  # fmt: skip
    legible_weight: float = setting(
        0.0, "Weight of the loss by which a second, smaller judge reads answers in drawn handwritings, in nats a glyph.",
        low=0, high=1000, only=STYLED, group="Loss",
    )  # fmt: skip
    eval_every: int = setting(
        1,
        "Epochs between two looks at the test queries; the last epoch always has one.",
        low=1,
        high=1_000_000,
        group="Training",
    )

    @property
    def uses_jit(self) -> bool:
        """Whether to compile with XLA: on JAX, and on TensorFlow where it was measured to be faster.

        There it makes the report's wide LSTMs a third faster, and columns with its many small operations, and
        convolutions, slower.
        """
        plain = self.architecture == "repeat" and self.mode == "text-text"
        return super().uses_jit or (self.jit == "auto" and self.backend == "tensorflow" and plain)
