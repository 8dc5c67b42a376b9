"""The networks of any kind of run as a drawing: what `idl viz model` draws and returns."""

from pathlib import Path
from typing import Any

from idlcli.errors import DataError
from idlcli.experiments import open as opening
from idlcli.runs import Run, find
from idlcli.training import engine
from idlcli.viz import architecture, diagram
from idlcli.viz.figures import check_suffix


def draw(*, reference: str, out: Path, root: Path) -> dict[str, Any]:
    """Draw the networks of a run side by side, and return the file with each one's name and number of weights."""
    check_suffix(out)
    run = find(reference, root=root)
    graphs = [architecture.read(model, title=name) for name, model in networks(run).items()]
    if not graphs:
        raise DataError(f"{run.name} holds no network that can be drawn.")
    diagram.write(out, graphs, title=f"{run.name}: architecture")
    return {
        "files": [str(out)], "run": str(run.path),
        "networks": [{"name": graph.title, "weights": graph.weights} for graph in graphs],
    }  # fmt: skip


def networks(run: Run) -> dict[str, Any]:
    """Return the Keras models of a run by name."""
    if run.kind == "seq2seq":
        from idlcli.experiments.scenarios import TextText
        from idlcli.experiments.solver import Solver

        solver = Solver(run)
        engine.start(solver.settings.backend)
        return _parts(TextText(solver.settings, solver.queries).build())  # no data and no judge, as a run would want
    if run.kind == "judge":
        from idlcli.experiments.judge import Judge

        judge = Judge(run)
        engine.start(judge.settings.backend)
        return _parts(judge.model)
    return _parts(opening.model_of(run, needs="model").model)


def _parts(model: Any) -> dict[str, Any]:
    """The drawable models that a model is or holds; of several with the same weights (an average of another) one."""
    import keras

    if getattr(model, "inputs", None):
        return {model.name: model}
    found: dict[str, Any] = {}
    seen: list[list[tuple[int, ...]]] = []
    for one in model.layers:
        if isinstance(one, keras.Model):
            for name, part in _parts(one).items():
                shapes = [tuple(weight.shape) for weight in part.weights]
                if shapes not in seen:
                    seen.append(shapes)
                    found[name] = part
    return found
