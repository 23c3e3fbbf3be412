"""Whether the graphs of a vector index hold together."""

from bisect import bisect_right
from collections.abc import Iterator

from glasshouse.records.engines.engine import Transaction
from glasshouse.records.indexes.hnsw import ENTRY, LINKS, VECTORS, decode_links
from glasshouse.records.indexes.paging import rows_under


def check_graphs(transaction: Transaction, space: bytes, dimensions: int) -> Iterator[str]:
    """What is wrong, a sentence each.

    That is a vector without links or links without a vector, a link to nothing or with one end
    only, and a group that cannot be entered.

    Args:
        transaction: Read through this.
        space: What the keys of the index begin with.
        dimensions: Numbers in a vector.
    """
    entries = dict(rows_under(transaction, space + ENTRY))
    groups = sorted(entries)
    for group, entry in entries.items():
        key = space + LINKS + entry[:1] + group + entry[1:]
        if transaction.get(key) is None:
            yield f"the graph of group {group!r} is entered at {entry[1:]!r}, which is not there"
    for place, vector in rows_under(transaction, space + VECTORS):
        if len(vector) != 4 * dimensions:
            yield f"the vector at {place!r} has {len(vector)} bytes instead of {4 * dimensions}"
        if transaction.get(space + LINKS + b"\x00" + place) is None:
            yield f"the vector at {place!r} has no links"
    for layered, row in rows_under(transaction, space + LINKS):
        layer, place = layered[:1], layered[1:]
        group = _group_of(place, groups)
        if group is None:
            yield f"the links at {place!r} are in no group that can be entered"
            continue
        if layer[0] > entries[group][0]:
            yield f"the links at {place!r} are in layer {layer[0]}, above where walks begin"
        below = VECTORS if layer == b"\x00" else LINKS + bytes((layer[0] - 1,))
        if transaction.get(space + below + place) is None:
            yield f"the links at {place!r} in layer {layer[0]} have no vector below"
        here = place[len(group) :]
        for one in decode_links(row):
            other = transaction.get(space + LINKS + layer + group + one)
            if other is None:
                yield f"the links at {place!r} in layer {layer[0]} lead to {one!r}, not there"
            elif here not in decode_links(other):
                yield f"the links at {place!r} in layer {layer[0]} to {one!r} have one end"


def _group_of(place: bytes, groups: list[bytes]) -> bytes | None:
    at = bisect_right(groups, place) - 1
    return groups[at] if at >= 0 and place.startswith(groups[at]) else None
