"""No study's test finds a base that somebody else has grown, or leaves one behind."""

import pytest


@pytest.fixture(scope="session")
def zoo_cache(tmp_path_factory):
    """A cache that the tests of one process share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_zoo(zoo_cache, monkeypatch):
    """Bases of its own, and few questions for what studies keep."""
    monkeypatch.setenv("GLASSHOUSE_CACHE", str(zoo_cache))
    monkeypatch.setattr("glasshouse.studies.lineage._ASKED", 6)
    monkeypatch.setattr("glasshouse.studies.lineage._TAXED", 6)
