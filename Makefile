# The front door. `make` lists what can be done; each target sets itself up from what is locked.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The targets share one environment and two cores: one after the other.
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# Python 3.11 is what the locks are made for; a later one is used where 3.11 is absent.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_REQUIRE_VIRTUALENV=1 $(BIN)/python -m pip --disable-pip-version-check --quiet
# ARGS goes to the command: make demo ARGS="--seconds 60 --json"
ARGS ?=
CHECKED := agent cloud firmware_bridge shared tests

# A shell that keeps Python from writing what it compiles would have each of the hundreds of
# processes that the tests start compile the program, and each worker all tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check format bench bench-card soak prove fuzz clean setup lint lock reference screenshot tests compiled coverage wheel-tests test-homeassistant

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The radio's libraries are fetched only where a simulated stick is asked for.
RADIO := $(if $(findstring zigbee,$(ARGS))$(findstring mixed,$(ARGS)),$(VENV)/.zigbee-ready)

demo: $(VENV)/.demo-ready $(RADIO) ## one household, from simulated meter to API; ARGS="--seconds 60 --json"
	@$(BIN)/hearthlink demo $(ARGS)

# Most tests wait for real parts to start: more of them at a time than there are cores.
WORKERS ?= 4

# Lint and the wheel use a core each; the tests all there are.
test: $(VENV)/.dev-ready ## everything: lint, the wheel by itself, all tests
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint wheel-tests
	@$(MAKE) --no-print-directory tests

check: lint ## format, lint, types, import contracts, documentation
	$(BIN)/pytest -q tests/docs

lint: $(VENV)/.dev-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports

bench: $(VENV)/.bench-ready $(VENV)/.thingsboard-ready $(VENV)/.chdb-ready ## measure against the peers and write docs/benchmarks.md
	$(BIN)/python -m tests.bench.run $(ARGS)

bench-card: $(VENV)/.dev-ready ## live an hour of a hub's card, as root, and write it into docs/benchmarks.md
	$(BIN)/python -m tests.bench.card $(ARGS)

soak: $(VENV)/.dev-ready prove ## the long runs of what CI runs shortly: mutations, frames, bills, power cuts, kills, renewals, hubs that join
	$(BIN)/python -m tests.soak.mutations --count 100000
	$(BIN)/python -m tests.soak.frames --count 1000000
	$(BIN)/python -m tests.soak.provisioning --count 1000 --sample 20 --record docs/soak.json
	$(BIN)/python -m tests.soak.bills --count 1000
	$(BIN)/python -m tests.soak.record kills 200
	$(BIN)/python -m tests.soak.record jobs 100
	$(BIN)/python -m tests.soak.record panels 300
	$(BIN)/python -m tests.soak.api --count 20000
	$(BIN)/python -m tests.faults.soak --cuts 10000 --kills 1000 --renewals 5000 --modules 60 --keep

# Seeds go on where the record ends, so that each run tries what none has tried.
SCHEDULES ?= 20000
FAULTS ?= 100
prove: $(VENV)/.demo-ready $(VENV)/.dev-ready ## explore SCHEDULES=20000 on virtual time, strike FAULTS=100 real ones; docs/soak.json adds up
	$(BIN)/python -m tests.simulation --count $(SCHEDULES) --record docs/soak.json $(ARGS)
	$(BIN)/python -m tests.soak.record torture $(FAULTS)

FUZZ_S ?= 600
fuzz: $(VENV)/.dev-ready ## fuzz the panel's C reference for FUZZ_S=600 s with clang's libFuzzer, if there is a clang
	$(BIN)/python -m tests.soak.fuzzing $(FUZZ_S)

test-homeassistant: $(VENV)/.dev-ready $(VENV)/.homeassistant-ready ## show the home to the real Home Assistant, and look at what it makes of it
	$(BIN)/python -m tests.homeassistant.check $(VENV)/homeassistant/bin/python

clean: ## remove what was built and measured; .venv and state stay unless named: make clean ALL=1
	rm -rf build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find $(CHECKED) -type d -name __pycache__ -prune -exec rm -rf {} +
	$(if $(ALL),rm -rf $(VENV) state)

format: $(VENV)/.dev-ready ## format and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reference: $(VENV)/.dev-ready ## write docs/reference/ from the code
	$(BIN)/python -m tests.docs.generate

