# The project's vocabulary: people, CI, GitHub Actions and Jenkins call these targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCKS := requirements/ml.txt requirements/dev.txt
export MPLBACKEND := Agg

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 18

.PHONY: setup
setup: $(STAMP) ## build .venv from the hashed lock files

$(STAMP): $(LOCKS) pyproject.toml
	@command -v $(UV) >/dev/null || { echo "uv is needed: see its installation page, or 'pip install uv'"; exit 2; }
	@test -x $(BIN)/python || $(UV) venv --quiet --python '>=3.11,<3.14' $(VENV)
	$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes $(LOCKS)
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: lock
lock: ## write the lock files anew (one per dependency group)
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 --no-sources \
	  --custom-compile-command 'make lock' --group ml -o requirements/ml.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 --no-sources \
	  --custom-compile-command 'make lock' --group dev -c requirements/ml.txt -o requirements/dev.txt

# ---- the main job ----------------------------------------------------------------------------------
WORKDIR ?= out/lake
WEEKS ?= 12
BASKETS ?= 4000

.PHONY: run
run: setup ## files to a gated, explained model; DATA=folder of weekly files, generated ones otherwise
	@if [ -n "$(DATA)" ]; then $(BIN)/mlops run --input "$(DATA)" --workdir $(WORKDIR); else \
	  $(BIN)/mlops data generate --weeks $(WEEKS) --baskets-per-week $(BASKETS) --seed 7 --output out/generated && \
	  $(BIN)/mlops run --input out/generated --workdir $(WORKDIR) --holdout-weeks 2; fi

# ---- checks ----------------------------------------------------------------------------------------
.PHONY: lint
lint: setup ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: setup ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: test
test: setup ## all tests with branch coverage
	$(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=term

.PHONY: pr
pr: lint test ## what CI runs

# ---- long proofs -----------------------------------------------------------------------------------
.PHONY: bench-etl
bench-etl: setup ## ETL of a full-size week against the tutorial way, parsing alone, memory for 1 and 12 weeks
	$(BIN)/python -m benchmarks.etl --output docs/benchmarks.md

.PHONY: bench-model
bench-model: setup ## quality, time and memory on the real files in DATA (default ../shared/data/dunnhumby)
	$(BIN)/python -m benchmarks.model --output docs/benchmarks.md --data $(or $(DATA),../shared/data/dunnhumby)

.PHONY: clean
clean: ## remove everything that was made here
	rm -rf $(VENV) out build dist .coverage* htmlcov .pytest_cache .mypy_cache .ruff_cache
