"""Arrays of any length through a network: the same rows, whatever the batch, and one shape for the engine."""

import numpy as np
import pytest

from idlcli.experiments.inference import predict


class Network:
    """Stands in for a model that has one output, or two by name; remembers how long its batches were."""

    def __init__(self):
        self.sizes = []

    def predict_on_batch(self, inputs):
        if isinstance(inputs, dict):
            self.sizes.append(len(inputs["a"]))
            return {"sum": inputs["a"] + inputs["b"], "twice": 2 * inputs["a"]}
        parts = inputs if isinstance(inputs, tuple) else (inputs,)
        self.sizes.append(len(parts[0]))
        return 2 * sum(parts)


@pytest.mark.parametrize("batch", [1, 3, 5, 7, 100])
def test_every_row_is_answered_once_in_order_in_batches_of_one_size(keras_engine, batch):
    values = np.arange(14.0).reshape(7, 2)
    network = Network()
    assert np.array_equal(predict(network, values, batch=batch), 2 * values)
    assert set(network.sizes) == {min(batch, 7)}
    assert np.array_equal(predict(Network(), (values, values), batch=batch), 4 * values)
    named = predict(Network(), {"a": values, "b": values + 1}, batch=batch)
    assert np.array_equal(named["sum"], 2 * values + 1)
    assert np.array_equal(named["twice"], 2 * values)
