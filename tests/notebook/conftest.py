"""A notebook in memory for each test."""

import itertools

import pytest

_numbers = itertools.count()


@pytest.fixture
def notebook():
    from glasshouse.notebook import Notebook  # not before shapes can be checked

    with Notebook.open(f"memory:notebook-test-{next(_numbers)}") as opened:
        yield opened
