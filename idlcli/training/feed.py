"""Batches as Keras asks for them, in the order of the epoch it is in.

Where a step is short, what Python does between two steps costs as much as the step. TensorFlow can make several steps
in one call, and take their batches from Python all at once; nothing of what is computed changes by that.
"""

from typing import Any

import keras
import numpy as np

from idlcli.data.batches import Batches
from idlcli.training.devices import Alone

TOGETHER = 512
"""Examples of the steps that are made in one call: few enough that a signal is seen to soon."""
MOST = 16
"""The most steps in one call."""


class Feed(keras.utils.PyDataset):
    """The batches of an epoch, from ``first_epoch`` until it is moved."""

    def __init__(self, batches: Batches, *, first_epoch: int, group: Alone) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._batches, self._group = batches, group
        self._epoch = first_epoch
        self._order = batches.order(first_epoch)

    @property
    def num_batches(self) -> int:
        """Steps in an epoch."""
        return self._batches.steps

    def __getitem__(self, index: int) -> Any:
        """Return the batch of a step."""
        return self._group.share(self._batches.batch(self._order, index, self._epoch))

    def move_to(self, epoch: int) -> None:
        """Go to another epoch."""
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._batches.order(epoch)

    @property
    def steps_together(self) -> int:
        """How many steps are made in one call."""
        if keras.backend.backend() != "tensorflow":
            return 1
        return max(1, min(MOST, TOGETHER // self._batches.size, self.num_batches))

    def source(self, model: keras.Model) -> Any:
        """Return what the `fit` of a model is given, and tell the model how many steps are made in one call."""
        model.steps_per_execution = self.steps_together
        if keras.backend.backend() == "tensorflow" and model.train_function is not None:
            model.make_train_function(force=True)  # the one that is there may be for another number of steps
        return self._dataset() if keras.backend.backend() == "tensorflow" else self

    def _dataset(self) -> Any:
        """Return the same batches as TensorFlow's dataset, which calls Python once for several steps.

        By a function of the number of the call: with a generator (`from_generator`) the steps themselves take twice as
        long on two threads. Autotuning is off: there is nothing to tune, and its thread sleeps for longer and longer,
        up to a minute, while the end of an epoch waits for it to wake.
        """
        import tensorflow as tf

        first = self[0]
        parts = keras.tree.flatten(first)

        def several(call: Any) -> list[np.ndarray]:
            start = int(call) * self.steps_together
            steps = range(start, min(start + self.steps_together, self.num_batches))
            return [np.stack(part) for part in zip(*(keras.tree.flatten(self[step]) for step in steps), strict=True)]

        def together(call: Any) -> Any:
            stacks = tf.numpy_function(several, [call], [part.dtype for part in parts])
            for stack, part in zip(stacks, parts, strict=True):
                stack.set_shape((None, *part.shape))
            return keras.tree.pack_sequence_as(first, stacks)

        calls = -(-self.num_batches // self.steps_together)
        batches = tf.data.Dataset.range(calls).map(together).unbatch()
        options = tf.data.Options()
        options.autotune.enabled = False
        batches = batches.apply(tf.data.experimental.assert_cardinality(self.num_batches)).prefetch(2)
        return batches.with_options(options)
