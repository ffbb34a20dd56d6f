# `make demo` and `make test` do everything, installs included. See README.md.
PY := .venv/bin/python
ROOT := $(if $(filter 0,$(shell id -u)),,sudo -E)
# Most tests wait for captures and clocks, not for a core. Files in their order: the slow ones come first, not last.
WORKERS ?= 4
OUT ?= demo-out

.PHONY: demo test test-long coverage console bench check clean setup setup-test lock wheel static

demo: setup
	$(ROOT) $(PY) -m deploy.playground.demo --out $(OUT) $(if $(ID),--id $(ID))

console: setup
	$(ROOT) $(PY) -m deploy.playground.console

test: setup-test check
	$(ROOT) $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long"

test-long:
	@deploy/setup.sh long
	$(ROOT) $(PY) -m tests.long

# Branches of the plain reference and the parsers that no unit test takes: interpreted first, then beside the compiled.
COVERED := -m pytest -q -p no:xdist --timeout 900 -m "not long"
coverage: export COVERAGE_FILE = build/coverage
coverage: setup-test
	mkdir -p build
	$(PY) -m coverage run $(COVERED) -p tests.support.interpreted $(addprefix tests/unit/,packets analysis findings)
	$(PY) -m coverage run --append $(COVERED) $(addprefix tests/unit/,packets analysis core findings)
	$(PY) -m coverage report

bench:
	@deploy/setup.sh bench
	$(ROOT) $(PY) -m tests.bench $(ONLY)

check: setup-test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

clean:
	@test ! -x $(PY) || $(ROOT) $(PY) -m deploy.playground.clean
	rm -rf demo-out build screenshots *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

setup:
	@deploy/setup.sh run

setup-test:
	@deploy/setup.sh test

# Renew the locked requirements; hashes, no URLs.
lock: setup-test
	$(PY) -m uv pip compile -q --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 \
	  --extra playground pyproject.toml deploy/requirements/build.in -o deploy/requirements/run.txt
	$(PY) -m uv pip compile -q --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 \
	  --extra dev pyproject.toml deploy/requirements/build.in -o deploy/requirements/dev.txt
	$(PY) -m uv pip compile -q --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 \
	  deploy/requirements/peers.in -o deploy/requirements/peers.txt
	$(PY) -m uv pip compile -q --generate-hashes --no-emit-index-url --no-header --no-annotate --no-deps \
	  deploy/requirements/tools.in -o deploy/requirements/tools.txt

wheel: setup-test
	rm -rf build
	$(PY) -m build --wheel --no-isolation

# The static tcpdump for every architecture; arm64 needs gcc-aarch64-linux-gnu and linux-libc-dev-arm64-cross.
static: setup-test
	deploy/static_tcpdump/build.sh --out .tools/static amd64 arm64
