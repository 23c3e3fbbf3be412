"""A notebook in memory for each test."""

import itertools

import pytest

from glasshouse.notebook import Notebook

_numbers = itertools.count()


@pytest.fixture
def notebook():
    with Notebook.open(f"memory:notebook-test-{next(_numbers)}") as opened:
        yield opened
