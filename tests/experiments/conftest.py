"""Many trainings of one small model: built and compiled once, put back to its first weights for each of them."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from idlcli.settings import Seq2seqSettings

CACHE: dict[object, object] = {}
FIRST: dict[int, list] = {}
"""First values of each model's variables, by its id. Not an attribute: a model would take them for its own."""


@pytest.fixture
def small(built_arithmetic: Path) -> Seq2seqSettings:
    """Settings of a training that takes a moment."""
    return Seq2seqSettings(
        data=str(built_arithmetic), epochs=3, units=4, batch_size=25, learning_rate=0.02, dropout=0.2, jit="off",
        backend=os.environ["KERAS_BACKEND"],
    )  # fmt: skip


@pytest.fixture
def quick(keras_engine, monkeypatch):
    """Save the compiler's time: a model of the same settings is compiled once, and starts from its first weights."""
    from idlcli.experiments.scenarios import TextText
    from idlcli.models import seq2seq as models
    from idlcli.training import fit

    build, compile = TextText.build, models.compile

    def built(scenario):
        queries = scenario.queries
        key = (dataclasses.replace(scenario.settings, data="", judge=""), queries.alphabet, queries.queries.shape)
        if key not in CACHE:
            CACHE[key] = build(scenario)
        model = CACHE[key]
        for variable, value in FIRST.get(id(model), ()):
            variable.assign(value)
        return model

    def compiled(model, *rest, **named):
        if id(model) not in FIRST:
            compile(model, *rest, **named)
            model.optimizer.build(model.trainable_variables)
            variables = (*model.weights, *model.optimizer.variables)
            FIRST[id(model)] = [(variable, np.array(variable.numpy())) for variable in variables]

    monkeypatch.setattr(TextText, "build", built)
    monkeypatch.setattr(models, "compile", compiled)
    monkeypatch.setattr(fit, "SAVE_SECONDS", 0.0)
