"""Commands keep what they capture in a folder of the tests, not in the user's."""

import pytest


@pytest.fixture(scope="session")
def kept_graphs(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _cache(monkeypatch, kept_graphs):
    monkeypatch.setenv("GLASSHOUSE_CACHE", str(kept_graphs))
