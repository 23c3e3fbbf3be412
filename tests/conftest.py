"""One thread a process, nothing written into the user's own notebook, and shapes checked on demand.

Tests are tiny, and two threads that wait for each other are slower.
"""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported, so before it is
os.environ["GLASSHOUSE_NOTEBOOK"] = "none"  # tests that want a notebook name a temporary one

HOUSE = Path(__file__).parents[1] / "src" / "glasshouse"
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run check the shapes in signatures."""
    parser.addoption("--check-shapes", action="store_true", help="check shapes in signatures")


def pytest_configure(config: pytest.Config) -> None:
    """Have every function of the modules that name shapes checked, from their import on.

    Others are called millions of times and have nothing that pyright does not check.
    """
    if config.getoption("--check-shapes"):
        from jaxtyping import install_import_hook

        shaped = [path for path in HOUSE.rglob("*.py") if "from jaxtyping" in path.read_text()]
        install_import_hook([_module(path) for path in shaped], CHECKER)


def _module(path: Path) -> str:
    """The name that a file of the house is imported by."""
    return ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__")
