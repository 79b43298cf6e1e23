# Set-up, demonstration, tests and checks. `make demo` and `make test` each work on a fresh machine by themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CODE := src tests examples benchmarks docs
export OMP_NUM_THREADS ?= 1
export HF_HUB_OFFLINE = 1
export HF_HUB_DISABLE_TELEMETRY = 1

.PHONY: demo test check bench base clean

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/.ready  ## a planted backdoor: hit -> cause -> rewind -> converged
	$(BIN)/bumperlane demo --out runs/demo

test: $(VENV)/.ready check  ## checks, then every test
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

check: $(VENV)/.ready  ## lint, format, types: under a minute
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

bench: $(VENV)/.ready  ## the demo over seeds, planted and clean; writes benchmarks/results/loop_demo.json
	$(BIN)/python benchmarks/loop_demo.py

base: $(VENV)/.ready  ## pretrain the microworld's base model anew (about 23 minutes on one core), its card and its audit pack
	$(BIN)/python -m bumperlane.organisms.microworld.pretrain --out build/base
	$(BIN)/python -m bumperlane.organisms.microworld.card build/base
	rm -rf src/bumperlane/organisms/microworld/model
	mkdir src/bumperlane/organisms/microworld/model
	cp build/base/*.* src/bumperlane/organisms/microworld/model/
	$(BIN)/python -m bumperlane.organisms.microworld.pack

clean:
	rm -rf runs build .pytest_cache .mypy_cache .ruff_cache
