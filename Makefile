# Two commands work on a fresh machine: `make tour` and `make test`.
# Both set up a virtual environment in .venv first; nothing outside this folder is touched.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OUT ?= tour
WORKERS ?= 2
# A file's tests stay in one process, as they share what they capture and train.
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: help tour test check format bench setup clean

help:
	@echo "make tour    set up, grow a model, look inside, write one report ($(OUT)/report.html)"
	@echo "make test    set up, run the tests, two at a time (WORKERS=$(WORKERS); each takes a GB)"
	@echo "make check   formatting, lint, types and floors"
	@echo "make format  let ruff rewrite what make check would complain about"
	@echo "make bench   side-by-side benchmarks with peers (needs a quiet machine)"

tour: $(VENV)/.lab
	$(BIN)/glasshouse tour --out $(OUT)

test: $(VENV)/.dev
	$(PYTEST) -m "not compiled and not slow" --check-shapes
	$(PYTEST) -m "compiled and not slow" $$(grep -rl "mark\.compiled" --include="test_*.py" tests)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

setup: $(VENV)/.dev

clean:
	rm -rf $(VENV) $(OUT) build dist

# The laboratory itself: what `glasshouse` needs to run.
$(VENV)/.lab: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Glasshouse needs Python 3.11 or newer; name one with: make PYTHON=python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

# What developers need on top: tests, linters, and the peers that tests compare with.
$(VENV)/.dev: $(VENV)/.lab
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,hf,lora,postgres,foundationdb,export,ray]"
	@touch $@
