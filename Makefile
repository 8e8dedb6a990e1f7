# Every target does all its own set-up, on a fresh machine too. `make` lists them.

PYTHON ?= python3
export PYTHON
PYTEST = .venv/bin/python -m pytest
TIERS = tests/integration tests/e2e
SLOWEST = --durations=40 --durations-min=3

.PHONY: help system install demo wheel test unit engine ready lint bench docs requirements clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

system: ## have everything that the operating system must give (installs it when root on Debian)
	@sh scripts/system python docker bases nginx browser

install: .venv/.installed ## fill .venv with the pinned requirements and the lab

.venv/.installed: requirements/dev.txt pyproject.toml scripts/install
	@sh scripts/system python
	@sh scripts/install

demo: ## say what will be installed, run the quickstart scenario and show where its report is
	@echo "make demo installs:"
	@sh scripts/system --tell python docker bases
	@sh scripts/install --tell
	@echo "  Docker        images, which the lab names before it gets them: about 0.5 GB"
	@$(MAKE) --no-print-directory install
	@sh scripts/system docker bases
	.venv/bin/lab demo

wheel: install ## make dist/process_model_lab-VERSION.whl: the lab with its demo app, scenarios and locustfiles
	.venv/bin/python -m hatchling build --target wheel

# mypy keeps one core busy, not two. Whoever deploys containers waits for them now and then; with two more processes than
# cores, two cores were never idle and servers missed their own deadlines.
test: ## lint and unit tests, then integration and end-to-end tests
	@sh scripts/system python kubectl
	@$(MAKE) --no-print-directory --jobs=3 --output-sync lint unit ready
	$(PYTEST) $(TIERS) $(SLOWEST) -m alone
	$(PYTEST) $(TIERS) $(SLOWEST) -m "not alone" --numprocesses $$(( $$(nproc) + 1 )) --maxprocesses 4 --dist loadgroup

# After Docker was started, for the machine must be afterwards as it was. Their tables are small: with more threads polars
# only hands them over.
unit: install engine
	POLARS_MAX_THREADS=1 $(PYTEST) tests/unit --numprocesses logical --maxprocesses 4 --dist worksteal

engine:
	@sh scripts/system docker

# Debian's packages come while pip, mypy and the unit tests work: they change nothing that these look at.
ready: engine
	@sh scripts/system docker bases nginx browser

lint: install ## style, formatting, types, import rules
	@sh scripts/lint

bench: install ## measure the lab itself; prints its figures
	@sh scripts/system docker bases wrk kubectl pods
	@for benchmark in benchmarks/[a-z]*.py; do name=$$(basename "$$benchmark" .py); \
	    echo "== $$name"; .venv/bin/python -m "benchmarks.$$name" || exit 1; done

docs: install ## make docs/reference.md again from the code, and the site in site/ (SAMPLE=RUN: with its report)
	.venv/bin/python docs/generate.py
	.venv/bin/python docs/sample.py $(SAMPLE)
	.venv/bin/zensical build --strict --clean
	.venv/bin/python docs/check_site.py site

requirements: ## pin requirements/*.txt again after a change of pyproject.toml
	@sh scripts/requirements

clean: ## remove what the targets above made here; runs/ is yours and stays
	rm -rf .venv .cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist site artifacts
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