screenshot: $(VENV)/.dev-ready ## take the README's pictures of a running demo (ARGS=http://127.0.0.1:8080) and a panel, and draw the icons
	$(BIN)/python -m tests.docs.screenshot $(ARGS)
	$(BIN)/python -m tests.docs.panel_picture
	$(BIN)/python -m tests.docs.icons

lock: $(VENV)/.dev-ready ## choose new versions for requirements/*.lock
	PYTHON=$(BIN)/python packaging/lock.sh

setup: $(VENV)/.dev-ready ## make .venv with everything a developer needs

tests: $(VENV)/.dev-ready
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal $(ARGS)

# Being traced takes tests twice as long and more, until the interpreter itself counts (3.12).
coverage: $(VENV)/.dev-ready ## the same tests, traced: which lines and branches no example reaches
	rm -f .coverage .coverage.*
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal --cov --cov-report=term-missing:skip-covered $(ARGS)

# What each of the workers would compile for itself, all of them at once.
compiled: $(VENV)/.dev-ready
	-@$(BIN)/pytest -q --collect-only > /dev/null

# The tests are copied there: nobody may be writing among them.
wheel-tests: $(VENV)/.dev-ready compiled
	packaging/test-wheel.sh $(BIN)/python

# A virtual environment is made once; the stamps say what is installed in it.
$(BIN)/python:
	@python=$$(packaging/setup.sh python '$(PYTHON)'); \
	echo "making $(VENV) with $$python"; \
	"$$python" -m venv $(VENV)

$(VENV)/.project: $(BIN)/python requirements/build.lock requirements/agent.lock requirements/cloud.lock pyproject.toml
	@echo "installing the locked dependencies of agent and cloud"
	@$(PIP) install --require-hashes -r requirements/build.lock -r requirements/agent.lock -r requirements/cloud.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.demo-ready: $(VENV)/.project packaging/setup.sh requirements/panel.lock
	@packaging/setup.sh mosquitto
	@$(PIP) install --require-hashes -r requirements/panel.lock
	@touch $@

$(VENV)/.zigbee-ready: $(VENV)/.project requirements/zigbee.lock
	@echo "installing the locked dependencies of the ZigBee radio"
	@$(PIP) install --require-hashes -r requirements/zigbee.lock
	@touch $@

$(VENV)/.dev-ready: $(VENV)/.project $(VENV)/.typescript-ready requirements/dev.lock packaging/setup.sh
	@packaging/setup.sh mosquitto postgresql chromium softhsm libatomic faketime gcc
	@echo "installing the locked dependencies of the tests"
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

# Types for TypeScript are made by tools of their own, apart from every Python package.
TYPESCRIPT := tests/clients/typescript
$(VENV)/.typescript-ready: $(BIN)/python $(TYPESCRIPT)/package.json $(TYPESCRIPT)/package-lock.json
	@packaging/setup.sh node
	@mkdir -p $(VENV)/typescript
	@cp $(TYPESCRIPT)/package.json $(TYPESCRIPT)/package-lock.json $(TYPESCRIPT)/.npmrc $(VENV)/typescript/
	@cd $(VENV)/typescript && npm ci --silent
	@touch $@

$(VENV)/.bench-ready: $(VENV)/.dev-ready requirements/bench.lock
	@$(PIP) install --require-hashes -r requirements/bench.lock
	@touch $@

# A peer that brings a paho of its own lives apart.
$(VENV)/.homeassistant-ready: $(BIN)/python requirements/homeassistant.lock
	@echo "installing Home Assistant in an environment of its own"
	@$(BIN)/python -m venv $(VENV)/homeassistant
	@PIP_REQUIRE_VIRTUALENV=1 $(VENV)/homeassistant/bin/python -m pip --disable-pip-version-check --quiet \
		install --require-hashes -r requirements/homeassistant.lock
	@touch $@

$(VENV)/.chdb-ready: $(BIN)/python requirements/chdb.lock
	@$(BIN)/python -m venv $(VENV)/chdb
	@PIP_REQUIRE_VIRTUALENV=1 $(VENV)/chdb/bin/python -m pip --disable-pip-version-check --quiet \
		install --require-hashes -r requirements/chdb.lock
	@touch $@

$(VENV)/.thingsboard-ready: $(BIN)/python requirements/thingsboard.lock
	@$(BIN)/python -m venv $(VENV)/thingsboard
	@PIP_REQUIRE_VIRTUALENV=1 $(VENV)/thingsboard/bin/python -m pip --disable-pip-version-check --quiet \
		install --require-hashes -r requirements/thingsboard.lock
	@touch $@
