"""A store of sixty things that the tests of plans and cursors share."""

from tests.records.query.things import Thing
from tests.records.store.shop import Customer, Order

from glasshouse.records.expressions import fan_out
from glasshouse.records.indexes.rank import RankIndex
from glasshouse.records.indexes.text import TextIndex
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.query import explain
from glasshouse.records.schema.keys import nest, record_type
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database, StoreHandle
from glasshouse.records.subspace import Subspace

SCHEMA = Schema(
    name="things",
    version=1,
    records={Thing: Thing.id, Order: Order.id, Customer: (Customer.last, Customer.first)},
    indexes=(
        ValueIndex("group_number", Thing, (Thing.group, Thing.number), covering=Thing.label),
        ValueIndex("number", Thing, Thing.number),
        ValueIndex("label", Thing, Thing.label),
        ValueIndex("tag", Thing, fan_out(Thing.tags)),
        ValueIndex("part", Thing, nest(fan_out(Thing.parts), "name", "size")),
        ValueIndex("heavy", Thing, Thing.weight, where=Thing.weight > 100),
        ValueIndex("mail", Customer, Customer.mail, unique=True),
        ValueIndex("all", (Thing, Order), (record_type(), "id")),
        RankIndex("raw_rank", Thing, Thing.raw, group_by=Thing.kind),
        TextIndex("words", Thing, Thing.note),
        TextIndex("words_by_flag", Thing, Thing.note, group_by=(Thing.flag, Thing.kind)),
    ),
)


def fill(handle: StoreHandle) -> StoreHandle:
    """Save the things."""
    handle.save(*(Thing(n, "abc"[n % 3], n // 3, tags=["x", "y"][: n % 3]) for n in range(60)))
    return handle


def open_shelf(url: str = "memory:") -> StoreHandle:
    """A handle on the store."""
    return fill(Database.open(url).store(SCHEMA, Subspace(("t",))))


def plan(handle: StoreHandle, query) -> list[str]:
    """The plan of a query, line by line."""
    return handle.read(lambda store: explain(store, query)).splitlines()
