"""Asking a text index: which records meet a condition, in the order of their ids or of relevance.

Source:
    1901.04452, section 6.1, "TEXT indexes"; ranking by Robertson and Zaragoza 2009, "The
    Probabilistic Relevance Framework: BM25 and Beyond", section 3.
"""

import heapq
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from glasshouse.records.engines.engine import Transaction
from glasshouse.records.indexes.asking import ask, load_each, load_ids
from glasshouse.records.indexes.pending import settle
from glasshouse.records.indexes.postings import (
    Postings,
    each,
    intersect,
    tokens_beginning,
    unite,
)
from glasshouse.records.indexes.text import (
    POSTINGS,
    TOTALS,
    TextIndex,
    length_in,
    num_positions,
    positions_in,
    totals_in,
)
from glasshouse.records.indexes.text_conditions import (
    TextCondition,
    Wanted,
    is_phrase,
    tokens_of,
)
from glasshouse.records.indexes.tokenizers import tokenizer_of
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import pack_text

SATURATION = 1.2
"""How soon a word that stands again and again adds no more (k1)."""

LENGTH_WEIGHT = 0.75
"""How much a long text is held to say a word by chance (b)."""


def scan_record_ids(
    store: RecordStore,
    name: str,
    condition: TextCondition | str,
    *,
    group: Sequence[Any] = (),
    after: bytes | None = None,
    snapshot: bool = False,
) -> Iterator[bytes]:
    """The ids of the records that meet a condition, ascending, each once.

    Args:
        store: The store.
        name: Of a text index.
        condition: On the index's field, or words that all have to be there.
        group: The values of one group, if the index has groups.
        after: Only later record ids: goes on behind the last one that was given.
        snapshot: Whether reading may go without conflicts.

    Raises:
        QueryError: If the index is of another kind, has other groups or cannot tell.
        SchemaError: If there is no such index or it is not built.
    """
    index, _ = ask(store, name, TextIndex)
    packed = index.pack_group(group)
    yield from ids_in_group(store, name, condition, packed, after=after, snapshot=snapshot)


def ids_in_group(
    store: RecordStore,
    name: str,
    condition: TextCondition | str,
    packed_group: bytes,
    *,
    after: bytes | None,
    snapshot: bool,
) -> Iterator[bytes]:
    """The same, of a group that is packed already."""
    index, space = ask(store, name, TextIndex)
    wanted, tokens = index.question(condition)
    begin = space + POSTINGS + packed_group
    transaction = store.transaction
    if wanted is Wanted.PREFIX:
        prefix = pack_text(tokens[0])[:-1]
        yield from unite(
            tokens_beginning(transaction, begin, prefix, after=after, snapshot=snapshot)
        )
        return
    distinct = tuple(dict.fromkeys(tokens))
    several = [
        Postings(transaction, begin + pack_text(token), after=after, snapshot=snapshot)
        for token in distinct
    ]
    if wanted is Wanted.ANY:
        yield from unite([each(one) for one in several])
        return
    in_order = [several[distinct.index(token)] for token in tokens]
    for record_id in intersect(several):
        if wanted is Wanted.ALL or is_phrase([positions_in(one.value) for one in in_order]):
            yield record_id


def search(
    store: RecordStore,
    name: str,
    condition: TextCondition | str,
    *,
    group: Sequence[Any] = (),
    limit: int | None = None,
    snapshot: bool = False,
) -> Iterator[Any]:
    """The records that meet a condition, in the order of their ids.

        search(store, "note_words", "learning rate")
        search(store, "note_words", contains_phrase(Note.text, "learning rate"), limit=10)

    Args:
        store: The store.
        name: Of a text index.
        condition: On the index's field, or words that all have to be there.
        group: The values of one group, if the index has groups.
        limit: Most records to give.
        snapshot: Whether reading the index may go without conflicts.

    Raises:
        QueryError, SchemaError: As for `scan_record_ids`.
    """
    found = scan_record_ids(store, name, condition, group=group, snapshot=snapshot)
    return load_each(store, islice(found, limit))


def ranked_search(
    store: RecordStore,
    name: str,
    words: str,
    *,
    limit: int = 10,
    group: Sequence[Any] = (),
    snapshot: bool = False,
) -> list[tuple[Any, float]]:
    """The records that say most of these words, the best first, with their scores.

    It reads all rows of the words: twice where a word is in many records, as how many these are is
    counted first. Lengths of texts are known to a twentieth.

    Args:
        store: The store.
        name: Of a text index.
        words: Any of them makes a record eligible.
        limit: Most records to give.
        group: The values of one group, if the index has groups.
        snapshot: Whether reading the index may go without conflicts.

    Raises:
        QueryError, SchemaError: As for `scan_record_ids`.

    Source:
        Robertson and Zaragoza 2009, eq. 3.15.
    """
    index, space = ask(store, name, TextIndex)
    tokens = tokens_of(words, Wanted.ANY, tokenizer_of(index.tokenizer))
    packed = index.pack_group(group)
    transaction = store.transaction
    settle(store.context, space)
    totals = transaction.get(space + TOTALS + packed, snapshot=snapshot)
    prefixes = [space + POSTINGS + packed + pack_text(token) for token in tokens]
    scored = _scored(transaction, prefixes, *totals_in(totals), snapshot=snapshot)
    best = heapq.nsmallest(max(limit, 0), ((-score, found) for found, score in scored))
    records = load_ids(store, [record_id for _, record_id in best])
    return [(record, -score) for record, (score, _) in zip(records, best, strict=True)]


def _scored(
    transaction: Transaction,
    prefixes: Sequence[bytes],
    num_texts: int,
    num_tokens: int,
    *,
    snapshot: bool,
) -> Iterator[tuple[bytes, float]]:
    """Every record that has one of the tokens, with its score."""
    weights = []
    for prefix in prefixes:
        having = sum(1 for _ in each(Postings(transaction, prefix, snapshot=snapshot)))
        weights.append(math.log(1 + (num_texts - having + 0.5) / (having + 0.5)))
    mean_length = max(num_tokens, 1) / max(num_texts, 1)
    several = [Postings(transaction, prefix, snapshot=snapshot) for prefix in prefixes]
    heap = [(one.record_id, at) for at, one in enumerate(several) if one.record_id is not None]
    heapq.heapify(heap)
    while heap:
        record_id, score = heap[0][0], 0.0
        while heap and heap[0][0] == record_id:
            at = heap[0][1]
            value = several[at].value
            times = num_positions(value)
            relative = 1 - LENGTH_WEIGHT + LENGTH_WEIGHT * length_in(value) / mean_length
            score += weights[at] * times * (SATURATION + 1) / (times + SATURATION * relative)
            several[at].advance()
            following = several[at].record_id
            if following is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (following, at))
        yield record_id, score
