"""Watching a key by looking again whenever somebody has committed."""

import time
from collections.abc import Callable

from glasshouse.records.engines.engine import Engine

_POLL_SECONDS = 0.02


class PollingWatch:
    """Waits until the value of a key differs."""

    def __init__(
        self, engine: Engine, key: bytes, value: bytes | None, last_commit: Callable[[], object]
    ) -> None:
        """Begin to watch.

        Args:
            engine: Where.
            key: What.
            value: Its value as the watching transaction sees it.
            last_commit: Something that differs after each commit, and is cheap to ask for.
        """
        self._engine, self._key, self._value = engine, key, value
        self._last_commit = last_commit
        self._cancelled = False

    def wait(self, timeout_seconds: float) -> bool:
        """Block until the value differs; False if time ran out."""
        deadline, seen = time.monotonic() + timeout_seconds, object()
        while not self._cancelled:
            newest = self._last_commit()
            if newest != seen:
                seen = newest
                transaction = self._engine.begin(read_only=True)
                try:
                    if transaction.get(self._key) != self._value:
                        return True
                finally:
                    transaction.cancel()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_POLL_SECONDS, left))
        return False

    def cancel(self) -> None:
        """Stop watching."""
        self._cancelled = True
