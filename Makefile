# The verbs of this project; CI calls them verbatim. `make` alone lists them.
PYTHON ?= python3
DATA ?= simulated
BIN := .venv/bin
# Nobody's counters are fed from here.
export BENTOML_DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help setup demo test check bench bench-models torture docs lock clean

help:  ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup: .venv/.warm  ## make .venv with the pinned dependencies, and compile what must be compiled

demo: setup  ## the whole path on one data set: DATA=simulated | complete-journey | taobao | online-retail
	$(BIN)/intently demo --data $(DATA)

test: setup  ## all tests
	$(BIN)/pytest

check: setup  ## lint, format, types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: setup bench-models  ## speed and memory beside their peers as ratios, and all of bench-models
	$(BIN)/python tests/benchmarks/bench_features.py

bench-models: setup  ## models beside the best possible, beside their peers and without their parts: an hour
	$(BIN)/python tests/benchmarks/bench_models.py

torture: setup  ## kill, flood and fuzz at full count
	HYPOTHESIS_PROFILE=torture $(BIN)/pytest -m "torture or not torture" tests/torture tests/properties

docs: setup  ## render the reference pages from the code
	$(BIN)/python docs/render.py

lock: setup  ## pin all dependencies anew, with hashes and without addresses
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
		--no-annotate --no-header pyproject.toml --output-file requirements.lock

clean:  ## remove what was made here, except workspaces
	rm -rf .venv constraints.txt build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find features models training serving tests -name __pycache__ -type d -prune -exec rm -rf {} +

# pip refuses an editable install together with hashes, hence two steps; uv is used where it is at hand.
.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Intently needs Python 3.11 or newer; say which with make PYTHON=python3.12")'
	@echo 'Setting up .venv with the pinned dependencies: a minute with uv, about four with pip.'
	@$(PYTHON) -m venv .venv
	@if command -v uv >/dev/null; then uv pip install --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock; \
	else $(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar on --require-hashes -r requirements.lock; fi
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@sed -n 's/^\([A-Za-z0-9._-]*==[^\\]*[^\\ ]\) *\\*$$/\1/p' requirements.lock > constraints.txt
	@touch $@

# numba notices a change in a function's own file only, not in those it calls: what was compiled goes when any of them changed.
.venv/.warm: .venv/.ready $(wildcard features/*.py models/*.py training/*.py)
	@echo "Compiling what must be compiled."
	@find features models training -name '*.nb[ic]' -delete
	@$(BIN)/python -m compileall -q features models training serving intently.py
	@$(BIN)/python -c 'from features import kernel; from models import calibration; from training import resample, simulate; kernel.warm(); calibration.warm(); resample.warm(); simulate.warm()'
	@touch $@
