# `make demo` and `make test` set up their own virtual environment; they need Python 3.11 or newer, and make.
# The recipes keep to what GNU make 3.81 of macOS knows.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
CANDIDATES := python3.14 python3.13 python3.12 python3.11 python3
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED = --require-hashes --only-binary :all:

# A stamp is written last: what was interrupted is not there. Without the first one the environment is made anew.
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-full lint lock clean

help:
	@echo "make demo       one bank night in about five minutes; Ctrl-C ends it (DEMO_EXIT=1: ends by itself)"
	@echo "make test       the tests, in a virtual environment of their own"
	@echo "make install    the virtual environment, with the command $(BIN)/opsloop"
	@echo "make test-full  the long tests"
	@echo "make lint       ruff, mypy, import contract"
	@echo "make lock       write requirements/ anew from pyproject.toml (UPGRADE=1: newest versions)"
	@echo "make clean      remove the virtual environment and caches (not the data in .opsloop)"
	@echo ""
	@echo "PYTHON=/path/to/python chooses the Python (3.11 or newer)."

install: $(RUN)
	@echo "Ready: $(BIN)/opsloop --help"

demo: $(RUN)
	@exec $(BIN)/opsloop up --demo

test: $(DEV)
	$(BIN)/python -m pytest -m "not full" -n 2 --dist loadgroup

# Exit code 5 of pytest: no test is marked so.
test-full: $(DEV)
	$(BIN)/python -m pytest -m full || [ $$? -eq 5 ]

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: $(DEV)
	cd requirements && sh ./lock.sh ../$(BIN)/uv $(if $(UPGRADE),--upgrade)

clean:
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): requirements/run.txt
	@$(find_python); \
	echo "[1/3] Making a virtual environment in $(VENV) with `"$$python" --version`"; \
	rm -rf $(VENV) && "$$python" -m venv $(VENV)
	@echo "[2/3] Installing what opsloop needs to run (about 90 MB to fetch, usually under a minute)"
	@$(PIP_INSTALL) $(LOCKED) -r requirements/run.txt
	@echo "[3/3] Installing the command opsloop"
	@$(PIP_INSTALL) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# Without the stamp of the run, an interrupted install of the tools makes the next one start over.
$(DEV): requirements/dev.txt $(RUN)
	@echo "Installing what the tests need"
	@rm -f $(RUN)
	@$(PIP_INSTALL) $(LOCKED) -r requirements/dev.txt
	@touch $(RUN) $@

# Sets the shell variable `python`, or ends the recipe with what to do.
define find_python
python=""; incomplete=""; \
for candidate in $(if $(PYTHON),"$(PYTHON)",$(CANDIDATES)); do \
  "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
  if "$$candidate" -c 'import ensurepip, venv' 2>/dev/null; then python="$$candidate"; break; fi; \
  incomplete="$$candidate"; \
done; \
if [ -z "$$python" ] && [ -n "$$incomplete" ]; then \
  version=`"$$incomplete" -c 'import sys; print("%d.%d" % sys.version_info[:2])'`; \
  echo "$$incomplete cannot make virtual environments: ensurepip is missing." >&2; \
  echo "On Debian or Ubuntu: apt-get install python$$version-venv; then run make again." >&2; exit 1; \
fi; \
if [ -z "$$python" ]; then \
  echo "opsloop needs Python 3.11 or newer; tried: $(if $(PYTHON),$(PYTHON),$(CANDIDATES))." >&2; \
  echo "Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; \
fi
endef
