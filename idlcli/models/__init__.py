"""Keras models, the same on every engine; no input or output."""
