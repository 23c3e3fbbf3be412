"""A small schema that the tests of stores share: orders with items, and customers."""

from datetime import datetime

import msgspec

from glasshouse.records.expressions import Record, fan_out
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.schema.keys import desc, nest
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database, StoreHandle
from glasshouse.records.subspace import Subspace


class Item(msgspec.Struct):
    sku: str
    count: int = 1


class Order(Record):
    id: int
    customer: str
    price: float = 0.0
    tags: list[str] = []
    items: list[Item] = []
    placed: datetime | None = None
    note: str = ""


class Customer(Record):
    last: str
    first: str
    mail: str | None = None


SHOP = Schema(
    name="shop",
    version=1,
    records={Order: Order.id, Customer: (Customer.last, Customer.first)},
    indexes=(
        ValueIndex("order_by_customer", Order, (Order.customer, desc(Order.price))),
        ValueIndex("order_by_tag", Order, fan_out(Order.tags)),
        ValueIndex("order_by_item", Order, nest(fan_out(Order.items), "sku", "count")),
        ValueIndex("costly", Order, Order.price, where=Order.price > 100, covering=Order.customer),
        ValueIndex("customer_by_mail", Customer, Customer.mail, unique=True),
    ),
)


def open_shop(url: str = "memory:", *, tenant: str = "berlin") -> StoreHandle:
    """A handle on a tenant's shop in an engine of its own."""
    return Database.open(url).store(SHOP, Subspace(("shop", tenant)))


def index_rows(handle: StoreHandle, name: str) -> list[tuple[bytes, bytes]]:
    """The rows of an index, keys without the index's space."""

    def work(store):
        space = store.index_space(name)
        rows = store.transaction.get_range(space, space + b"\xff")
        return [(key[len(space) :], value) for key, value in rows]

    return handle.run(work)
