# Two commands do all the set-up on a fresh machine with Python 3.11+ and make:
#   make quickstart   train on the embedded digits, generate 1,000 labelled ones, measure and report
#   make test         run the quick tests (make test-all: all)
PYTHON ?= python3
BIN := .venv/bin

# Batches, length, styles and distortion follow from the number of images: 1,438. Networks half as wide take a third of the
# time.
SMALL := --set 'generator.widths=[64,32]' --set 'discriminator.widths=[32,64,64]'

.PHONY: quickstart test test-all check remote cluster docs format bench build numbers model digitnet autoencoder reader detector vendor people clean

quickstart: .venv/.train
	rm -rf quickstart
	$(BIN)/digitsmith train residual --data digits --out quickstart/run $(SMALL)
	$(BIN)/digitsmith generate quickstart/digits --count 1000 --model quickstart/run
	$(BIN)/digitsmith evaluate quickstart/run
	$(BIN)/digitsmith report quickstart/run
	@echo
	@echo "Look at:  quickstart/run/report.html                     how it went, and how good the digits are"
	@echo "          quickstart/digits/preview.png                  the digits that you made"
	@echo "Use:      quickstart/digits                              1,000 labelled digits, in MNIST's own format"
	@echo "Play:     $(BIN)/digitsmith studio quickstart/run          a page in your browser, with your model"
	@echo
	@echo "(In this checkout the command is $(BIN)/digitsmith.) Next, the best digits, from the real MNIST (downloads 11 MB; a quarter of an hour to an hour on two cores):"
	@echo "  $(BIN)/digitsmith train residual --data mnist --out runs/mnist"
	@echo "Or, with no training at all, 60,000 digits from the model in the box:"
	@echo "  $(BIN)/digitsmith generate made --count 60000"

# A file of tests is run by one process, which makes what they share once; files in their order, as the last ones are short.
# The slowest are told at the end.
# Whatever this machine says, compiled modules are kept: the tests start many processes.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=25
TESTS := --doctest-modules tests src README.md --doctest-glob='README.md'

test: .venv/.dev
	$(PYTEST) -m 'not slow and not cluster and not remote' $(TESTS)

# With those of six seconds and more: twice as long.
test-all: .venv/.dev
	$(PYTEST) $(TESTS)

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/vendor.py --check
	$(MAKE) docs
	$(MAKE) test-all
	$(BIN)/python tools/kills.py 10
	$(BIN)/python tools/rank_kills.py 1

# Shards in a bucket of an S3 server on this machine, which fails, is full, or refuses: a minute. Installs s3fs and moto.
remote: .venv/.remote
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m remote tests/test_stores.py

# Ray clusters on this machine, whose nodes, processes and drivers are killed: a minute or two. Installs Ray and s3fs.
cluster: .venv/.ray .venv/.remote
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m cluster tests/test_cluster.py

# The documentation site, without a connection: open build/site/index.html.
docs: .venv/.dev
	$(BIN)/python tools/docs.py

format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.dev
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/generation.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/evaluation.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/studio.py

# The model in the box, made again: three trainings, their measures, the record and the card. Over an hour on two cores.
model: .venv/.train
	$(BIN)/python tools/model.py
	$(BIN)/python tools/card.py

# The pictures of numbers in the documentation, made again: seconds.
numbers: .venv/.dev
	$(BIN)/python tools/paper.py

# The digit-net, made again: three seeds, about twenty minutes. All results that were measured with the old one are void.
digitnet: .venv/.train
	$(BIN)/python tools/digitnet.py src/digitsmith/models/zoo/digitnet

# The autoencoder, made again: minutes. Measures in its features are void then.
autoencoder: .venv/.train
	$(BIN)/python tools/autoencoder.py src/digitsmith/models/zoo/autoencoder

# The reader in the box, made again: half an hour on two cores.
reader: .venv/.train
	$(BIN)/python tools/reader.py src/digitsmith/models/zoo/reader

# The detector in the box, made again, with a generator of another kind to learn from: a quarter of an hour on two cores.
detector: .venv/.train
	rm -rf build/detector/cgan
	$(BIN)/digitsmith train cgan --data mnist --epochs 4 --seed 11 --out build/detector/cgan
	$(BIN)/python tools/detector.py src/digitsmith/models/zoo/detector --with build/detector/cgan

# The runtime that the studio's pages run models with, from npm: only fetched if what is there is another.
vendor: .venv/.dev
	$(BIN)/python tools/vendor.py

# The digits of people on the studio's page Play, chosen again from the embedded ones.
people: .venv/.dev
	$(BIN)/python tools/people.py

build: .venv/.dev
	$(BIN)/python -m build

clean:
	rm -rf .venv .cache build dist quickstart

.venv/.train: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[train,studio]'
	@touch $@

.venv/.remote: .venv/.dev
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[remote]' 'moto[server]>=5'
	@touch $@

.venv/.ray: .venv/.dev
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[ray]'
	@touch $@

.venv/.dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ .venv/.train
