# Every target sets up what it needs: .venv and node_modules, by the lock files, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
# The distribution's own where it can make a venv: it is built with profile-guided optimisation, and
# one that pyenv compiles is not unless it is told to
SYSTEM_PYTHON := /usr/bin/python3.11
PYTHON ?= $(shell $(SYSTEM_PYTHON) -c 'import ensurepip, venv' 2>/dev/null && echo $(SYSTEM_PYTHON) || echo python3.11)
VENV := .venv/bin
PYTHON_READY := .venv/.ready
# bytecode is kept: without it each process compiles all of ours anew, and each test process all tests
unexport PYTHONDONTWRITEBYTECODE
NODE_READY := node_modules/.ready
# the type checker imports Django's settings, which insist on these
CHECK_ENVIRONMENT := SECRET_KEY=$(shell printf 'lint%.0s' {1..13}) DATABASE_URL=postgresql://lint@127.0.0.1/lint \
	VAULT_KEYS='{"1": "$(shell printf '%064d' 1)"}'

.DEFAULT_GOAL := help
.PHONY: help setup demo drill up test mutations lint format pages contracts contracts-check bench lock

help:
	@echo "make demo | drill | up | test | mutations | lint | contracts | bench   (README.md says what each does)"

setup: $(PYTHON_READY) $(NODE_READY)

$(PYTHON_READY): requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(VENV)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

$(NODE_READY): package.json package-lock.json .npmrc
	npm ci --silent
	@touch $@

demo: setup
	@$(VENV)/python -m devnet.demo

# SEED=: the same seed gives the same schedule; without one it is drawn, and printed
N ?= 100
drill: setup
	@$(VENV)/python -m devnet.drill --swaps $(N) $(if $(SEED),--seed $(SEED))

up: setup
	@$(VENV)/python -m devnet.up

test: setup
	$(VENV)/pytest -n 3 --dist loadfile --no-loadscope-reorder

mutations: setup
	@$(VENV)/python -m tests.mutations.check

lint: setup
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(CHECK_ENVIRONMENT) $(VENV)/mypy
	$(VENV)/lint-imports
	$(CHECK_ENVIRONMENT) $(VENV)/python manage.py check

# the parts of docs/ that are written from the code; the tests say when they are out of date
pages: setup
	$(VENV)/python -m sessions_app.domain.diagram
	$(VENV)/python -m tests.mutations.page
	@$(CHECK_ENVIRONMENT) $(VENV)/python -m orchestrator.variables

format: setup
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

contracts: setup
	$(VENV)/python -m contracts.evm.build
	$(VENV)/python -m contracts.near.build

contracts-check: setup
	$(VENV)/python -m contracts.evm.build --check
	$(VENV)/python -m contracts.near.build --check

bench: setup
	$(VENV)/python -m devnet.bench

# after a change of the dependencies in pyproject.toml; a week's quarantine for new releases
LOCK = $(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--exclude-newer "$$(date -u -d '7 days ago' +%F)" pyproject.toml
lock: setup
	$(LOCK) -o requirements.txt
	$(LOCK) --group dev -o requirements-dev.txt
