# Everything one does with the project, for people and for CI.
PYTHON ?= python3
export KG_PORT ?= $(or $(PORT),8000)
BIN := .venv/bin

.PHONY: serve test quick check build bench conformance lock clean

serve: .venv/serve ## build the graph if its files changed, and serve it
	@$(BIN)/kg build
	@$(BIN)/kg serve

test: .venv/test .venv/browser check ## the whole suite
	@$(BIN)/pytest -n 2 $$(cat .venv/browser)

quick: .venv/test ## what one runs on every save: no service, no browser
	@$(BIN)/kg check
	@$(BIN)/pytest -q -n 2 -m "not service and not browser"

check: .venv/test ## format, lint, types, content
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/kg check

build: .venv/serve ## check the files and publish a Release
	@$(BIN)/kg build

bench: .venv/test ## measure beside others; not a test
	@$(BIN)/python benchmarks/rules.py

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
