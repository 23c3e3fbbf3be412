"""A navigable graph over vectors: near neighbours found by walking, a few rows at a time.

    space + 0, group, record id          -> vector
    space + 1, layer, group, record id   -> record ids that it is linked with in this layer
    space + 2, group                     -> the highest layer, and a record id in it

Every vector is in layer 0, one in sixteen also in layer 1, and so on. A walk enters at the top and
goes to whatever is nearer until nothing is; what it finds is where it enters the layer below.

A link is kept at both its ends, so that a vector can be taken out and its neighbours linked with
each other. Walking reads without conflicts. Only the rows that are written conflict, so that two
writers meet only where they change the links of the same record.

Source:
    Malkov and Yashunin 2016, "Efficient and robust approximate nearest neighbor search using
    Hierarchical Navigable Small World graphs" (1603.09320), algorithms 1 to 5. Differs: links have
    two ends and lists may run over by a quarter before they are cut; the paper cuts one end, which
    leaves no way to find who links to a vector that goes.
"""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import msgspec
import numpy as np
from jaxtyping import Float32

from glasshouse.errors import CorruptionError
from glasshouse.records.engines.engine import Transaction
from glasshouse.records.indexes.metrics import Matrix, Metric, Vector, read_vectors
from glasshouse.records.tuples import end_of

VECTORS = b"\x00"
"""Under this stand the vectors."""

LINKS = b"\x01"
"""Under this stand the links, layer by layer."""

ENTRY = b"\x02"
"""Under this stands where a walk begins."""

_AT_ONCE = 4
"""Steps of a walk that are taken together."""

_MOST_KEPT = 100_000
"""Vectors that a graph keeps in memory while its transaction lasts."""

encode_links = msgspec.msgpack.Encoder().encode
decode_links = msgspec.msgpack.Decoder(list[bytes]).decode

Near = tuple[float, bytes]
"""A distance and the record id at this distance."""


@dataclass(frozen=True)
class Shape:
    """What a graph is built by."""

    dimensions: int
    """Numbers in a vector."""
    metric: Metric
    """By what they are compared."""
    num_links: int
    """Links that a new vector gets in each layer (M); in layer 0 it may come to have twice that."""
    ef_construction: int
    """How many near vectors are found to choose these from."""


class Graph:
    """The graph of one group, inside one transaction; it remembers what it has read."""

    def __init__(self, transaction: Transaction, space: bytes, group: bytes, shape: Shape) -> None:
        self._transaction = transaction
        self._space = space
        self._group = group
        self._shape = shape
        self._entry_key = space + ENTRY + group
        self._vector_prefix = space + VECTORS + group
        self._forget()

    def _forget(self) -> None:
        self._entry: bytes | None = None
        self._vectors: dict[bytes, bytes] = {}
        self._links: list[dict[bytes, list[bytes]]] = []
        self._claimed: set[bytes] = set()

    def entry(self) -> tuple[int, bytes] | None:
        """The highest layer and a record id in it; None if there are no vectors.

        Everything begins here, so this is also where it shows if rows went otherwise.
        """
        entry = self._transaction.get(self._entry_key, snapshot=True)
        if entry != self._entry or len(self._vectors) > _MOST_KEPT:
            self._forget()
            self._entry = entry
        return None if entry is None else (entry[0], entry[1:])

    def search(self, query: Vector, k: int, ef: int) -> list[Near]:
        """The k nearest that a walk finds, nearest first; a larger ef misses fewer."""
        entry = self.entry()
        if entry is None:
            return []
        top, record_id = entry
        found = [(self._distances([record_id], query)[0], record_id)]
        for layer in range(top, 0, -1):
            found = self._walk(query, found, 1, layer)
        return self._walk(query, found, max(ef, k), 0)[:k]

    def add(self, record_id: bytes, vector: bytes) -> None:
        """Put in a vector that is not there."""
        entry, level = self.entry(), _level(record_id, self._shape.num_links)
        self._vectors[record_id] = vector
        self._transaction.set(self._vector_prefix + record_id, vector)
        query = read_vectors([vector], self._shape.dimensions)[0]
        top = -1
        if entry is not None:
            top, first = entry
            found = [(self._distances([first], query)[0], first)]
            for layer in range(top, level, -1):
                found = self._walk(query, found, 1, layer)
            for layer in range(min(top, level), -1, -1):
                found = self._walk(query, found, self._shape.ef_construction, layer)
                self._link_new(record_id, found, layer)
        if level > top:
            for layer in range(top + 1, level + 1):
                self._write_links(layer, record_id, [])
            self._write_entry(bytes((level,)) + record_id)

    def remove(self, record_id: bytes) -> None:
        """Take out a vector that is there, and link its neighbours with each other."""
        entry = self.entry()
        level = _level(record_id, self._shape.num_links)
        for layer in range(level, -1, -1):
            neighbours = self._links_of(layer, record_id)
            for one in neighbours:
                self._drop(layer, one, record_id)
            self._clear_links(layer, record_id)
            self._repair(layer, neighbours)
        self._vectors.pop(record_id, None)
        self._transaction.clear(self._vector_prefix + record_id)
        if entry is not None and entry[1] == record_id:
            self._write_entry(self._another_entry(entry[0]))

    def _walk(self, query: Vector, start: Iterable[Near], ef: int, layer: int) -> list[Near]:
        """The ef nearest that can be reached by going to what is nearer (algorithm 2)."""
        todo = sorted(start)
        best = [(-distance, one) for distance, one in todo]
        heapq.heapify(best)
        seen = {one for _, one in todo}
        worst = math.inf if len(best) < ef else -best[0][0]
        while todo and todo[0][0] <= worst:
            # Several at once: the cost of a step is mostly that of asking at all.
            here = [heapq.heappop(todo)[1] for _ in range(min(_AT_ONCE, len(todo)))]
            fresh: list[bytes] = []
            for links in self._links_of_all(layer, here):
                new = [one for one in links if one not in seen]
                seen.update(new)
                fresh += new
            if not fresh:
                continue
            for near in zip(self._distances(fresh, query), fresh, strict=True):
                distance = near[0]
                if distance < worst:
                    heapq.heappush(todo, near)
                    if len(best) < ef:
                        heapq.heappush(best, (-distance, near[1]))
                    else:
                        heapq.heapreplace(best, (-distance, near[1]))
                    if len(best) == ef:
                        worst = -best[0][0]
        return sorted([(-distance, one) for distance, one in best])

    def _link_new(self, record_id: bytes, found: Sequence[Near], layer: int) -> None:
        chosen = self._choose(record_id, [one for _, one in found], self._shape.num_links)
        self._write_links(layer, record_id, chosen)
        for one in chosen:
            links = self._links_of(layer, one)
            self._write_links(layer, one, [*links, record_id])
            self._cut(layer, one)

    def _cut(self, layer: int, record_id: bytes) -> None:
        """Bring a list that has grown too long back to its length."""
        most = self._shape.num_links * (1 if layer else 2)
        links = self._links_of(layer, record_id)
        if len(links) <= most + most // 4:
            return
        chosen = set(self._choose(record_id, links, most))
        # Whoever has no other link keeps this one, or no walk would find it again.
        chosen.update([one for one in links if len(self._links_of(layer, one)) <= 1])
        self._write_links(layer, record_id, [one for one in links if one in chosen])
        for one in links:
            if one not in chosen:
                self._drop(layer, one, record_id)

    def _repair(self, layer: int, neighbours: Sequence[bytes]) -> None:
        """Link those that have lost a neighbour with the best of each other."""
        for one in neighbours:
            links = self._links_of(layer, one)
            others = [other for other in neighbours if other != one and other not in links]
            chosen = self._choose(one, [*links, *others], self._shape.num_links, fill=not links)
            new = [other for other in others if other in chosen]
            if new:
                self._write_links(layer, one, [*links, *new])
                for other in new:
                    self._write_links(layer, other, [*self._links_of(layer, other), one])
        for one in neighbours:
            self._cut(layer, one)

    def _choose(
        self, record_id: bytes, candidates: Sequence[bytes], most: int, *, fill: bool = True
    ) -> list[bytes]:
        """Neighbours in different directions (algorithm 4): one nearer to a chosen one is left out.

        Args:
            record_id: Whose neighbours.
            candidates: To choose from.
            most: How many.
            fill: Whether the nearest of those left out make up the number.
        """
        if fill and len(candidates) <= most:
            return list(candidates)
        vectors = self._matrix([record_id, *candidates])
        metric = self._shape.metric
        to_here = metric.to_query(vectors[1:], vectors[0])
        order = np.argsort(to_here, kind="stable")
        among = metric.among(vectors[1:][order])
        left_out = _spread(among, to_here[order], most)
        chosen = np.flatnonzero(~left_out)[:most]
        if fill and len(chosen) < most:
            chosen = np.concatenate([chosen, np.flatnonzero(left_out)[: most - len(chosen)]])
        return [candidates[place] for place in order[chosen].tolist()]

    def _another_entry(self, top: int) -> bytes | None:
        for layer in range(top, -1, -1):
            prefix = self._link_prefix(layer)
            rows = self._transaction.get_range(prefix, end_of(prefix), limit=1)
            if rows:
                return bytes((layer,)) + rows[0][0][len(prefix) :]
        return None

    def _distances(self, ids: Sequence[bytes], query: Vector) -> list[float]:
        return self._shape.metric.to_query(self._matrix(ids), query).tolist()

    def _matrix(self, ids: Sequence[bytes]) -> Matrix:
        known = self._vectors
        unknown = [one for one in ids if one not in known]
        if unknown:
            self._read(unknown)
        return read_vectors([known[one] for one in ids], self._shape.dimensions)

    def _read(self, ids: Sequence[bytes]) -> None:
        keys = [self._vector_prefix + one for one in ids]
        for one, row in zip(ids, self._transaction.get_all(keys, snapshot=True), strict=True):
            if row is None:
                raise CorruptionError(
                    f"a vector index leads to {one!r}, whose vector is gone; scrub the store and "
                    "build the index again"
                )
            self._vectors[one] = row

    def _link_prefix(self, layer: int) -> bytes:
        return self._space + LINKS + bytes((layer,)) + self._group

    def _links_of(self, layer: int, record_id: bytes) -> list[bytes]:
        links = self._links_in(layer).get(record_id)
        return self._links_of_all(layer, [record_id])[0] if links is None else links

    def _links_of_all(self, layer: int, ids: Sequence[bytes]) -> list[list[bytes]]:
        known = self._links_in(layer)
        unknown = [one for one in ids if one not in known]
        if unknown:
            prefix = self._link_prefix(layer)
            rows = self._transaction.get_all([prefix + one for one in unknown], snapshot=True)
            for one, row in zip(unknown, rows, strict=True):
                known[one] = [] if row is None else decode_links(row)
        return [known[one] for one in ids]

    def _links_in(self, layer: int) -> dict[bytes, list[bytes]]:
        """What is known of the links of a layer."""
        while len(self._links) <= layer:
            self._links.append({})
        return self._links[layer]

    def _drop(self, layer: int, record_id: bytes, other: bytes) -> None:
        links = self._links_of(layer, record_id)
        self._write_links(layer, record_id, [one for one in links if one != other])

    def _write_links(self, layer: int, record_id: bytes, links: list[bytes]) -> None:
        self._links_in(layer)[record_id] = links
        key = self._link_prefix(layer) + record_id
        self._claim(key)
        self._transaction.set(key, encode_links(links))

    def _clear_links(self, layer: int, record_id: bytes) -> None:
        self._links_in(layer).pop(record_id, None)
        key = self._link_prefix(layer) + record_id
        self._claim(key)
        self._transaction.clear(key)

    def _write_entry(self, entry: bytes | None) -> None:
        self._claim(self._entry_key)
        self._entry = entry
        if entry is None:
            self._transaction.clear(self._entry_key)
        else:
            self._transaction.set(self._entry_key, entry)

    def _claim(self, key: bytes) -> None:
        """Conflict with whoever changes a row that is to be written from what was read of it."""
        if key not in self._claimed:
            self._claimed.add(key)
            self._transaction.add_read_conflict_range(key, key + b"\x00")


def _spread(
    among: Float32[np.ndarray, "sample sample"], to_here: Float32[np.ndarray, " sample"], most: int
) -> np.ndarray:
    """Which of the candidates, nearest first, are nearer to a chosen one than to here."""
    left_out = np.zeros(len(to_here), dtype=bool)
    num_chosen = 0
    for place in range(len(to_here)):
        if left_out[place]:
            continue
        num_chosen += 1
        if num_chosen == most:
            left_out[place + 1 :] = True
            break
        nearer = among[place] < to_here
        nearer[: place + 1] = False
        left_out |= nearer
    return left_out


def _level(record_id: bytes, num_links: int) -> int:
    """The highest layer of a vector, drawn from its id: in layer n is one of num_links ** n."""
    drawn = int.from_bytes(blake2b(record_id, digest_size=8).digest(), "big") + 1
    return int((64 * math.log(2) - math.log(drawn)) / math.log(num_links))
