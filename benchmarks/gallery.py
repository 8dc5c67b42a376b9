"""Draw the pictures of docs/faces.md from the models that `make models` trained, those of each model's first seed.

    python benchmarks/gallery.py --name cartoons --data data/faces [--real]

``--real`` draws also the pictures that show faces of the set itself, where those may be passed on. Writes
docs/pictures/NAME-*.png and, between the marks of docs/faces.md, each with the command that draws it. A picture
of a scored model whose run is not here, because another machine trained it, stays as it is.
"""

import argparse
import json
import sys
from pathlib import Path

from landing import ROOT, idl, inserted, land
from models import PAGE, RESULTS, Work

PICTURES = ROOT / "docs" / "pictures"
DRAWN = (
    ("gan-best", "samples", "gan sample {run} --count 64", "Faces of the GAN"),
    ("gan-best", "walk", "gan interpolate {run} --seeds 0-5 --steps 6", "Walks from one of its faces to the next"),
    ("gan-best", "map", "viz tsne {run} --space latent", "t-SNE of its latent vectors, each with its face"),
    ("gan-best", "curves", "viz curves {run}", "Its losses; dashed on held-out faces"),
    (
        "vae-best",
        "samples",
        "vae sample {run} --count 64",
        "Faces of the VAE, codes from the mixture fitted to those of the training faces",
    ),
    ("vae-paper", "samples", "vae sample {run} --count 64", "For comparison, the faces of the paper VAE"),
    ("vae-best", "walk", "vae interpolate {run} --seeds 0-5 --steps 6", "Walks between its codes"),
    ("vae-best", "curves", "viz curves {run}", "What it loses"),
)
OF_THE_SET = (
    ("vae-best", "reconstructions", "vae reconstruct {run}", "Held-out faces, each beside what the VAE makes of it"),
    ("vae-best", "map", "viz tsne {run}", "t-SNE of the VAE's codes of held-out faces"),
    ("cae-best", "reconstructions", "cae reconstruct {run}", "Held-out faces beside what the CAE makes of 256 numbers"),
    (
        "gan-best",
        "neighbours",
        "eval neighbours {run} --count 1200",
        "The GAN's faces beside the nearest training faces",
    ),
)
"""Model, name of the picture, command, and what one sees. Those of the second list show faces of the set."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="what the faces are called: anime, cartoons")
    parser.add_argument("--data", type=Path, required=True, help="faces made by `idl data build`")
    parser.add_argument("--real", action="store_true", help="also pictures that show faces of the set")
    given = parser.parse_args()
    mark = f"pictures: {given.name}"
    inserted(PAGE, {mark: ""})  # is there a place? Before anything is drawn
    results = json.loads(RESULTS.read_text("utf-8")).get(given.name) if RESULTS.exists() else None
    if results is None:
        sys.exit(f"No models of {given.name} have been scored: make models NAME={given.name} DATA={given.data}")
    work = Work(given.data, ROOT / "build" / "models" / given.name, results["floor"])
    PICTURES.mkdir(parents=True, exist_ok=True)
    told = []
    for model, what, command, caption in DRAWN + (OF_THE_SET if given.real else ()):
        path = PICTURES / f"{given.name}-{model.removesuffix('-best')}-{what}.png"
        if run := work.first_run(model, results["rows"]):
            idl(*command.format(run=run).split(), "--runs", work.runs, "--out", path)
        if path.exists() and any(row["model"] == model for row in results["rows"]):
            told.append(f"{caption}: `idl {command.format(run='RUN')}`\n\n![{caption}](pictures/{path.name})\n")
    land({PAGE: inserted(PAGE, {mark: "\n".join(told)})})


if __name__ == "__main__":
    main()
