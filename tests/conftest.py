"""One thread a process, nothing written into the user's own notebook, and shapes checked on demand.

Tests are tiny, and two threads that wait for each other are slower.
"""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported, so before it is
os.environ["GLASSHOUSE_NOTEBOOK"] = "none"  # tests that want a notebook name a temporary one

HOUSE = Path(__file__).parents[1] / "src" / "glasshouse"
WITHOUT_SHAPES = {"cli", "dataflow", "notebook", "records"}
"""Rooms whose functions take no tensors by name of axes; checking them would only take time."""
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run check the shapes in signatures."""
    parser.addoption("--check-shapes", action="store_true", help="check shapes in signatures")


def pytest_configure(config: pytest.Config) -> None:
    """Have every function of the rooms with shapes checked, from their import on."""
    if config.getoption("--check-shapes"):
        from jaxtyping import install_import_hook

        rooms = sorted(path.parent.name for path in HOUSE.glob("*/__init__.py"))
        shaped = [f"glasshouse.{room}" for room in rooms if room not in WITHOUT_SHAPES]
        install_import_hook(shaped, CHECKER)
