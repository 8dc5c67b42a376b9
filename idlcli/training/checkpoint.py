"""One file that a training can go on from: weights, optimizer state, epoch, settings. Safetensors: no code in it."""

import contextlib
import dataclasses
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from idlcli.errors import DataError

if TYPE_CHECKING:
    import keras

SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a training has come: whole ``epoch``s done, the best score so far and the epoch that had it."""

    epoch: int
    best_score: float | None = None
    best_epoch: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no training writes: a file may have been edited."""
        whole = isinstance(self.epoch, int) and not isinstance(self.epoch, bool) and self.epoch >= 0
        best = (isinstance(self.best_score, float) and isinstance(self.best_epoch, int)) or (
            self.best_score is None and self.best_epoch is None
        )
        if not whole or not best:
            raise ValueError("its progress is not that of a training")


def capture(model: "keras.Model", progress: Progress, settings: Mapping[str, Any]) -> bytes:
    """Return the model, its optimizer, the progress and what was trained with as the bytes of a checkpoint file.

    Raises :class:`FloatingPointError` naming a weight that is not finite: such a state must not replace a good one.
    """
    tensors = check_finite(model)
    about = json.dumps({"schema": SCHEMA, "progress": dataclasses.asdict(progress), "settings": dict(settings)})
    return safetensors.numpy.save(tensors, metadata={"idl": about})  # one key: the order of several is not fixed


def check_finite(model: "keras.Model") -> dict[str, np.ndarray]:
    """Return the values of a model and its optimizer by name; :class:`FloatingPointError` names one not finite."""
    tensors = {name: _array(variable) for name, variable in _variables(model).items()}
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise FloatingPointError(name)
    return tensors


def settings_of(path: Path) -> dict[str, Any] | None:
    """Return the settings that a checkpoint was trained with; None if it does not say. Needs no engine."""
    with _opened(path) as file:
        settings = _about(path, file).get("settings")
    return settings if isinstance(settings, dict) else None


def load(path: Path, model: "keras.Model", *, optimizer: bool = True) -> Progress:
    """Put a checkpoint's values into a built model (and its built optimizer) and return the progress.

    Raises :class:`DataError` if the file is missing, broken, or of another model; the model is then unchanged.
    """
    variables = _variables(model)
    if not optimizer:
        variables = {name: v for name, v in variables.items() if not name.startswith("optimizer/")}
    values: list[tuple[Any, np.ndarray]] = []
    with _opened(path) as file:
        progress = Progress(**_about(path, file)["progress"])
        names = set(file.keys())
        for name, variable in variables.items():
            if name not in names:
                raise DataError(f"{path} is of another model: it has no {name}.")
            value = file.get_tensor(name)
            if value.shape != tuple(variable.shape) or str(value.dtype) != variable.dtype:
                raise DataError(
                    f"{path} is of another model: {name} is {value.dtype} {value.shape}, "
                    f"not {variable.dtype} {tuple(variable.shape)}."
                )
            values.append((variable, value))
        extra = {n for n in names if optimizer or not n.startswith("optimizer/")} - set(variables)
        if extra:
            raise DataError(f"{path} is of another model: it also has {min(extra)}.")
    for variable, value in values:
        variable.assign(value)
    return progress


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open the file for the block; whatever is wrong with it is a :class:`DataError`."""
    if not path.is_file():  # a pipe would be waited for
        raise DataError(f"There is no checkpoint {path}.")
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, struct.error, RecursionError) as error:
        raise DataError(f"{path} is not a whole checkpoint: {' '.join(str(error).split())[:100]}.") from error


def _about(path: Path, file: Any) -> dict[str, Any]:
    about = json.loads((file.metadata() or {}).get("idl", "{}"))
    if not isinstance(about, dict) or about.get("schema") != SCHEMA:
        raise DataError(f"{path} is not a checkpoint that this idl reads.")
    return about


def _variables(model: "keras.Model") -> dict[str, Any]:
    named: dict[str, Any] = {}
    for variable in model.weights:
        name = f"model/{variable.path}"
        if name in named:
            raise ValueError(f"Two weights are called {variable.path}; give their layers names.")
        named[name] = variable
    optimizer = getattr(model, "optimizer", None)
    for index, variable in enumerate(optimizer.variables if optimizer is not None else []):
        named[f"optimizer/{index:04d}"] = variable
    return named


def _array(variable: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(variable.value), order="C")  # keeps a scalar a scalar
