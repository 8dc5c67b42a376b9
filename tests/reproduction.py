"""A reproduction whose trainings take no time: each run is written as a training would leave it."""

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from reading import Page

from idlcli.runs import create
from idlcli.settings.resolve import applicable
from idlcli.workflows.cells import Outcome
from idlcli.workflows.reproduce import data_sets, instruments, reading
from idlcli.workflows.reproduce import run as library
from idlcli.workflows.reproduce.plan import Order

TAKEN = {
    "fid": {"value": 42.0, "n": 12}, "map": {"alike": 0.8, "chance": 0.51, "said": "alike"},
    "prdc": {"coverage": 0.4, "real": 0.9, "precision": 0.5, "n": 12},
    "layers": {"Conv2DTranspose": {"kernel_size": "3x3", "strides": "2x2", "padding": "same"}},
}  # fmt: skip


def metrics_of(seed, *, wrong=100, character=None, carry=0.01, best_epoch=None, warnings=()):
    """What a training on arithmetic measures; characters right by seed 99.0, 99.1, 99.2 per cent."""
    character = 0.99 + seed / 1000 if character is None else character
    side = {"n": 100, "exact": 0.97, "character": character, "loss": 0.03 + seed / 1000}
    counted = {"wrong": wrong // 2, "n": 5000, "rate": 0.02}
    names = ("addition", "subtraction", "borrow", "no_borrow")
    return {
        "train": side, "test": side,
        "errors": {
            **dict.fromkeys(names, counted), "carry": {**counted, "rate": carry}, "no_carry": {**counted, "rate": 0.04},
            "carry_or_borrow_share": 0.4, "off_by_one": {"wrong": 3, "n": wrong, "rate": 0.03},
            "by_miss": {"0, badly written": 0, "1": 30, "2-9": 10, "10": 20, "11-99": 1, "100+": 0, "not a number": 0},
        },
        "diversity": {"sharpness": 0.8}, "mse": 0.02, "best_epoch": best_epoch, "warnings": list(warnings),
    }  # fmt: skip


def picture(path):
    """Write a small picture of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)).save(path)


def prepare(place, arithmetic, faces, patch):
    """Return a function that reproduces entries under ``place`` and gives the outcome and the page's directory."""
    for name in ("arithmetic", "arithmetic-shared"):
        copied = Path(shutil.copytree(arithmetic, place / "data" / name))
        manifest = json.loads((copied / "manifest.json").read_text())
        manifest["pools"] = "shared" if name.endswith("shared") else "disjoint"
        (copied / "manifest.json").write_text(json.dumps(manifest))
    book, root, out = reading.load(), place / "runs" / "reproduce", place / "page"

    def make(
        only, *, scale="full", seeds=(0,), metrics=None, fail=(), catch=True, taken=None, keep_run_cell=False, others=()
    ):
        def train(job, *, stop=None, train=None):
            training, seed = job.name.rsplit("-", 2)[0], job.cell.settings.seed
            if training in fail or job.name in fail:
                return Outcome("failed", None, error="no room")
            found = job.find()
            if found is None:
                found = create(
                    root=root, slug="x", name=job.name, kind=job.cell.kind, settings=applicable(job.cell.settings)
                )
                told = metrics_of(seed, **(metrics or {}).get(training, {}))
                told["test"]["mse"] = told["train"]["mse"] = 0.02
                (found.path / "data.json").write_text(json.dumps({"fingerprint": job.mark}))
                losses = {1: 0.6, 2: 0.7, 10: 0.06}
                rows = [
                    {"epoch": n, "loss": loss, "test_loss": loss / 2, "character": told["train"]["character"],
                     "d_loss": 0.3 / n, "g_loss": 2.0 * n, "seconds": 1.0} for n, loss in losses.items()
                ]  # fmt: skip
                (found.path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
                picture(found.path / "plots" / "strip.png")
                picture(found.path / "samples" / "epoch-0002.png")
                (found.path / "metrics.json").write_text(json.dumps(told))
            return Outcome("done", found.name, found.metrics(), 3.0)

        def measure(name):
            def take(run, bench, file):
                if taken is not None:
                    taken.append((name, run.name))
                picture(file)
                if name == "map":
                    file.with_suffix(".html").write_text(f"<title>{run.name}</title><p>It answers to the mouse.</p>")
                return TAKEN.get(name, {})

            return take

        for name, one in instruments.INSTRUMENTS.items():
            if one.words or name == "layers":
                stand_in = instruments.Instrument(measure(name), one.words)
                patch.setitem(instruments.INSTRUMENTS, name, stand_in)
        if not keep_run_cell:
            patch.setattr(library, "run_cell", train)
        places = {name: data_sets.place(name, root=place / "data", given=faces) for name in data_sets.FOLDERS}
        try:
            data = library.run(
                book, book.select(only.split(",") if only else []),
                Order(scale=scale, seeds=seeds, places=places, root=root),
                jobs=1, out=out, data=place / "data", faces=faces, cache=None, say=lambda text: None, others=others,
            )  # fmt: skip
        except library.RunFailed as error:
            if not catch or not fail:
                raise
            data = error.data
        return data, out

    return make


def read_page(path):
    """Return a page taken apart."""
    return Page(path.read_text("utf-8"))
