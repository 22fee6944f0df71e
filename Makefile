# Each target does all its own set-up from a bare clone: Python >= 3.11, make and a package index are enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo test lint bench clean

setup: $(READY)

# torch comes first and alone: with it installed no later requirement can pull another build
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "spot-eval needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q $$(grep '^torch==' constraints.txt)
	$(BIN)/pip install -q -c constraints.txt -e '.[hf,dev]'
	touch $@

demo: $(READY)  ## the embedded miniature, from checkpoint to scoreboard
	$(BIN)/spot-eval run

test: $(READY)
	$(BIN)/python -m pytest -q

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)  ## ratios against the peers and against ourselves, in one run each
	$(BIN)/python tests/benchmarks/bench_startup.py
	$(BIN)/python tests/benchmarks/bench_harness.py
	$(BIN)/python tests/benchmarks/bench_grading.py
	$(BIN)/python tests/benchmarks/bench_miniature_sft.py
	$(BIN)/python tests/benchmarks/miniature_mistakes.py
	$(BIN)/python tests/benchmarks/bench_trainer.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
