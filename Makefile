# make demo    see it work; make test    lint and tests; both on a fresh clone, into a virtual environment of their own

VENV ?= .venv
# The first of these that runs and is new enough; `make PYTHON=...` decides otherwise.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
STAMP := $(VENV)/.installed
# Debian keeps Mosquitto where only root looks.
export PATH := $(PATH):/usr/sbin

.PHONY: help demo test lint format bench fuzz chaos soak docs clean

help:
	@echo "make demo    a broker, a plant with a fault, the agent: states and alarms within seconds"
	@echo "make test    lint, types, tests"
	@echo "make lint    ruff and mypy only; make format rewrites"
	@echo "make bench   what a message costs, beside a plain script and a C echo"
	@echo "make fuzz    a million payloads through all codecs"
	@echo "make chaos   210 times kill -9, then faults of all kinds; nothing lost, nothing counted twice (half an hour)"
	@echo "make soak    an hour of readings with faults: memory, descriptors and files stay what they are"
	@echo "make docs    the generated pages and configurations anew"

$(STAMP): pyproject.toml agent/steps.c agent/weave.c agent/weave.h agent/programs.h
	@test -n "$(PYTHON)" || { echo "expected Python 3.11 or newer on the PATH, got none; hint: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "hint: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
	@rm -rf build/lib* build/temp* build/bdist* *.egg-info agent/*.so   # an older build would be taken for a new one
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,dev]'
	@touch $@

demo: $(STAMP)
	$(VENV)/bin/twinned demo $(DEMO)

# Two at a time, because many wait for brokers and agents; `make test PROCESSES=0` runs them in this process.
PROCESSES ?= 2

test: lint
	$(VENV)/bin/python -m pytest -n $(PROCESSES) --dist loadfile $(TESTS)

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(STAMP)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(STAMP)
	$(VENV)/bin/python -m bench --json build/bench.json --plots docs $(BENCH)

fuzz: $(STAMP)
	$(VENV)/bin/python -m tests.fuzz --count 1000000 --seed 1

chaos: $(STAMP)
	$(VENV)/bin/python -m tests.chaos --kills 210 --rate 1100
	$(VENV)/bin/python -m tests.chaos --faults 150
	$(VENV)/bin/python -m tests.chaos --faults 60 --mode relaxed

soak: $(STAMP)
	$(VENV)/bin/python -m tests.soak --minutes 60 --out build/soak

docs: $(STAMP)
	$(VENV)/bin/python -m agent.schema --write
	$(VENV)/bin/python -m agent.shell.metrics > docs/reference/metrics.md
	$(VENV)/bin/python -m agent.topictable > docs/reference/topics.md

clean:
	rm -rf $(VENV) build dist *.egg-info agent/*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis
