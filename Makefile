# make run     open the window (or, with no screen, run the main job in the terminal)
# make setup   everything the other targets need; a second time it does nothing
# make test    all tests          make lint        style, types, layers
# make bench   the benchmarks     make screenshot  a picture of the window
# make clean   remove what the build and the tools leave behind (.venv stays)

PYTHONS := python3.11 python3.12 python3.13 python3.14 python3 python
BIN := .venv/bin

# Without this, pyright asks the network whether there is a newer pyright.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: setup run test bench lint screenshot clean

# A candidate is run, not only looked up: version managers leave names that answer nothing.
setup:
	@for python in $(PYTHONS); do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        exec $$python packaging/prepare.py; \
	    fi; \
	done; \
	echo "Bozzetto needs Python 3.11 or newer, and none was found: install it, then run make again." >&2; \
	exit 1

run: setup
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; \
	then exec $(BIN)/bozzetto gui; \
	else exec $(BIN)/bozzetto demo; \
	fi

test: setup
	$(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder

bench: setup
	$(BIN)/python tests/benchmarks/bench.py $(if $(MODEL),--model "$(MODEL)" --data "$(DATA)")

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

screenshot: setup
	$(if $(DISPLAY),,QT_QPA_PLATFORM=offscreen) $(BIN)/bozzetto gui --screenshot resources/screenshots/window.png

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
