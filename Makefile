# `make demo` and `make test` need Python 3.11+, make and a package index; everything else is made here.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
STAMP := $(VENV)/.installed

.PHONY: demo test lint types unit coverage torture lower-bounds bench docs clean
.DEFAULT_GOAL := demo

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ordersheet needs Python 3.11 or later; try: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python -m ordersheet demo

# Among the tests are short forms of `make torture` and of `make bench`: each campaign and each fault runs once to its
# end, and some benchmarks do.
test: lint types unit lower-bounds

lint: $(STAMP)
	$(BIN)/python -m ruff check src tests benchmarks
	$(BIN)/python -m ruff format --check src tests benchmarks
	$(BIN)/lint-imports --no-logo

types: $(STAMP)
	$(BIN)/python -m mypy

unit: $(STAMP)
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist worksteal -m "not torture"

# The same tests under a tracer, which takes twice their time: apart from `make test`, and run by one machine of CI.
coverage: $(STAMP)
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist worksteal --cov --cov-report=term:skip-covered -m "not torture"

# The long forms of the tests, the safeguards taken out one by one, and the figures of docs/delivery.md.
torture: $(STAMP)
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist worksteal --hypothesis-profile=search -m torture
	$(BIN)/python -m tests.torture.mutations
	$(BIN)/python -m tests.torture.campaign --write

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m benchmarks.all

# Every dependency at the lowest version that pyproject.toml allows, in an environment of its own (.venv-lower).
lower-bounds: $(STAMP)
	$(BIN)/python -m tests.support.lower_bounds

docs: $(STAMP)
	$(BIN)/python -m tests.support.reference
	$(BIN)/python -m tests.support.picture
	$(BIN)/python -m tests.support.page_picture

clean:
	rm -rf $(VENV) .venv-lower build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
