"""idl: build data, train, evaluate and show small generative and sequence models."""

__version__ = "0.1.0"
