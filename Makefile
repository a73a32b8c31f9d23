# Everything runs in .venv, which the first command makes. Another interpreter: make demo PYTHON=python3.12
# A torch build of your choice (CPU or another CUDA): make setup TORCH="torch==2.13.0 --index-url ..."

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3,$(shell command -v $(name))))
TORCH ?= torch
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := demo-results

.DEFAULT_GOAL := help
.PHONY: help postgres editor browser setup demo test lint types unit format build clean

help:  ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*##/\t/' | column -t -s "$$(printf '\t')"

setup: $(READY) postgres editor browser  ## make the environment (.venv), about 90 seconds

# torch first, so that no other package brings in a different build of it.
$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no python3.11 or python3.12 found: install one, or set PYTHON="; exit 2; }
	@echo "setting up $(VENV) with $(PYTHON)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt $(TORCH)
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@mkdir -p .types && ln -sfn .. .types/assay
	@touch $(READY)

# A server for the tests of shared stores; they are skipped where there is none.
INITDB := $(firstword $(wildcard /usr/lib/postgresql/*/bin/initdb) $(shell command -v initdb))

postgres:
	@test -n "$(INITDB)" || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql >/dev/null; } || \
	  echo "no PostgreSQL server: the tests that need one are skipped"

# The server that editors ask about YAML, for one test; it is skipped where there is no node.
YAML_SERVER := tests/editor/node_modules/.package-lock.json

editor:
	@! command -v npm >/dev/null || $(MAKE) -s $(YAML_SERVER)

$(YAML_SERVER): tests/editor/package.json tests/editor/package-lock.json
	@npm ci --prefix tests/editor --no-audit --no-fund --ignore-scripts --loglevel error && touch $@ || \
	  echo "npm could not install the server for tests/test_editor.py"

# A browser, and what drives it, for the tests of the page; they are skipped where there is none.
DRIVER := tests/browser/node_modules/.package-lock.json
CHROMIUM := $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name))))

browser:
	@! command -v npm >/dev/null || $(MAKE) -s $(DRIVER)
	@test -n "$(CHROMIUM)" || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; } || \
	  echo "no Chromium: tests/test_browser.py is skipped"

$(DRIVER): tests/browser/package.json tests/browser/package-lock.json
	@npm ci --prefix tests/browser --no-audit --no-fund --ignore-scripts --loglevel error && touch $@ || \
	  echo "npm could not install the driver for tests/test_browser.py"

demo: $(READY)  ## a real sweep on two Ray workers, leaderboard, report, export, and training with the exported config
	$(BIN)/assay run examples/digits.yaml --new --workers 2 --store $(DEMO)
	$(BIN)/assay export @last --store $(DEMO) --output $(DEMO)/best
	$(BIN)/python examples/train_production.py --config $(DEMO)/best/config.yaml --output $(DEMO)/best/model.pt

test: lint types unit  ## lint, types and all tests

lint: $(READY)  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## mypy, strict
	$(BIN)/mypy

# One file more at a time than cores: tests of clusters wait a good part of their time.
unit: $(READY) postgres editor browser  ## all tests, three files at a time
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

format: $(READY)  ## write the format that lint wants
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: $(READY)  ## wheel and sdist in dist/
	$(BIN)/python -m build

clean:  ## remove the environment and all that was made
	rm -rf $(VENV) .types build dist tests/*/node_modules *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis $(DEMO)
