# Needs Python 3.11 to 3.13 and make, nothing else. Everything goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: run test bench lint ui lock clean help

help: ## what each target does
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: $(VENV)/.ready ## generate the sample company in demo/ and run the whole pipeline on it
	@$(BIN)/crossover demo $(DEMO)

test: $(VENV)/.ready ## every test
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.ready ## ruff and mypy --strict
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/.ready ## speed as ratios within one run, and peak memory; with BENCH=--large also of 20 million rows and of 5 GB of CSV
	@$(BIN)/python -m bench $(BENCH)

ui: $(VENV)/.ready ## Dagster's web UI on the sample company
	@$(BIN)/crossover ui --config $(DEMO)/crossover.yaml

lock: ## resolve the newest versions within pyproject's bounds (needs uv)
	uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header --no-strip-extras --extra dev --python-version 3.11 pyproject.toml -o requirements.lock

clean: ## remove the environment and the sample company
	rm -rf $(VENV) $(DEMO)

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "error: Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version.split()[0] + "; give another one: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a minute or two, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
