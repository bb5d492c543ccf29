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
.PHONY: help bootstrap browser demo test bench bench-pages chaos fuzz-api fuzz-formats injections judge-eval agent-eval train-judge pictures lint check clean

help:
	@echo "make demo          set up, score simulated interviews, serve the pages until Ctrl-C (ONCE=1: exit after the table)"
	@echo "make test          set up, and run all tests"
	@echo "make check         set up, and run format, lint, types, layers and unit tests but the longest"
	@echo "make chaos         break a fleet on purpose (INTERVIEWS=60 KILLS=12 SEED=1)"
	@echo "make injections    say things to the judge: what is noticed, and with JUDGE=embedded what it changes"
	@echo "make bench         how fast and how frugal: ceiling and overhead (ALL=1: every bench; BENCH=growth: one; docs/benchmarks.md)"
	@echo "make bench-pages   how long the pages take with 10,000 interviews and ten people at once"
	@echo "make judge-eval    how far a judge finds again what simulated candidates were made to express"
	@echo "make agent-eval    how the live agent leads simulated candidates of every kind (SEEDS=10)"
	@echo "make train-judge   train the demonstration judge again (MINUTES=120), from the banks to the weights, and install it"
	@echo "make pictures      take the pictures of docs/pictures anew, from the demonstration's own interviews"
	@echo "make fuzz-api      send right and wrong values to every operation of the API (EXAMPLES=100)"
	@echo "make fuzz-formats  damage transcript files of every kind (MUTATIONS=10000 SEED=1)"
	@echo "make clean         remove .venv and caches; the data in .debrief stays"
	@echo "bench, bench-pages, chaos, injections, judge-eval, agent-eval and fuzz-formats end in one line of JSON, and exit 0 when every promise held."

bootstrap:
	@$(PYTHON) bootstrap.py

# exec: Ctrl-C and SIGTERM reach the command itself, not a shell in between.
demo: bootstrap
	@exec $(BIN)/debrief demo $(if $(ONCE),--once)

# Two at a time, but for those that load the whole machine (the engine, a fleet): those run alone, after the others.
test: bootstrap browser
ifdef TESTS
	@exec $(BIN)/python -m pytest $(TESTS)
else
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not vllm and not chaos"
	@$(BIN)/python -m pytest -m "vllm or chaos"
endif

# The tests of the pages need Chromium: installed where that may be (root on Debian), else this fails and says how.
# Unit tests alone (make test TESTS=tests/unit) need none.
browser: bootstrap
	@$(if $(filter tests/unit%,$(TESTS)),true,$(BIN)/python -m tests.browser)

chaos: bootstrap
	@exec $(BIN)/python -m tests.chaos --store both $(if $(INTERVIEWS),--interviews $(INTERVIEWS)) $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

# BENCH=NAME OPTIONS="--sections 640" for one of them; without, OPTIONS has no meaning.
bench: bootstrap
	@exec $(BIN)/python -m tests.bench $(if $(ALL),--all) $(if $(BENCH),$(BENCH) $(OPTIONS))

bench-pages: bootstrap
	@exec $(BIN)/python -m tests.bench.pages $(if $(INTERVIEWS),--interviews $(INTERVIEWS))

judge-eval: bootstrap
	@exec $(BIN)/python -m tests.judge_eval $(if $(INTERVIEWS),--interviews $(INTERVIEWS)) $(if $(JUDGE),--judge $(JUDGE)) $(if $(MODEL),--model $(MODEL))

train-judge: bootstrap
	@exec $(BIN)/python -m live_agent.training build/demo-judge --minutes $(or $(MINUTES),120) --install

fuzz-api: bootstrap
	@DEBRIEF_FUZZ_EXAMPLES=$(or $(EXAMPLES),100) exec $(BIN)/python -m pytest --timeout 3600 tests/integration/web/test_api_fuzz.py

agent-eval: bootstrap
	@exec $(BIN)/python -m tests.agent_eval $(if $(SEEDS),--seeds $(SEEDS))

fuzz-formats: bootstrap
	@exec $(BIN)/python -m tests.formats_fuzz --mutations $(or $(MUTATIONS),10000) --seed $(or $(SEED),1)

injections: bootstrap
	@exec $(BIN)/python -m tests.injections $(if $(JUDGE),--judge $(JUDGE)) $(if $(MODEL),--model $(MODEL)) $(if $(INTERVIEWS),--interviews $(INTERVIEWS)) $(if $(SEED),--seed $(SEED))

pictures: bootstrap
	@$(BIN)/python -m tests.browser
	@exec $(BIN)/python -m tests.pictures

lint: bootstrap
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(BIN)/python -m pytest -q -n 2 -p no:schemathesis -m "not long" tests/unit

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
