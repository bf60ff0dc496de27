# make demo              train on the embedded digits
# make demo DATA=PATH    train on the four MNIST files in a folder
# make test              lint, types and tests
# make test-all          the slow tests too, and every other Python that is here
# make bench             how fast it is, against every peer installed in .venv
# make clean             remove what these made
#
# Needs Python 3.11 or newer. `PYTHON=3.12` or `PYTHON=/path/to/python` chooses one; everything is
# installed into .venv, nothing outside this folder is touched.

SHELL := bash
VENV := .venv
RUN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PYTHONS := 3.11 3.12 3.13

.PHONY: demo test test-all bench clean lint types
.DELETE_ON_ERROR:

demo: $(VENV)/demo
	$(RUN) -m tapegrad demo $(if $(DATA),--data "$(DATA)")

test: lint types
	$(RUN) -m pytest --cov --numprocesses auto

# On the other Pythons the quick tests are enough: what they can find is a difference between versions.
test-all: lint types
	$(RUN) -m pytest --cov --numprocesses auto -m '' --hypothesis-profile=thorough
	@mine=$$($(RUN) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); missing=; \
	for version in $(PYTHONS); do \
	    if [ $$version = $$mine ]; then continue; fi; \
	    if .ci/find-python $$version >/dev/null 2>&1; then \
	        $(MAKE) --no-print-directory test VENV=.venv-$$version PYTHON=$$version || exit 1; \
	    else \
	        missing="$$missing $$version"; \
	    fi; \
	done; \
	if [ -n "$$missing" ]; then echo "Not tested, because not found here: Python$$missing"; fi

bench: $(VENV)/demo
	$(RUN) benchmarks/import_time.py
	$(RUN) benchmarks/overhead.py
	$(RUN) benchmarks/convolution.py
	$(RUN) benchmarks/memory.py
	$(RUN) benchmarks/small.py
	$(RUN) benchmarks/training.py
	$(RUN) benchmarks/static_vs_eager.py
	$(RUN) benchmarks/peers.py
	$(RUN) benchmarks/tf1.py

clean:
	rm -rf .venv .venv-* .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lint: $(VENV)/dev
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check

types: $(VENV)/dev
	$(RUN) -m mypy --strict src/

# --------------------------------------------------------------------------------------------------
# The environment. Each step leaves a file behind, and is done again when what it depends on is newer.

$(VENV)/demo $(VENV)/dev: $(VENV)/made pyproject.toml constraints.txt
	$(PIP) --editable '.[$(@F)]'
	@touch $@

$(VENV)/made:
	python=$$(.ci/find-python $(PYTHON)) && "$$python" -m venv --clear $(VENV)
	@touch $@

# It is made anew, too, when its Python is gone or is not the one that PYTHON now asks for.
VERSION := -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])'
have := $(shell $(RUN) $(VERSION) 2>/dev/null || echo none)
want := $(if $(PYTHON),$(shell { $$(.ci/find-python $(PYTHON)) $(VERSION); } 2>/dev/null),$(filter-out none,$(have)))
ifneq ($(have),$(want))
.PHONY: $(VENV)/made
endif
