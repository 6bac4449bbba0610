# Set-up and everyday commands. `make` alone lists them.
# Options: PYTHON=python3.12 (which python to use), CRF=0 (do without pydensecrf2 and a compiler), ARGS=...
# PIP_OPTIONS="--extra-index-url ..." is handed to pip: PyTorch's own index has torch without CUDA, 3 GB smaller.
# SITE=1 keeps the packages that PYTHON has, its torch above all, and installs what is missing or too old.

CRF ?= 1
READY := .venv/.ready$(if $(filter 0,$(CRF)),-without-crf)
LOCK := $(if $(filter 1,$(SITE)),,-c constraints.txt)
OUTPUTS := .work data/attention data/prepared data/heatmaps data/masks data/predictions models reports .dvc/cache .dvc/tmp
CACHES := .mypy_cache .ruff_cache .pytest_cache .hypothesis

# DVC starts the `python` that comes first on the PATH.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# $(1): folder of the venv, $(2): options of pip.
# pydensecrf2 asks for a Cython that python 3.13 cannot build, so it is built with ours (no isolation).
# It comes before the large downloads: a broken compiler shows within a minute.
define install
$(1)/bin/pip install $(2) $(PIP_OPTIONS) "cython>=3,<4" "setuptools>=77" wheel
$(if $(filter 0,$(CRF)),,$(1)/bin/pip install $(2) $(PIP_OPTIONS) --no-build-isolation pydensecrf2)
$(1)/bin/pip install $(2) $(PIP_OPTIONS) --no-build-isolation --editable ".[dev]"
endef

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: repro
repro: $(READY) ## run the pipeline; stages that are up to date are skipped
	@scripts/check_setup.sh git || .venv/bin/dvc config --local core.no_scm true
	@.venv/bin/python -m pipeline run -- $(ARGS)

PYTEST := OMP_NUM_THREADS=1 .venv/bin/python -m pytest --numprocesses auto --dist loadfile

.PHONY: test
test: $(READY) ## run the tests; one file: make test ARGS=tests/heatmaps/test_cam.py
	@$(PYTEST) -m "not slow" $(ARGS)

.PHONY: test-slow
test-slow: $(READY) ## run the long tests: the pipeline from end to end, and kills
	@$(PYTEST) -m slow $(ARGS)

.PHONY: lint
lint: $(READY) ## check style, format and types
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

.PHONY: venv
venv: $(READY) ## make .venv with the locked versions (the other commands do this when needed)

# An install that was cut off leaves .installing behind, and the next one starts from nothing.
$(READY): constraints.txt pyproject.toml
	@python=$$(scripts/check_setup.sh python) && \
	if [ -e .venv/.installing ] || ! .venv/bin/pip --version >/dev/null 2>&1; then \
	  "$$python" -m venv --clear $(if $(filter 1,$(SITE)),--system-site-packages) .venv; \
	fi
	@touch .venv/.installing
	$(call install,.venv,$(LOCK))
	@mv .venv/.installing $@

# The oldest python that is supported makes the lock: newer releases of a package may have dropped it.
.PHONY: lock
lock: ## renew constraints.txt with the newest versions
	@python=$$(PYTHON="$(or $(PYTHON),python3.11)" scripts/check_setup.sh python) && \
	"$$python" -m venv --clear .work/lock
	$(call install,.work/lock,--upgrade)
	@.work/lock/bin/pip freeze --all --exclude-editable --exclude pip > .work/lock/frozen
	@{ grep '^#' constraints.txt; LC_ALL=C sort -f .work/lock/frozen; } > .work/lock/constraints.txt
	@mv .work/lock/constraints.txt constraints.txt
	@rm -rf .work/lock

.PHONY: clean
clean: ## remove all outputs and caches, DVC's cache included
	@for path in $(wildcard $(OUTPUTS) $(CACHES)); do echo "removing $$path"; rm -rf "$$path"; done
	@echo "removing __pycache__"; find . -path ./.venv -prune -o -name __pycache__ -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## clean, and remove .venv
	@for path in $(wildcard .venv camseg.egg-info); do echo "removing $$path"; rm -rf "$$path"; done
