# `make demo` and `make test` do everything on a fresh machine: each sets up .venv itself if needed.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
BENCH := .venv/.bench
DOCS := .venv/.docs
# A test compares what we know of MedMNIST with that package, which lies apart: it requires torch.
# Packages are pinned by constraints.txt, which names no host.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: setup demo test test-all lint format bench faults docs clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: jaxdml needs Python 3.11 or newer; name one by PYTHON=python3.11" >&2; exit 2; }
	@echo "setting up .venv (once, a minute or two)"
	@$(PYTHON) -m venv .venv
	@$(PIP) -e '.[plot,tfds,images,distributed,tensorboard,wandb,parquet,stablehlo,test,lint]'
	@$(PIP) --no-deps --upgrade --target=.venv/medmnist medmnist
	@touch $@

$(BENCH): $(READY)
	@echo "adding PyTorch and pytorch-metric-learning to .venv (once)"
	@$(PIP) -e '.[bench]'
	@touch $@

$(DOCS): $(READY)
	@$(PIP) -e '.[docs]'
	@touch $@

demo: $(READY)
	@$(BIN)/python -m experiments.grid --config=configs/digits_grid.py --workdir=runs/demo
	@echo
	@echo "next     open runs/demo/report/report.html in a browser"
	@echo "         name photos of your own: docs/start.md, part 3"
	@echo "         change what is trained: configs/digits_grid.py, then make demo again"

test: $(READY)
	@$(BIN)/python -m pytest -q -n auto --dist loadfile

test-all: $(BENCH) $(DOCS)
	@$(BIN)/python -m pytest -q -n auto --dist loadfile -m 'slow or not slow'

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@$(BIN)/codespell *.md .ci configs docs examples experiments jaxdml tests

format: $(READY)
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(BENCH)
	@$(BIN)/python -m experiments.bench

faults: $(READY)
	@$(BIN)/python -m tests.faults --tries=3

docs: $(DOCS)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "build/site/index.html"

clean:
	@rm -rf .venv build *.egg-info
