# Everything one does with the project, for people and for CI.
PYTHON ?= python3
export KG_PORT ?= $(or $(PORT),8000)
BIN := .venv/bin

.PHONY: serve test quick check build bench bench-hostile conformance lock clean

serve: .venv/serve ## build the graph if its files changed, and serve it
	@$(BIN)/kg build
	@$(BIN)/kg serve

test: .venv/test .venv/browser .venv/comunica check ## the whole suite
	@$(BIN)/pytest -n 2 $$(cat .venv/browser .venv/comunica)

quick: .venv/test ## what one runs on every save: no service, no browser, nothing slow
	@$(BIN)/kg check
	@$(BIN)/pytest -q -n 2 -m "not service and not browser and not slow"

check: .venv/test ## format, lint, types, content
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/kg check

build: .venv/serve ## check the files and publish a Release
	@$(BIN)/kg build

bench: .venv/test .venv/peers build ## measure beside others (needs wrk); not a test; writes docs/performance.md
	@$(BIN)/python benchmarks/rules.py
	@$(BIN)/python benchmarks/serve.py

bench-hostile: .venv/test ## measure lookups while others send the worst queries they can; not a test
	@$(BIN)/python -m benchmarks.hostile

conformance: .venv/test ## run the W3C suites (KG_CONFORMANCE_DIR) against us and a peer; writes docs/conformance.md
	@$(BIN)/python -m tests.conformance

lock: ## write the locks anew: by version and hash, without addresses
	@test -x $(BIN)/pip-compile || { $(PYTHON) -m venv .venv && $(BIN)/pip install --quiet pip-tools; }
	@for set in serve test; do \
	  $(BIN)/pip-compile --quiet --allow-unsafe --generate-hashes --strip-extras --no-emit-index-url \
	    --no-emit-trusted-host --no-emit-find-links --no-header --no-annotate --extra build $$([ $$set = test ] && echo --extra test) \
	    --output-file .ci/$$set.lock pyproject.toml; done

clean: ## forget what was set up and built here
	@rm -rf .venv var

# A set-up is a file that is newer than the lock it was made from.
.venv/%: .ci/%.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "setting up what '$*' needs"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

# The browser tests need Chromium, which only the system's packages bring; without it they are left out, and it is said.
.venv/browser: .venv/test
	@if command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && .ci/browser; }; then : > $@; \
	  else echo "no chromium here: the browser tests are left out (install the package chromium)"; echo '-m "not browser"' > $@; fi

# Comunica, one of the clients that the tests ask through, needs Node and npm, and is left out in the same way.
.venv/comunica: tests/clients/comunica/package-lock.json .venv/test
	@if { command -v node && command -v npm; } >/dev/null || { [ "$$(id -u)" = 0 ] && .ci/clients; }; then \
	    echo "setting up Comunica" && mkdir -p .venv/node && cp $(<D)/package*.json .venv/node && \
	    npm ci --prefix .venv/node --silent --ignore-scripts --no-audit --no-fund && : > $@; \
	  else echo "no node here: the tests with Comunica are left out (install the packages nodejs and npm)"; \
	    echo '--ignore=tests/clients/test_comunica.py' > $@; fi

# What only the benchmark measures is no dependency of ours and has no lock.
.venv/peers: .venv/test
	@echo "setting up what is measured beside us"
	@$(PYTHON) -m venv .venv/peers.d
	@.venv/peers.d/bin/python -m pip install --quiet --disable-pip-version-check 'rdflib-endpoint[cli]==0.6.3'
	@touch $@
