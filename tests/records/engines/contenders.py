"""The engines that the conformance suite runs over, each opened in a fresh place."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from glasshouse.records.engines import Engine, open_engine


@contextmanager
def memory(_: Path) -> Iterator[Engine]:
    engine = open_engine("memory:")
    yield engine
    engine.close()


@contextmanager
def lmdb(folder: Path) -> Iterator[Engine]:
    engine = open_engine(f"lmdb:{folder / 'store'}?sync=off")
    yield engine
    engine.close()


@contextmanager
def postgres(_: Path) -> Iterator[Engine]:
    server = pytest.importorskip("tests.records.engines.postgres_server")
    engine = open_engine(server.postgres_url())
    clear(engine)
    yield engine
    engine.close()


@contextmanager
def foundationdb(_: Path) -> Iterator[Engine]:
    cluster = os.environ.get("GLASSHOUSE_FDB_CLUSTER_FILE")
    if not cluster:
        pytest.skip("GLASSHOUSE_FDB_CLUSTER_FILE names no FoundationDB cluster")
    engine = open_engine(f"fdb:{cluster}")
    clear(engine)
    yield engine
    engine.close()


def clear(engine: Engine) -> None:
    """Remove everything."""
    transaction = engine.begin()
    transaction.clear_range(b"", b"\xff")
    transaction.commit()


ENGINES: dict[str, Callable[[Path], AbstractContextManager[Engine]]] = {
    "memory": memory,
    "lmdb": lmdb,
    "postgres": postgres,
    "foundationdb": foundationdb,
}
