# Each target does all its own set-up from a bare clone: Python >= 3.11, make and a package index are enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
USABLE := $(VENV)/.usable
READY := $(VENV)/.ready
VLLM_VENV ?= .venv-vllm
VLLM_READY := $(VLLM_VENV)/.ready
GPU_VENV ?= .venv-gpu
GPU_READY := $(GPU_VENV)/.ready

.PHONY: setup demo test test-vllm lint gpu bench bench-vllm calibrate notebook clean

setup: $(READY)

# torch comes first and alone: with it installed no later requirement can pull another build
$(USABLE): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "spot-eval needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q $$(grep '^torch==' constraints.txt)
	$(BIN)/pip install -q -c constraints.txt -e '.[hf,train,code,fresh]'
	touch $@

# what the tests need besides: peers, browsers, linters
$(READY): $(USABLE)
	$(BIN)/pip install -q -c constraints.txt -e '.[hf,train,code,fresh,dev]'
	touch $@

demo: $(USABLE)  ## the embedded miniature, from checkpoint to scoreboard
	$(BIN)/spot-eval run
	@echo "next: 'source $(BIN)/activate', then 'spot-eval runs' and 'spot-eval --help' (or type $(BIN)/spot-eval)"

test: $(READY)
	$(BIN)/python -m pytest -q -n auto --dist worksteal

# vLLM pins what it needs, so it has an environment of its own
$(VLLM_READY): tests/vllm-requirements.txt constraints.txt
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/pip install -q $$(grep '^torch==' constraints.txt)
	$(VLLM_VENV)/bin/pip install -q --no-deps -r tests/vllm-requirements.txt
	$(VLLM_VENV)/bin/pip install -q --no-deps -e .
	touch $@

test-vllm: $(VLLM_READY)  ## the vllm engine against vLLM itself, on a CPU
	$(VLLM_VENV)/bin/python -c 'import vllm'
	$(VLLM_VENV)/bin/python -m pytest -q -m vllm tests/models

bench-vllm: $(VLLM_READY)  ## the vllm and api engines beside vLLM's own LLM.generate
	$(VLLM_VENV)/bin/python -m tests.benchmarks.bench_vllm
	$(VLLM_VENV)/bin/python -m tests.benchmarks.bench_api

# a GPU needs torch's CUDA build, which the package index gives by itself
$(GPU_READY): pyproject.toml
	$(PYTHON) -m venv $(GPU_VENV)
	$(GPU_VENV)/bin/pip install -q -e '.[hf,train]' trl pytest hypothesis psutil
	touch $@

gpu: $(GPU_READY)  ## what needs one card, in at most ten minutes; writes tests/benchmarks/gpu.json
	$(GPU_VENV)/bin/python -m tests.gpu
	$(GPU_VENV)/bin/python -m pytest -q -m cuda tests/models/test_cuda.py tests/trainer/test_cuda.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## ratios against the peers and against ourselves, in one run each; the last line is one table of all kept ones
	$(BIN)/python -m tests.benchmarks.bench_startup
	$(BIN)/python -m tests.benchmarks.bench_harness
	$(BIN)/python -m tests.benchmarks.bench_grading
	$(BIN)/python -m tests.benchmarks.bench_grading_peers
	$(BIN)/python -m tests.benchmarks.bench_grade_meanwhile 10000 -o tests/benchmarks/grade_meanwhile.json
	$(BIN)/python -m tests.benchmarks.bench_likelihood  # needs SPOT_EVAL_DATA, as the next does
	$(BIN)/python -m tests.benchmarks.bench_code
	$(BIN)/python -m tests.benchmarks.bench_hf_batches
	$(BIN)/python -m tests.benchmarks.bench_adapters
	$(BIN)/python -m tests.benchmarks.bench_report
	$(BIN)/python -m tests.benchmarks.bench_connect4
	$(BIN)/python -m tests.benchmarks.bench_connect4_boards
	$(BIN)/python -m tests.benchmarks.miniature_mistakes
	$(BIN)/python -m tests.benchmarks.bench_pairs
	$(BIN)/python -m tests.benchmarks.bench_trainer
	$(BIN)/python -m tests.benchmarks

calibrate: $(READY)  ## measure every claim about the gate's errors and certify two exams; writes the kept results and the tables in the docs
	$(BIN)/python -m tests.benchmarks.calibration_gate
	$(BIN)/python -m tests.benchmarks.calibration_sequential
	$(BIN)/python -m tests.benchmarks.certify_exams

notebook: $(READY)  ## run the notebook again and keep its outputs
	$(BIN)/jupyter execute --inplace examples/compare_checkpoints.ipynb

clean:
	rm -rf $(VENV) $(VLLM_VENV) $(GPU_VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
