"""Typed record stores over an ordered key-value engine; knows nothing of the laboratory.

    from glasshouse import records

    class Order(records.Record):
        id: int
        price: float

    schema = records.Schema(
        name="shop", version=1, records={Order: Order.id},
        indexes=(records.ValueIndex("by_price", Order, Order.price),),
    )
    with records.Database.open("lmdb:shop") as database:
        orders = database.store(schema, records.Subspace(("shop", "berlin")))
        orders.save(Order(1, 12.5))
        query = records.Query(Order).where(Order.price < 20)
        print(list(records.stream(orders, query)))

expressions   record types, references to their fields, conditions
schema        what a store may hold: key expressions, Schema, evolution
store         Database, StoreHandle, RecordStore
indexes       value, rank, aggregate, version, text and vector indexes
query         queries, plans, cursors, continuations
building      building indexes while others write
operations    stats, scrub, repair, backup, restore
keyspace      places with names
directory     names kept in the database, with short prefixes; FoundationDB's directory layer
tuples        values as bytes that sort as they do
subspace      a part of the keys
engines       memory, LMDB, PostgreSQL, FoundationDB behind one small interface

Source:
    Chrysafis et al. 2019, "FoundationDB Record Layer", 1901.04452.
"""

from glasshouse.records import building, keyspace, operations, tuples
from glasshouse.records.building import (
    BackgroundBuild,
    BuildProgress,
    build_all,
    build_index,
    building_in_background,
    rebuild_index,
)
from glasshouse.records.directory import (
    DirectoryLayer,
    DirectorySubspace,
    Interned,
    PrefixAllocator,
)
from glasshouse.records.engines import Engine, Mutation, Transaction, open_engine, transact
from glasshouse.records.expressions import (
    Condition,
    FieldReference,
    Record,
    between,
    concatenate,
    fan_out,
    is_in,
    is_none,
    matches,
    one_of,
    starts_with,
)
from glasshouse.records.indexes.aggregate import (
    CountIndex,
    CountUpdatesIndex,
    MaxEverIndex,
    MinEverIndex,
    SumIndex,
    aggregate,
    groups,
    mean,
    rolled_up,
)
from glasshouse.records.indexes.changes import (
    Change,
    changes,
    follow,
    follow_async,
    forget_deletions,
    newest_version,
)
from glasshouse.records.indexes.index import Index, Maintainer
from glasshouse.records.indexes.nearest import nearest
from glasshouse.records.indexes.rank import (
    RankIndex,
    by_rank,
    count_between,
    kth,
    num_ranked,
    rank_of,
    rank_of_score,
    score_at,
)
from glasshouse.records.indexes.text import TextIndex
from glasshouse.records.indexes.text_conditions import (
    contains_all,
    contains_any,
    contains_phrase,
    contains_prefix,
)
from glasshouse.records.indexes.text_search import ranked_search, search
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.indexes.vector import VectorIndex
from glasshouse.records.indexes.version import VersionIndex
from glasshouse.records.keyspace import KeySpace, KeySpaceDirectory, KeySpacePath
from glasshouse.records.operations import backup, repair, restore, scrub, stats
from glasshouse.records.query import (
    Cursor,
    Limits,
    Query,
    StopReason,
    count,
    delete_where,
    execute,
    explain,
    first,
    pages,
    pages_async,
    parse_where,
    stream,
    stream_async,
)
from glasshouse.records.schema.evolution import check_evolution
from glasshouse.records.schema.keys import computed, desc, literal, nest, record_type
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.context import Context
from glasshouse.records.store.database import Database, StoreHandle
from glasshouse.records.store.header import IndexState
from glasshouse.records.store.store import RecordStore
from glasshouse.records.subspace import Subspace
from glasshouse.records.tuples import Versionstamp

__all__ = [
    "BackgroundBuild",
    "BuildProgress",
    "Change",
    "Condition",
    "Context",
    "CountIndex",
    "CountUpdatesIndex",
    "Cursor",
    "Database",
    "DirectoryLayer",
    "DirectorySubspace",
    "Engine",
    "FieldReference",
    "Index",
    "IndexState",
    "Interned",
    "KeySpace",
    "KeySpaceDirectory",
    "KeySpacePath",
    "Limits",
    "Maintainer",
    "MaxEverIndex",
    "MinEverIndex",
    "Mutation",
    "PrefixAllocator",
    "Query",
    "RankIndex",
    "Record",
    "RecordStore",
    "Schema",
    "StopReason",
    "StoreHandle",
    "Subspace",
    "SumIndex",
    "TextIndex",
    "Transaction",
    "ValueIndex",
    "VectorIndex",
    "VersionIndex",
    "Versionstamp",
    "aggregate",
    "backup",
    "between",
    "build_all",
    "build_index",
    "building",
    "building_in_background",
    "by_rank",
    "changes",
    "check_evolution",
    "computed",
    "concatenate",
    "contains_all",
    "contains_any",
    "contains_phrase",
    "contains_prefix",
    "count",
    "count_between",
    "delete_where",
    "desc",
    "execute",
    "explain",
    "fan_out",
    "first",
    "follow",
    "follow_async",
    "forget_deletions",
    "groups",
    "is_in",
    "is_none",
    "keyspace",
    "kth",
    "literal",
    "matches",
    "mean",
    "nearest",
    "nest",
    "newest_version",
    "num_ranked",
    "one_of",
    "open_engine",
    "operations",
    "pages",
    "pages_async",
    "parse_where",
    "rank_of",
    "rank_of_score",
    "ranked_search",
    "rebuild_index",
    "record_type",
    "repair",
    "restore",
    "rolled_up",
    "score_at",
    "scrub",
    "search",
    "starts_with",
    "stats",
    "stream",
    "stream_async",
    "transact",
    "tuples",
]
