# Everything below installs what it needs first; each target can be the first command on a fresh machine.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
INSTALLED := .venv/.installed
PROVIDER := aws

# Hundreds of processes are started: each would compile all of it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup aws gcp test mutants lint docs bench clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): requirements.lock pyproject.toml
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: apt-get install python3" >&2; exit 2; }
	python3 -m venv --clear .venv || { apt-get update && apt-get install --yes python3-venv && python3 -m venv --clear .venv; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(INSTALLED) ## Install Python packages, missing Debian packages (as root), and build the binaries
	@missing=$$($(BIN)/python -m ccm_scenarios.localcloud.requirements); \
	if [ -n "$$missing" ]; then apt-get update && apt-get install --yes --no-install-recommends $$missing; fi
	@$(BIN)/python -m ccm_scenarios.localcloud.binaries

aws: setup ## Judge the AWS cloud controller manager on a local cloud: behave --tags=@aws
	$(BIN)/behave --tags=@aws

gcp: setup ## Judge the Google Cloud controller manager on a local cloud: behave --tags=@gcp
	$(BIN)/behave --tags=@gcp

test: setup lint ## Run all tests, the behaviours on a local cloud in every flavour included
	$(BIN)/pytest

mutants: setup ## Break things around the controller: every behaviour must notice what it claims to (FAULTS=names, PROVIDER=aws)
	$(BIN)/ccm-scenarios mutants --provider $(PROVIDER) $(FAULTS)

lint: $(INSTALLED) ## Check style, types, layers, and that every step is defined
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/behave --dry-run --no-summary --format=null

docs: $(INSTALLED) ## Write the table of behaviours, and the matrix of what controllers showed of them
	$(BIN)/ccm-scenarios behaviours > docs/behaviours.md
	$(if $(wildcard reports/published/*.json),$(BIN)/ccm-scenarios report matrix reports/published/*.json > docs/matrix.md)

bench: $(INSTALLED) ## Measure boot, reaction times and memory; prints JSON (PROVIDER=gcp, COLD=1 also times a first set-up)
	@$(MAKE) --no-print-directory setup >&2
	@$(BIN)/python -m tests.bench --provider $(PROVIDER) $(if $(COLD),--cold)

clean: ## Remove what was generated in this directory
	rm -rf .venv reports/latest .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist
