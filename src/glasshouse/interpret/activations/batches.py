"""Rows in random order: from memory, or from the model as it runs, a little ahead of its reader."""

import queue
import threading
from collections.abc import Generator, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.errors import InputError


def shuffled_batches(
    values: Float[Tensor, "token d"], batch_size: int, *, seed: int
) -> Iterator[Float[Tensor, "batch d"]]:
    """Batches of rows for ever, each row once an epoch; the order is a function of the seed.

    Args:
        values: In memory or mapped from a file; a batch is copied out, float16 as float32.
        batch_size: Rows of a batch. The last rows of an epoch that fill none are left out.
        seed: Of the orders of all epochs.

    Raises:
        InputError: If there are fewer rows than a batch has.
    """
    if not 1 <= batch_size <= len(values):
        raise InputError(f"batch_size={batch_size} must lie in [1, {len(values)}], the rows given")
    return _shuffled(values, batch_size, torch.Generator().manual_seed(seed))


def _shuffled(values: Tensor, batch_size: int, chance: torch.Generator) -> Iterator[Tensor]:
    while True:
        order = torch.randperm(len(values), generator=chance)
        for start in range(0, len(values) - batch_size + 1, batch_size):
            # Neighbours in a file are read together, and the order within a batch means nothing.
            rows = values[order[start : start + batch_size].sort().values.to(values.device)]
            yield rows.float() if rows.dtype == torch.float16 else rows


def streamed_batches(
    chunks: Iterator[Float[Tensor, "token d"]],
    batch_size: int,
    *,
    buffer_rows: int,
    seed: int,
    ahead: bool = True,
) -> Iterator[Float[Tensor, "batch d"]]:
    """Batches of rows mixed in a buffer that is refilled when it is half empty.

    Rows of one text are alike, so a batch is drawn from many texts' rows at once.

    Args:
        chunks: Rows as a running model makes them, in any numbers. When they end, so do batches,
            with what fills one.
        batch_size: Rows of a batch.
        buffer_rows: Rows that are mixed; at least two batches.
        seed: Of the mixing.
        ahead: Make the next rows in a thread of their own while the last are used.

    Raises:
        InputError: If the buffer is too small.
    """
    if batch_size < 1 or buffer_rows < 2 * batch_size:
        raise InputError(
            f"buffer_rows={buffer_rows} must hold two batches of batch_size={batch_size} or more"
        )
    chance = torch.Generator().manual_seed(seed)
    return _streamed(run_ahead(chunks) if ahead else chunks, batch_size, buffer_rows, chance)


def _streamed(
    chunks: Iterator[Tensor], batch_size: int, buffer_rows: int, chance: torch.Generator
) -> Iterator[Tensor]:
    held: Tensor | None = None
    is_over = False
    while not is_over:
        parts, count = ([] if held is None else [held]), (0 if held is None else len(held))
        while count < buffer_rows:
            chunk = next(chunks, None)
            if chunk is None:
                is_over = True
                break
            parts.append(chunk)
            count += len(chunk)
        if not parts:
            return
        rows = torch.cat(parts)
        order = torch.randperm(count, generator=chance).to(rows.device)
        used = count if is_over else count - buffer_rows // 2
        last = used - used % batch_size
        for start in range(0, last, batch_size):
            yield rows[order[start : start + batch_size]]
        held = rows[order[last:]]


def run_ahead(chunks: Iterator[Tensor], *, depth: int = 2) -> Generator[Tensor, None, None]:
    """Make an iterator's items in a thread of its own, a few ahead of their reader.

    What the iterator raises, its reader sees; when the reader stops, so does the thread.
    """
    items: queue.Queue[Tensor | BaseException | None] = queue.Queue(maxsize=depth)
    is_left = threading.Event()

    def put(item: Tensor | BaseException | None) -> None:
        while not is_left.is_set():
            try:
                return items.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for chunk in chunks:
                put(chunk)
                if is_left.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, name="harvest", daemon=True)
    thread.start()
    try:
        while True:
            item = items.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        is_left.set()
        thread.join()
