"""Rows of whole documents: several side by side that do not see each other, or one a row.

Windows cut text wherever a row is full. Documents that are to be learned whole, as dialogues are,
come in rows of their own: `packed`, as many as fit a row, each in a segment that the network reads
as if it stood alone; or one a row, for networks that know no segments.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int64

from glasshouse.errors import InputError
from glasshouse.training.batches import Batch
from glasshouse.training.shards import EncodedDocument, TokenShards

_SORTED_BATCHES = 16
"""Batches' worth of unpacked rows that are sorted by length at a time."""
_WIDTHS = 8
"""Widths that unpacked batches come in, so that a compiled program meets few; widths that are tried
for packed ones."""
_LENGTHS_TRIED = 4096
"""Documents that a row's width is chosen on, at most twice as many."""


def best_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Put lengths in rows that hold `capacity`, the longest first, each where least room is left.

    Returns:
        Places of lengths, row by row.

    Raises:
        InputError: If one is longer than a row.

    Source:
        Ding et al. 2024, "Fewer truncations improve language modeling" (2404.10830), section 3:
        best-fit decreasing, which needs at most 11/9 of the fewest rows that would do, and 1 more.
    """
    rows: list[list[int]] = []
    with_room: list[list[int]] = [[] for _ in range(capacity + 1)]
    rooms = 0  # bit r is set where some row has exactly r left
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        length = lengths[place]
        if not 0 < length <= capacity:
            raise InputError(f"document {place + 1} fills {length} places of a row of {capacity}")
        enough = rooms >> length
        if enough:
            room = length + (enough & -enough).bit_length() - 1
            row = with_room[room].pop()
            if not with_room[room]:
                rooms &= ~(1 << room)
        else:
            room, row = capacity, len(rows)
            rows.append([])
        rows[row].append(place)
        left = room - length
        with_room[left].append(row)
        rooms |= 1 << left
    return rows


def row_width(lengths: Sequence[int], context: int, *, d_model: int) -> int:
    """How wide packed rows should be: a token is masked from most of a row that is much wider than
    documents, but its attention is computed all the same.

    Args:
        lengths: Inputs of each document.
        context: The widest that a row may be.
        d_model: Width of the model, beside which attention weighs.

    Returns:
        Of multiples of 16 that hold every document, and `context`, the one that costs least.
    """
    some = list(lengths[:: max(1, len(lengths) // _LENGTHS_TRIED)])
    longest = max(lengths)
    step = 16 * max(1, (context - longest) // (16 * _WIDTHS))
    first = -(-longest // 16) * 16
    widths = [*range(first, context, step), context]

    def cost(width: int) -> float:
        # Measured on a CPU in bf16: at width = d_model attention takes a quarter of a step.
        return len(best_fit(some, width)) * width * (1 + width / (3 * d_model))

    return min((width for width in widths if longest <= width <= context), key=cost)


class DocumentRows:
    """Training rows of whole documents, in an order that is a pure function of seed and position.

    An epoch holds every document once and ends with a whole batch, whose last rows may be empty.
    What stands behind the last target of a document is left out: nothing that counts sees it.

    Args:
        documents: What is learned; `mask` says which tokens are to be predicted.
        context: Tokens of a row.
        batch: Rows of a batch, by which an epoch is filled up and unpacked rows of like length go
            together.
        seed: Shuffles documents and rows.
        is_packed: Whether documents share rows.

    Raises:
        InputError: If there is no document, or one has no target or does not fit the context.
    """

    def __init__(
        self,
        documents: Sequence[EncodedDocument],
        *,
        context: int,
        batch: int,
        seed: int,
        is_packed: bool,
    ) -> None:
        if not documents:
            raise InputError("there are no documents to learn from")
        self.context, self.batch, self.seed, self.is_packed = context, batch, seed, is_packed
        lasts = [_last_target(number, document) for number, document in enumerate(documents, 1)]
        self.lengths = np.array(lasts)  # inputs of each document: its last target is none
        self._offsets = np.concatenate([[0], np.cumsum(self.lengths + 1)])
        self._ids = np.concatenate(
            [d.ids[: last + 1] for d, last in zip(documents, lasts, strict=True)]
        ).astype(np.int64)
        self._counts = np.concatenate(
            [_targets(d)[: last + 1] for d, last in zip(documents, lasts, strict=True)]
        )
        self._targets_of = np.add.reduceat(self._counts, self._offsets[:-1])
        if self.lengths.max() > context:
            longest = int(self.lengths.argmax())
            raise InputError(
                f"document {longest + 1} needs {self.lengths[longest]} tokens and a row has "
                f"{context}; shorten it or lengthen the context"
            )
        self.rows = self._rows()
        self._kept: tuple[int, list[list[int]]] = (-1, [])

    @property
    def num_batches(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.rows) // self.batch)

    @property
    def num_targets(self) -> int:
        """Tokens to be predicted in an epoch."""
        return int(self._counts.sum())

    @property
    def padding(self) -> float:
        """Share of the tokens of an epoch's full rows that stand for nothing."""
        read = self.lengths.sum()
        if self.is_packed:
            return 1 - float(read) / (len(self.rows) * self.context)
        widths = [self._width(rows) * len(rows) for rows in self._epoch_batches(0)]
        return 1 - float(read) / sum(widths)

    def __call__(self, first: int, count: int) -> Batch:
        """Rows `first` to `first + count` of the endless sequence of epochs."""
        rows = [self._row_at(position) for position in range(first, first + count)]
        width = self.context if self.is_packed else self._width_at(first)
        inputs = np.zeros((count, width), dtype=np.int64)
        targets = np.zeros((count, width), dtype=np.int64)
        mask = np.zeros((count, width), dtype=np.float32)
        segments = np.zeros((count, width), dtype=np.int64)
        for number, row in enumerate(rows):
            start = 0
            for segment, document in enumerate(row):
                begin, length = self._offsets[document], self.lengths[document]
                end = start + length
                inputs[number, start:end] = self._ids[begin : begin + length]
                targets[number, start:end] = self._ids[begin + 1 : begin + 1 + length]
                mask[number, start:end] = self._counts[begin + 1 : begin + 1 + length]
                segments[number, start:end] = segment
                start = end
            segments[number, start:] = len(row)  # padding is a document of its own
        whole = [torch.from_numpy(array) for array in (inputs, targets, mask, segments)]
        return Batch(whole[0], whole[1], whole[2], whole[3] if self.is_packed else None)

    def most_targets(self, count: int) -> int:
        """Tokens to be predicted that any `count` rows may hold, at most."""
        held = [sum(self._targets_of[document] for document in row) for row in self.rows]
        return int(sum(sorted(held, reverse=True)[:count]))

    def tokens_read(self, first: int, count: int) -> int:
        """Tokens in rows `first` to `first + count` that are no padding."""
        rows = [self._row_at(position) for position in range(first, first + count)]
        return int(sum(self.lengths[document] for row in rows for document in row))

    def _rows(self) -> list[list[int]]:
        # Documents of equal length meet others with another seed.
        order = np.random.default_rng([0xD0C5, self.seed]).permutation(len(self.lengths))
        if not self.is_packed:
            return [[int(document)] for document in order]
        packed = best_fit(self.lengths[order].tolist(), self.context)
        return [[int(order[place]) for place in row] for row in packed]

    def _row_at(self, position: int) -> list[int]:
        """Documents of the row at a position; none where an epoch's last batch is filled up."""
        epoch, place = divmod(position, self.num_batches * self.batch)
        batch, place = divmod(place, self.batch)
        rows = self._epoch_batches(epoch)[batch]
        return self.rows[rows[place]] if place < len(rows) else []

    def _epoch_batches(self, epoch: int) -> list[list[int]]:
        """Numbers of shuffled rows, batch by batch; unpacked ones of like length together."""
        if self._kept[0] != epoch:
            generator = np.random.default_rng([0xDA7B, self.seed, epoch])
            order = generator.permutation(len(self.rows)).tolist()
            if self.is_packed:
                found = [order[at : at + self.batch] for at in range(0, len(order), self.batch)]
            else:
                found = self._of_like_length(order)
                found = [found[place] for place in generator.permutation(len(found))]
            self._kept = epoch, found
        return self._kept[1]

    def _of_like_length(self, order: list[int]) -> list[list[int]]:
        found: list[list[int]] = []
        for first in range(0, len(order), _SORTED_BATCHES * self.batch):
            part = order[first : first + _SORTED_BATCHES * self.batch]
            part.sort(key=lambda row: self.lengths[self.rows[row][0]])
            found += [part[at : at + self.batch] for at in range(0, len(part), self.batch)]
        return found

    def _width_at(self, first: int) -> int:
        """Width of the batch that a position lies in; every share of it has the same."""
        epoch, place = divmod(first, self.num_batches * self.batch)
        return self._width(self._epoch_batches(epoch)[place // self.batch])

    def _width(self, rows: list[int]) -> int:
        step = -(-self.context // _WIDTHS)
        longest = max(int(self.lengths[self.rows[row][0]]) for row in rows)
        return min(self.context, -(-longest // step) * step)


def shard_documents(shards: TokenShards) -> list[EncodedDocument]:
    """Documents of shards, each for itself."""
    found = []
    for shard in shards.shards:
        for kind, begin, end in zip(shard.kinds, shard.offsets, shard.offsets[1:], strict=False):
            mask = None if shard.mask is None else shard.mask[begin:end].astype(bool)
            ids = np.asarray(shard.tokens[begin:end])
            found.append(EncodedDocument(ids=ids, kind=shards.kinds[kind], mask=mask))
    return found


def has_target(document: EncodedDocument) -> bool:
    """Whether anything is to be predicted in it; its first token never is."""
    return bool(_targets(document).any())


def _targets(document: EncodedDocument) -> Int64[np.ndarray, " seq"]:
    counts = (
        np.ones(len(document.ids), dtype=np.int64)
        if document.mask is None
        else document.mask.astype(np.int64)
    )
    counts[:1] = 0
    return counts


def _last_target(number: int, document: EncodedDocument) -> int:
    counted = np.flatnonzero(_targets(document))
    if not len(counted):
        raise InputError(f"document {number} has no token to be predicted; leave it out")
    return int(counted[-1])
