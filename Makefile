# Everything runs in .venv, which is made from the pinned requirements. `make help` lists the targets.

PYTHON ?= python3.11
# uv takes seconds where pip takes a minute. With an index that only pip is configured for:
#   make demo INSTALL=.venv/bin/pip\ install
INSTALL ?= .venv/bin/uv pip install --quiet --python .venv/bin/python
# uv and older versions of pip bring certificates of their own. Behind a proxy that has a certificate
# of its network's own, only the system's certificates do: use those unless the environment says else.
export UV_SYSTEM_CERTS ?= true
CERTIFICATES := $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt \
	/etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem))
ifneq ($(CERTIFICATES),)
export PIP_CERT ?= $(CERTIFICATES)
endif
INSTALLED := .venv/installed
BENCH_INSTALLED := .venv/installed-bench
AUDIT_INSTALLED := .venv/installed-audit
DOCS_INSTALLED := .venv/installed-docs
SBOM := build/sbom.cdx.json

.PHONY: docs dist try-dist help demo test test-all check chaos fuzz bench bench-full bench-web audit sbom format requirements clean

help: ## list what a person can do here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

demo: $(INSTALLED) ## upload three runs of a job on this machine, visibly; under a minute once installed
	@.venv/bin/oneprefix demo

test: $(INSTALLED) ## run the tests, but for the thorough ones, in some ten minutes
	@.venv/bin/pytest -n auto --dist loadgroup $(ARGS)

test-all: $(INSTALLED) ## run every test, as CI does
	@.venv/bin/pytest -n auto --dist loadgroup --all $(ARGS)

chaos: $(INSTALLED) ## kill processes and servers for more than an hour, and write docs/reliability.md's figures
	@ONEPREFIX_CHAOS=long ONEPREFIX_CHAOS_REPORT=$(REPORTS)/chaos.json \
		.venv/bin/pytest tests/chaos --all -p no:xdist --timeout 1800 $(ARGS)
	@.venv/bin/python -m tests.chaos.report $(REPORTS)/chaos.json

fuzz: $(INSTALLED) ## give every parser of strangers' input a hundred thousand generated ones, for hours
	@.venv/bin/pytest tests/fuzzing -n auto --timeout 0 --examples 100000 $(ARGS)

check: $(INSTALLED) ## format, lint, types, and who may import whom
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/mypy --python-version 3.10 client/oneprefix
	.venv/bin/lint-imports

bench: $(BENCH_INSTALLED) ## measure speed and memory against other tools, in about four minutes
	@.venv/bin/python -m benchmarks quick --throughput $(REPORTS)/quick-throughput.svg \
		--memory $(REPORTS)/quick-memory.svg $(ARGS)

bench-full: $(BENCH_INSTALLED) ## measure with the full data sets, in about half an hour
	@.venv/bin/python -m benchmarks full $(ARGS)

bench-web: $(INSTALLED) ## measure the pages of a job of 10,000 runs, in about a minute
	@.venv/bin/python -m benchmarks.web

audit: $(AUDIT_INSTALLED) ## known vulnerabilities, and dependencies that are missing or not used
	@.venv/bin/python .ci/audit
	@.venv/bin/deptry worker tasks cli web

docs: $(DOCS_INSTALLED) ## build the documentation as a site in build/site; fails for a link to nowhere
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet
	@echo "Written: build/site/index.html"

dist: $(INSTALLED) ## build the wheel and the source distribution, with manual page and completions, into dist
	@rm -rf build dist
	@.venv/bin/python -m cli.manual build/share
	@.venv/bin/uv build --quiet --no-build-isolation --python .venv/bin/python --sdist --wheel --out-dir dist
	@ls dist

try-dist: dist ## install the wheel into an empty environment, and run the demo and `up` there, without this checkout
	@.ci/try-dist

sbom: $(AUDIT_INSTALLED) ## list what a worker is made of, as CycloneDX, in build/sbom.cdx.json
	@mkdir -p $(dir $(SBOM))
	@.venv/bin/python -W ignore -m cyclonedx_py requirements requirements.txt \
		--pyproject pyproject.toml --output-reproducible --output-file $(SBOM)
	@echo "Written: $(SBOM)"

REPORTS := benchmarks/reports

format: $(INSTALLED) ## format, and correct what the linter can
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

requirements: $(INSTALLED) ## pin the newest versions that pyproject.toml allows
	.venv/bin/uv pip compile $(COMPILE) pyproject.toml --extra flower --extra web -o requirements.txt
	.venv/bin/uv pip compile $(COMPILE) pyproject.toml --all-extras --group dev -c requirements.txt -o requirements-dev.txt
	.venv/bin/uv pip compile $(COMPILE) pyproject.toml --all-extras --group bench -c requirements-dev.txt -o requirements-bench.txt
	.venv/bin/uv pip compile $(COMPILE) pyproject.toml --all-extras --group docs -c requirements-dev.txt -o requirements-docs.txt
	.venv/bin/uv pip compile $(COMPILE) --group audit -c requirements-dev.txt -o requirements-audit.txt

COMPILE := --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet

clean: ## remove .venv and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info

$(INSTALLED): requirements-dev.txt requirements-uv.txt pyproject.toml client/pyproject.toml
	@echo "Installing into .venv …"
	@$(PYTHON) -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@$(INSTALL) --require-hashes -r requirements-dev.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable . --editable client
	@touch $@

$(BENCH_INSTALLED): $(INSTALLED) requirements-bench.txt
	@$(INSTALL) --require-hashes -r requirements-bench.txt
	@touch $@

$(DOCS_INSTALLED): $(INSTALLED) requirements-docs.txt
	@$(INSTALL) --require-hashes -r requirements-docs.txt
	@touch $@

$(AUDIT_INSTALLED): $(INSTALLED) requirements-audit.txt
	@$(INSTALL) --require-hashes -r requirements-audit.txt
	@touch $@
