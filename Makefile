# make install   the environment in .venv, everything pinned
# make demo      the main job: derive, draw, train on real digits, report (report/index.html)
# make test      format, types, import contracts, docstring examples, tests
# make docs      the tables and pictures of README and docs: families, best members, gradients, the demo again
# make findings  the sweeps that docs/findings.md tells of, trained again (an hour and a half), and their tables
# make generators  the networks that docs/generators.md compares, trained again (six hours), and their tables

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: install demo test docs findings generators

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[training,dev]'
	touch $@

demo: $(INSTALLED)
	$(BIN)/corrector demo --output report

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -n 2 --dist loadfile

docs: demo
	$(BIN)/python docs/refresh.py report
	$(BIN)/python docs/families.py
	$(BIN)/python docs/members.py
	$(BIN)/corrector figures --only notes-5 --only notes-6 --only rules --format png --output docs/pictures
	$(BIN)/python docs/cost.py
	$(BIN)/python docs/findings.py
	$(BIN)/python docs/generators.py

findings: $(INSTALLED)
	$(BIN)/python docs/studies.py build/findings
	$(BIN)/python docs/findings.py

generators: $(INSTALLED)
	$(BIN)/python docs/generator_studies.py build/generators
	$(BIN)/python docs/generators.py
