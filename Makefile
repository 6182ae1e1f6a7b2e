# Each target does its own set-up; a machine with Python 3.11 or newer and make is enough.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo test test-all check docs clean

help:
	@echo "make setup     .venv with everything for development"
	@echo "make demo      recognise photos, explain, compare, train for a minute: demo/index.html"
	@echo "make test      the tests (under 20 minutes on 2 cores)"
	@echo "make test-all  and the slow ones, parity with torchvision, timm, pytorchcv and Keras, coverage"
	@echo "make check     format, lint, types, docstrings, spelling"
	@echo "make docs      the site, into site/"

setup: .venv/installed

# What a user has; enough for the demo.
.venv/package: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "This needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/installed: .venv/package
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# The peers: without their dependencies, as torchvision would bring a torch of its own.
.venv/peers: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps torchvision timm pytorchcv captum torchcam pytorch_optimizer lightning lightning-utilities torchmetrics accelerate psutil
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt keras matplotlib
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt huggingface-hub pyyaml requests
	touch $@

demo: .venv/package
	$(BIN)/python examples/demo.py demo

test: setup
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and not parity"

test-all: .venv/peers
	$(BIN)/python -m pytest --hypothesis-profile random -n auto --dist worksteal --cov --cov-report=term:skip-covered

check: setup
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/codespell

docs: setup
	$(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf .venv site demo .pytest_cache .mypy_cache .ruff_cache .coverage
