"""Runs side by side: where their settings differ, and each of their numbers."""

from collections.abc import Sequence
from typing import Any

from idlcli import dotted, runs
from idlcli.runs import Run


def compare(found: Sequence[Run]) -> dict[str, Any]:
    """Return the settings in which runs differ and every metric that is a number, one value a run, and warnings.

    Scores on different test data are not comparable; a warning names the runs whose data or split differ.
    """
    configs = [run.config() for run in found]
    names = dict.fromkeys(name for config in configs for name in config["settings"])
    settings = {name: [config["settings"].get(name) for config in configs] for name in names}
    flat = [dotted.numbers(run.metrics() or {}) for run in found]
    keys = dict.fromkeys(key for metrics in flat for key in metrics)
    warnings = []
    if len({config["kind"] for config in configs}) > 1:
        warnings.append("The runs are of different kinds.")
    if len({str(runs.data_of(run)) for run in found}) > 1:
        warnings.append("The runs were not tested on the same data: their scores are not strictly comparable.")
    return {
        "runs": [run.name for run in found],
        "settings": {name: values for name, values in settings.items() if any(v != values[0] for v in values)},
        "metrics": {key: [metrics.get(key) for metrics in flat] for key in keys},
        "warnings": warnings,
    }
