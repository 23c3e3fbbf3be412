"""Building all that is not readable, at once or beside other work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from glasshouse.records.building.online import MOST_ROWS, BuildProgress, build_index
from glasshouse.records.store.database import StoreHandle
from glasshouse.records.store.header import IndexState


def build_all(
    handle: StoreHandle,
    *,
    rows_per_transaction: int = MOST_ROWS,
    rows_per_second: float | None = None,
) -> Iterator[BuildProgress]:
    """Build every index that is new or half-built, one after another.

    Raises:
        UniquenessError, ConflictError, ValueError: As for `build_index`.
    """
    states = handle.run(lambda store: dict(store.header.states))
    for name, state in sorted(states.items()):
        if state is not IndexState.DISABLED:
            yield from build_index(
                handle,
                name,
                rows_per_transaction=rows_per_transaction,
                rows_per_second=rows_per_second,
            )


class BackgroundBuild:
    """A build in a thread of its own."""

    def __init__(self, handle: StoreHandle, *, rows_per_second: float | None) -> None:
        self._steps = build_all(handle, rows_per_second=rows_per_second)
        self._stop = threading.Event()
        self._is_done = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._build, name="glasshouse-index-build", daemon=True
        )
        self._thread.start()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until it has ended; whether everything is built.

        Raises:
            UniquenessError: If the build met one; whatever else it raised likewise, but only once.
        """
        self._thread.join(timeout_seconds)
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._is_done

    def stop(self) -> None:
        """Let it end after the transaction in hand; the next build goes on from there."""
        self._stop.set()
        self._thread.join()

    def _build(self) -> None:
        try:
            for _ in self._steps:
                if self._stop.is_set():
                    return
            self._is_done = True
        except BaseException as error:
            self._error = error


@contextmanager
def building_in_background(
    handle: StoreHandle, *, rows_per_second: float | None = None
) -> Iterator[BackgroundBuild]:
    """Build in a thread while the block goes on; at its end the build stops, wherever it is.

    Yields:
        The build, which can be waited for.

    Raises:
        UniquenessError: At the end of the block, if the build met one and nobody has waited for it;
            other errors likewise.
    """
    build = BackgroundBuild(handle, rows_per_second=rows_per_second)
    try:
        yield build
    finally:
        build.stop()
    build.wait()
