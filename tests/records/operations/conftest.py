"""Stores of notes, on engines that need no server."""

import pytest
from tests.records.operations.notes import empty, fill

from glasshouse.records import Database


@pytest.fixture(params=["memory", "lmdb"])
def notes(request, tmp_path):
    """A store of notes on each engine."""
    url = "memory:" if request.param == "memory" else f"lmdb:{tmp_path / 'store'}?sync=off"
    with Database.open(url) as database:
        yield fill(empty(database))
