"""Building all that is not readable, at once or beside other work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from glasshouse.records.building.online import BuildProgress, build_index
from glasshouse.records.store.database import StoreHandle
from glasshouse.records.store.header import IndexState


def build_all(
    handle: StoreHandle, *, rows_per_second: float | None = None
) -> Iterator[BuildProgress]:
    """Build every index that is new or half-built, one after another.

    Raises:
        UniquenessError: As for `build_index`.
    """
    states = handle.run(lambda store: dict(store.header.states))
    for name, state in sorted(states.items()):
        if state is not IndexState.DISABLED:
            yield from build_index(handle, name, rows_per_second=rows_per_second)


@contextmanager
def building_in_background(
    handle: StoreHandle, *, rows_per_second: float | None = None
) -> Iterator[threading.Event]:
    """Build in a thread while the block goes on; at its end the build stops, wherever it is.

    Yields:
        Set when everything is built.

    Raises:
        UniquenessError: At the end of the block, if the build met one; other errors likewise.
    """
    stop, done = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def build() -> None:
        try:
            for _ in build_all(handle, rows_per_second=rows_per_second):
                if stop.is_set():
                    return
            done.set()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=build, name="glasshouse-index-build", daemon=True)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()
    if failed:
        raise failed[0]
