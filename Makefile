# `make lab` and `make test` do everything on a machine that has Python and make; no root needed.
# Whatever is installed goes into .venv. `make help` lists the targets and the variables.

# The first of these that is 3.11 to 3.14 is taken.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11 python
LAB_FLAGS ?=
TEST_FLAGS ?=
JOBS ?= 2
UV_VERSION := 0.13.9

VENV := .venv
RUN := $(VENV)/bin/python
FIRST_LAB = $(firstword $(sort $(wildcard labs/*.ipynb)))

# A stamp is named after what it stands for, so that a changed lock, a moved folder (a venv holds
# its own path) or a vanished interpreter is noticed, and a mere checkout or touch is not.
sum = $(shell { cat $(1); pwd; } | cksum | tr -s ' \t' '-')
ALIVE := $(shell $(RUN) -c 'print("alive")' 2>/dev/null || echo dead)
MADE := $(VENV)/.made-$(ALIVE)-$(call sum,/dev/null)
LAB := $(VENV)/.lab-$(call sum,requirements.lock pyproject.toml)
TEST := $(VENV)/.test-$(call sum,requirements-test.lock)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP_INSTALL := $(RUN) -m pip install --quiet

.PHONY: help lab test check doctor lock clean
.DEFAULT_GOAL := help

help:
	@echo 'make lab     set up .venv, warm the kernels, open JupyterLab on the first lab'
	@echo 'make test    the same set-up with the test tools, then the whole suite'
	@echo 'make check   lint and format, without changing anything'
	@echo 'make doctor  what this machine has, and what works without the rest'
	@echo 'make lock    resolve requirements*.txt into the locks (UPGRADE=1: newest of everything)'
	@echo 'make clean   remove .venv and all that was generated'
	@echo
	@echo "variables:   PYTHON=/usr/bin/python3.12  LAB_FLAGS=--no-browser  TEST_FLAGS='-k search -x'  JOBS=1"

lab: $(LAB)
	@$(RUN) -m tdplib warm
	@$(RUN) -m tdplib.doctor --missing
	@test -n '$(FIRST_LAB)' || { echo 'labs/ holds no notebook: $(RUN) -m tdplib labs build'; exit 1; }
	@# JupyterLab refuses root unless told; a container has nobody else.
	$(RUN) -m jupyterlab --ServerApp.root_dir='$(CURDIR)' --LabApp.default_url=/lab/tree/$(FIRST_LAB) \
	  --LabApp.extension_manager=readonly $$(test "$$(id -u)" != 0 || echo --allow-root) $(LAB_FLAGS)

test: $(TEST)
	@# Compiled before the clock of any test runs; should that fail, the tests say where.
	-@$(RUN) -m tdplib warm
	@$(RUN) -m tdplib.doctor --missing
	@# A file's tests stay together: they share servers, searches and the order of their cases.
	$(RUN) -m pytest -n $(JOBS) --dist loadfile $(TEST_FLAGS)

check: $(TEST)
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check

doctor: $(LAB)
	@$(RUN) -m tdplib.doctor

$(MADE):
	@tried='$(PYTHON)'; found=; for py in $$tried; do \
	  if $$py -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; \
	  then found=$$py; break; fi; done; \
	if [ -z "$$found" ]; then \
	  echo "tdplib needs Python 3.11 to 3.14, and none of these is one: $$tried. Name yours: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; fi; \
	if ! $$found -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "$$found has no venv module. Debian, Ubuntu: apt install python3-venv. Or name another Python: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; fi; \
	echo "making $(VENV) with $$found ($$($$found -V))"; \
	$$found -m venv --clear $(VENV)
	@touch $(VENV)/.made-alive-$(call sum,/dev/null)

# tdplib itself is installed editable, by the setuptools of the lock: no build tool is fetched.
# JupyterLab's announcements are off: a first page without questions, and no calls to the network.
$(LAB): $(MADE)
	@echo 'installing requirements.lock into $(VENV) (once; about a minute)'
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@$(RUN) -m jupyter labextension disable --level=sys_prefix @jupyterlab/apputils-extension:announcements >/dev/null 2>&1 || true
	@rm -f $(VENV)/.lab-* && touch $@

$(TEST): $(LAB)
	@echo 'installing requirements-test.lock into $(VENV) (once)'
	@$(PIP_INSTALL) --require-hashes -r requirements-test.lock
	@rm -f $(VENV)/.test-* && touch $@

# Universal: one lock for all systems and for Python 3.11 to 3.14. The second is held to the
# first, so that the tests run what a learner runs.
UV_COMPILE = build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 \
  --generate-hashes --no-header $(if $(UPGRADE),--upgrade)
lock: $(MADE)
	@$(RUN) -m venv build/uv && build/uv/bin/python -m pip install --quiet uv==$(UV_VERSION)
	$(UV_COMPILE) requirements.txt --output-file requirements.lock
	$(UV_COMPILE) --constraint requirements.lock requirements-test.txt --output-file requirements-test.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
