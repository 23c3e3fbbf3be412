"""An engine by its URL."""

from collections.abc import Callable
from importlib import import_module

from glasshouse.errors import EngineError
from glasshouse.records.engines.engine import Engine

_KINDS = {
    "memory": ("memory", "open_memory", ""),
    "lmdb": ("lmdb", "open_lmdb", ""),
    "postgresql": ("postgres", "open_postgres", "postgres"),
    "fdb": ("foundationdb", "open_foundationdb", "foundationdb"),
}
"""By scheme: the module, its function, and the extra that brings what it needs."""


def open_engine(url: str) -> Engine:
    """Open an engine.

    Args:
        url: `memory:`, `memory:NAME`, `lmdb:FOLDER`, `postgresql://…` or `fdb:CLUSTER_FILE`.

    Raises:
        EngineError: If there is no such engine, it cannot be opened, or a package is missing.
    """
    scheme = url.partition(":")[0]
    if scheme not in _KINDS or ":" not in url:
        raise EngineError(
            f"{url!r} names no engine; give memory:, lmdb:FOLDER, postgresql://… or fdb:FILE"
        )
    module, function, extra = _KINDS[scheme]
    try:
        found = import_module(f"glasshouse.records.engines.{module}")
    except ModuleNotFoundError as error:
        if not extra:
            raise
        raise EngineError(
            f"{scheme}: needs the package {error.name}; "
            f"get it with pip install 'glasshouse[{extra}]'"
        ) from None
    opener: Callable[[str], Engine] = getattr(found, function)
    return opener(url)
