# The two commands are `make demo` and `make test`; both set everything up first (see bootstrap.py).
# make PYTHON=python3.11 ...   another Python for .venv
# make demo ONCE=1             exit after the table instead of serving the pages
# make ... EXTRA=gpu           the judge's engine built for a GPU

PYTHON ?= python3
BIN := .venv/bin
export EXTRA

# Without .pyc files every start of Python, and above all of vLLM, is several times slower.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help bootstrap demo test chaos lint check clean

help:
	@echo "make demo    set up, score simulated interviews, serve the pages until Ctrl-C (ONCE=1: exit after the table)"
	@echo "make test    set up, and run all tests"
	@echo "make chaos   set up, and break a fleet on purpose (INTERVIEWS=60 KILLS=12 SEED=1); one line of JSON judges it"
	@echo "make check   set up, and run format, lint, types, layers and unit tests"
	@echo "make clean   remove .venv and caches; the data in .debrief stays"

bootstrap:
	@$(PYTHON) bootstrap.py

# exec: Ctrl-C and SIGTERM reach the command itself, not a shell in between.
demo: bootstrap
	@exec $(BIN)/debrief demo $(if $(ONCE),--once)

test: bootstrap
	@exec $(BIN)/python -m pytest $(TESTS)

chaos: bootstrap
	@exec $(BIN)/python -m tests.chaos --store both $(if $(INTERVIEWS),--interviews $(INTERVIEWS)) $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

lint: bootstrap
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(BIN)/python -m pytest -q -n 2 tests/unit

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
