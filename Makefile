# What a person and CI call, nothing else. Each target sets up first; that is quick when nothing
# changed. ARGS reaches the command: make demo ARGS=--exit, make test ARGS="-k journal".
PYTHON ?= python3
BIN := .venv/bin
NODE := $(PYTHON) scripts/setup.py node
PACKAGES := scanhub_libraries scanhub_device scanhub_jobs exam_manager device_manager \
  workflow_manager scanhub
# Three workers more than CI has processors: more than half of the time a test waits for something.
PYTEST_ARGS ?= -n 5
ARGS ?=
# Some images of containers set it; the tests start some hundred servers, each a fifth faster
# when Python may keep what it compiled.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-deploy check format guide openapi bench lock sbom \
  check-format check-lint check-types check-imports check-sizes check-openapi check-frontend

help:
	@echo "make demo     one scan from login to archive, then look at it in the browser"
	@echo "make serve    the platform alone, without demo data"
	@echo "make test     every test"
	@echo "make test-deploy  docker-compose.yml in containers, each killed in turn; needs podman"
	@echo "make check    format, lint, types, import contracts, sizes, OpenAPI drift, frontend"
	@echo "make format   put the code into shape"
	@echo "make guide    walk through docs/user-guide.md and write its pictures"
	@echo "make openapi  write docs/openapi and the types that the frontend makes of it"
	@echo "make bench    measure against the bars; prints a table, writes bench.json"
	@echo "make sbom     write sbom.json (CycloneDX): what this software is made of"
	@echo "make lock     write requirements.lock anew (ARGS=--upgrade: newest versions)"

setup:
	@$(PYTHON) scripts/setup.py

demo: setup
	@$(BIN)/scanhub demo $(ARGS)

serve: setup
	@$(BIN)/scanhub serve $(ARGS)

bench: setup
	@$(BIN)/python bench/run.py $(ARGS)

# Both suites run even if the first fails, and pytest's summary is the last thing said.
test: setup
	@ui=0; $(NODE) npm test --silent || ui=$$?; \
	python=0; $(BIN)/pytest $(PYTEST_ARGS) $(ARGS) || python=$$?; \
	exit $$(( ui > python ? ui : python ))

# The whole deployment, a quarter of an hour: not part of `make test`.
test-deploy: setup
	@SCANHUB_TEST_DEPLOY=1 $(BIN)/pytest -n0 tests/deploy $(ARGS)

# `make -k check` shows every failure instead of the first.
check: check-format check-lint check-types check-imports check-sizes check-openapi check-frontend

check-format: setup
	$(BIN)/ruff format --check .

check-lint: setup
	$(BIN)/ruff check .

check-types: setup
	$(BIN)/mypy $(addprefix -p ,$(PACKAGES))
	$(BIN)/mypy scripts/*.py $(wildcard bench/*.py)

check-imports: setup
	$(BIN)/lint-imports

check-sizes: setup
	$(BIN)/python scripts/check_sizes.py

check-openapi:
	@$(PYTHON) scripts/setup.py packages
	$(BIN)/scanhub openapi --check
	$(BIN)/python scripts/write_settings_page.py --check
	$(BIN)/python scripts/write_link_page.py --check
	$(BIN)/python scripts/write_conformance_page.py --check

check-frontend: setup
	$(NODE) npm run --silent format:check
	$(NODE) npm run --silent lint
	$(NODE) npm run --silent texts
	$(NODE) npm run --silent size

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NODE) npm run --silent format

guide: setup
	@SCANHUB_GUIDE=1 SCANHUB_TEST_LONG=1 $(BIN)/pytest -n0 tests/system/test_user_guide.py $(ARGS)

openapi:
	@$(PYTHON) scripts/setup.py packages
	$(BIN)/scanhub openapi
	$(BIN)/python scripts/write_settings_page.py
	$(BIN)/python scripts/write_link_page.py
	$(BIN)/python scripts/write_conformance_page.py
	$(NODE) npm run --silent generate

sbom:
	@$(PYTHON) scripts/write_sbom.py $(ARGS)

lock: setup
	scripts/lock.sh $(ARGS)
