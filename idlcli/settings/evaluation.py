"""The choices of `idl eval` and `idl viz`: words that options, library and documents share."""

from typing import Literal

Features = Literal[
    "auto", "efficientnet-lite0", "inception", "inception-fid", "inception-fid-tf1", "judge", "none"
]  # fmt: skip
"""What a picture is measured by; `none` for arrays that are features already, `auto` for what fits both sides."""

Part = Literal["test", "train", "all"]
"""Which pictures of a built set."""
