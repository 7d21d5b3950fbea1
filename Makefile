# `make demo` shows what levelhead does; `make test` checks it; `make venv` only builds .venv/; `make train` learns the
# detector anew and `make heat-report` writes what it is worth; `make bench` measures how fast
# all of it is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# Some tests wait more than they compute, so there is one more of them than there are processors.
AT_ONCE := $(shell echo $$(( $$(nproc 2>/dev/null || echo 2) + 1 )))

.PHONY: demo test lint types unit venv lock docs sbom train heat-report bench clean

demo: venv
	$(BIN)/levelhead demo

test: venv lint types unit

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv
	$(BIN)/mypy

unit: venv
	$(BIN)/pytest -n $(AT_ONCE) --dist loadgroup $(ARGS)

venv: $(STAMP)

# The stamp is written last: an install that was interrupted is done again.
$(STAMP): requirements.lock pyproject.toml
	@command -v '$(PYTHON)' >/dev/null || \
	  { echo "levelhead needs Python 3.11 or newer; there is no program $(PYTHON). Name another: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "levelhead needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "This Python lacks venv: install it with 'apt install python3-venv' (Debian, Ubuntu), then run make again."; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Written anew by hand, when a dependency changes; holds versions and hashes and the address of no index.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --extra demo --extra evidence --extra holidays --extra pdf --group dev -o requirements.lock pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --extra semantic -o requirements-semantic.lock pyproject.toml

# The files that are made from the code: sample configuration, reference pages.
docs: venv
	$(BIN)/python -m levelhead.docs

# What is installed, by the lock: CycloneDX, for whoever looks after known holes.
sbom:
	mkdir -p dist
	$(PYTHON) .ci/sbom.py requirements.lock > dist/sbom.cdx.json

# The heat detector, learnt anew from training/ and the public rows in DATA; the same material makes the same bytes.
DATA ?= ../shared/data/heated

train: venv
	$(BIN)/python -m training.train $(DATA)
	$(BIN)/python -m training.trajectory

heat-report: venv
	$(BIN)/python -m training.report $(DATA)

# How fast it is, and beside whom: MODE=quick prints within two minutes, MODE=full takes an hour and writes the page.
MODE ?= quick

bench: venv
	$(BIN)/python -m bench --mode $(MODE) $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache
