"""The settings of `idl cae train`."""

import dataclasses

from idlcli.settings.faces import AutoencoderSettings
from idlcli.settings.fields import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class CaeSettings(AutoencoderSettings):
    """A convolutional autoencoder: faces to short codes and back, by the mean squared error."""

    codes: int = setting(64, "Numbers a face is kept in.", low=1, high=16_384, group="Model")
    linear: bool = setting(
        False, "A linear path beside the convolutions, from pixels to code and back: they learn what it misses.",
        group="Model",
    )  # fmt: skip
