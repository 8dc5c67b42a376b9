# Each target sets up what it needs: a machine with Python 3.11-3.13 and make is enough.
PYTHON ?= python3
VENV   ?= .venv
TORCH  ?= torch==2.13.0
# LOCKED=1 installs exactly the versions of constraints.txt.
LOCKED ?=
CHROMIUM ?= apt-get install --yes --quiet --no-install-recommends chromium
ATHERIS ?= atheris==3.0.0
# How long `make fuzz` takes for each reader.
MINUTES ?= 10
PEERS  ?= torch-fidelity==0.4.0 pytorch-fid==0.3.0 efficientnet-lite-pytorch==0.1.0 tqdm
BIN    := $(VENV)/bin

# `make bench ONLY=help,data-build TURNS=1`: some pairs, fewer turns; AGAIN=1: forget the turns that are kept.
ONLY   ?=
AGAIN  ?=
TURNS  ?= 5

# `make arithmetic MNIST=data/mnist`: also on a set built of all of MNIST's digits (idl data build arithmetic --digits).
MNIST  ?=

# `make models MODELS=gan-best SEEDS=0`; of other faces: NAME=anime DATA=data/anime FLOOR=8.85 (2,048 other real faces).
MODELS ?= gan-best,vae-best,cae-best
# Seed 0 chose the recipes of faces, so others score them.
SEEDS  ?= 1,2,3
NAME   ?= cartoons
DATA   ?= data/faces
FLOOR  ?= 2.1

.PHONY: help quickstart test test-fast test-slow test-engines test-pages torture fuzz lint peers bench arithmetic models gallery growth constraints clean

help:            ## Show the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/idl: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(if $(LOCKED),--constraint constraints.txt) --editable '.[dev]'
	@touch $@

quickstart: $(BIN)/idl   ## Install, build small data, train a model, ask it a few queries
	$(BIN)/idl quickstart

lint: $(BIN)/idl   ## Lint, format and type checks, no merge left half done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@! git grep -nE '^(<<<<<<<|>>>>>>>) '  # what a merge left behind

test: lint test-fast   ## Install, lint and run the tests (minutes)

test-fast: $(BIN)/idl
	$(BIN)/python -m pytest -n 2

test-slow: $(BIN)/idl   ## The trainings that prove quality (hours)
	$(BIN)/python -m pytest -m slow

test-engines: $(BIN)/idl   ## The engine tests on TensorFlow, JAX and PyTorch, sweeps on Ray; a missing one fails
	$(BIN)/python -m pip install --quiet --editable '.[jax,ray]' '$(TORCH)'
	for engine in tensorflow jax torch; do TEST_ENGINE=$$engine $(BIN)/python -m pytest -n 2 -m engine || exit 1; done

test-pages: $(BIN)/idl   ## Open the pages in headless Chromium (where there is none, Debian's is installed)
	for name in chromium chromium-browser google-chrome chrome; do command -v $$name && exit 0; done; \
		$(CHROMIUM) || (apt-get update && $(CHROMIUM))
	TEST_BROWSER=1 $(BIN)/python -m pytest tests/viz/test_maps.py tests/viz/test_report_in_browser.py \
		tests/viz/test_reproduction_in_browser.py

torture: $(BIN)/idl   ## Kill trainings at random moments, fill disks, run every command twice (an hour; needs JAX)
	$(BIN)/python -m pip install --quiet --editable '.[jax]'
	$(BIN)/python -m pytest -m torture -rP

fuzz: $(BIN)/idl   ## Feed the readers of strangers' files for MINUTES each, guided by what they cover (needs Linux)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target build/atheris '$(ATHERIS)'
	for reader in zip array pickle pickle-in-zip toml; do \
		PYTHONPATH=build/atheris $(BIN)/python tools/fuzz.py $$reader --minutes $(MINUTES) || exit 1; done

build/peers: $(BIN)/idl
	$(BIN)/python -m pip install --quiet '$(TORCH)'
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target build/peers $(PEERS)

peers: build/peers   ## Hold features and metrics against pytorch-fid, torch-fidelity and PyTorch's EfficientNet-Lite0
	PYTHONPATH=build/peers $(BIN)/python benchmarks/peers_metrics.py
	PYTHONPATH=build/peers $(BIN)/python benchmarks/peers_features.py --speed

bench: build/peers   ## Against what you would use instead, in turns (hours; goes on where it was killed): docs/benchmarks.md
	$(BIN)/python -m pip install --quiet --editable '.[jax]'
	$(BIN)/python benchmarks/bench.py --turns $(TURNS) $(if $(ONLY),--only $(ONLY)) $(if $(AGAIN),--again)

arithmetic: $(BIN)/idl   ## Train the recommended models of arithmetic and score them (hours; goes on where it was killed): docs/arithmetic.md
	$(BIN)/python -m pip install --quiet --editable '.[jax]'
	test -d data/arithmetic || $(BIN)/idl data build arithmetic --out data/arithmetic
	$(BIN)/python benchmarks/arithmetic.py --data data/arithmetic $(if $(MNIST),--mnist $(MNIST))

models: $(BIN)/idl   ## Train the recommended models of faces and score them (hours; goes on where it was killed): docs/faces.md
	[ "$(NAME)" != cartoons ] || [ -d "$(DATA)" ] || $(BIN)/idl data build faces --out $(DATA)
	$(BIN)/python benchmarks/models.py --name $(NAME) --data $(DATA) --floor $(FLOOR) --models $(MODELS) --seeds $(SEEDS)

gallery: $(BIN)/idl   ## Draw the pictures of docs/faces.md from what `make models` trained; of cartoons alone also real faces
	$(BIN)/python benchmarks/gallery.py --name $(NAME) --data $(DATA) $(if $(filter cartoons,$(NAME)),--real)

growth: $(BIN)/idl   ## Cost against size (an hour; goes on where it was killed): docs/growth.md
	$(BIN)/python benchmarks/growth.py

constraints: $(BIN)/idl   ## Keep the installed versions, which passed the tests, in constraints.txt
	$(BIN)/python tools/constraints.py > constraints.txt.new
	mv constraints.txt.new constraints.txt

clean:           ## Remove the virtual environment and caches (data/ and runs/ stay)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info
