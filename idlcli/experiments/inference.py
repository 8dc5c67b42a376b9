"""Arrays of any length through a network."""

from typing import Any

import numpy as np


def predict(network: Any, inputs: Any, *, batch: int) -> Any:
    """Return the outputs of a network for an array (N, ...), or for a tuple or a mapping of arrays (N, ...).

    The outputs have the network's own structure, with N rows. They are made in batches of one size, the last one filled
    up: one shape is compiled, and a row does not depend on how many others there are.
    """
    import keras

    tree = keras.tree
    count = len(tree.flatten(inputs)[0])
    size = min(batch, count)
    parts = []
    for start in range(0, count, size):
        rows = np.arange(start, start + size) % count
        # not Keras's `predict`: its pipeline has an autotuning thread, which the end has to wait for, for seconds
        parts.append(network.predict_on_batch(tree.map_structure(lambda values, rows=rows: values[rows], inputs)))
    return tree.map_structure(lambda *batches: np.concatenate(batches)[:count], *parts)
