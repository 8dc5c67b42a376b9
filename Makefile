# Each target sets up what it needs: a machine with Python 3.11-3.13 and make is enough.
PYTHON ?= python3
VENV   ?= .venv
TORCH  ?= torch==2.13.0
BIN    := $(VENV)/bin

.PHONY: help quickstart test test-fast test-slow test-engines lint bench clean

help:            ## Show the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/idl: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

quickstart: $(BIN)/idl   ## Install, build small data, train a model, ask it a few queries
	$(BIN)/idl quickstart

lint: $(BIN)/idl   ## Lint, format and type checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint test-fast   ## Install, lint and run the tests (minutes)

test-fast: $(BIN)/idl
	$(BIN)/python -m pytest -n 2

test-slow: $(BIN)/idl   ## The trainings that prove quality (hours)
	$(BIN)/python -m pytest -m slow

test-engines: $(BIN)/idl   ## The engine tests on TensorFlow, JAX and PyTorch, sweeps on Ray; a missing one fails
	$(BIN)/python -m pip install --quiet --editable '.[jax,ray]' '$(TORCH)'
	for engine in tensorflow jax torch; do TEST_ENGINE=$$engine $(BIN)/python -m pytest -m engine || exit 1; done

clean:           ## Remove the virtual environment and caches (data/ and runs/ stay)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info
