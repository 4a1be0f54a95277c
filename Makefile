# Every target makes the virtual environment it needs, so each works as the first command after a clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp-dev
DOCS_STAMP := $(VENV)/.stamp-docs
BENCH_STAMP := $(VENV)/.stamp-bench

# The suite starts hundreds of processes: without bytecode on disk each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test crash check bench docs fix clean

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

$(DOCS_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group docs
	@touch $@

$(BENCH_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@touch $@

setup: $(STAMP) ## the virtual environment with everything the other targets need

demo: $(STAMP) ## 12 supervised sessions against the simulator, offline, and kill -9; FOLDER=... to ask about another folder
	@$(BIN)/agentsup demo $(FOLDER)

test: $(STAMP) ## the whole suite
	@$(BIN)/python -m pytest -q -n auto --dist worksteal

crash: $(STAMP) ## kill -9 at every place where it could hurt, 200 times at random, and in crowds; takes minutes
	@$(BIN)/python -m tests.crash

check: $(STAMP) ## format, lint, types, layers
	@$(BIN)/ruff format --check --quiet . || { echo "run make fix"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/mypy tests/typing/api.py
	@$(BIN)/lint-imports --no-cache >$(VENV)/layers.txt || { cat $(VENV)/layers.txt; exit 1; }

bench: $(BENCH_STAMP) ## speed, as ratios against raw trio, raw httpx and the peers
	@$(BIN)/python -m tests.bench

docs: $(DOCS_STAMP) ## the documentation, in docs/_build/html; a broken reference is an error
	@$(BIN)/sphinx-build -W -n -q -b html docs docs/_build/html
	@echo docs/_build/html/index.html

fix: $(STAMP) ## format, and the fixes that are safe
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

clean: ## forget the virtual environment and everything built
	@rm -rf $(VENV) docs/_build build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
