"""Commands keep what they capture, and what they remember, in folders of the tests."""

import pytest


@pytest.fixture(scope="session")
def kept_graphs(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def notebook(tmp_path_factory) -> str:
    """Where all commands of the session write, so that no test goes without a notebook."""
    return f"lmdb:{tmp_path_factory.mktemp('notebook') / 'notebook'}"


@pytest.fixture(autouse=True)
def _places(monkeypatch, kept_graphs, notebook):
    monkeypatch.setenv("GLASSHOUSE_CACHE", str(kept_graphs))
    monkeypatch.setenv("GLASSHOUSE_NOTEBOOK", notebook)
