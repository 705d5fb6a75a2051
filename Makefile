# The two commands of a newcomer are `make demo` and `make test`. Nothing here needs root.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
EXTRAS ?=
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --durations 25

.PHONY: demo test test-all test-long lint docs bench serve clean

# One stamp per set of extras, written last: an interrupted install is done again.
comma  := ,
empty  :=
space  := $(empty) $(empty)
SETS   := dev$(if $(EXTRAS),$(comma)$(EXTRAS))
STAMP  := $(VENV)/.installed-$(subst $(comma),-,$(SETS))

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Vitrine needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; name another one: make PYTHON=python3.12 demo")'
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(SETS)]'
	@touch $@

$(VENV)/.installed-core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

demo: $(VENV)/.installed-core  ## draw a catalog and run the whole job on it
	$(BIN)/vitrine demo

test: $(STAMP)  ## the tests; EXTRAS=s3,hub adds optional parts
	$(PYTEST) -m 'not slow and not long'

test-all: $(STAMP)  ## the tests and the slow ones, as CI runs them
	$(PYTEST) -m 'not long'

test-long: $(STAMP)  ## the long studies
	$(BIN)/python -m pytest -m long

lint: $(STAMP)  ## formatting, rules and types
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy

docs: $(STAMP)  ## regenerate docs/reference and the zoo's pictures
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/zoo_page.py

bench: $(STAMP)  ## the benchmarks, one after the other
	for study in benchmarks/*.py; do $(BIN)/python $$study || exit 1; done

serve: $(VENV)/.installed-core  ## open the desk on the demo; prints a link that works once
	@test -d vitrine-demo || $(BIN)/vitrine demo
	$(BIN)/vitrine serve --workspace vitrine-demo

clean:  ## remove what make made
	rm -rf $(VENV) vitrine-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
