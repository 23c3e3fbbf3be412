"""What a schema may become."""

from enum import Enum

import msgspec
import pytest

from glasshouse.errors import SchemaError
from glasshouse.records.expressions import Record
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.schema.evolution import check_evolution
from glasshouse.records.schema.schema import Schema, SchemaDescription


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(msgspec.Struct):
    depth: int


def item(name="Item", **fields):
    """A record type with an integer id and these fields, as (annotation, default) or annotation."""
    namespace = {"__annotations__": {"id": int}, "__module__": __name__}
    for field, kind in fields.items():
        annotation, *default = kind if isinstance(kind, tuple) else (kind,)
        namespace["__annotations__"][field] = annotation
        if default:
            namespace[field] = default[0]
    return type(Record)(name, (Record,), namespace, kw_only=True)


def schema(kind, version=1, *, key="id", indexes=(), dropped=()):
    made = Schema(
        name="shop",
        version=version,
        records={kind: key},
        indexes=tuple(ValueIndex(name, kind, on) for name, on in indexes),
        dropped_indexes=dropped,
    ).description
    # What is stored comes back as msgpack gives it.
    return msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=SchemaDescription)


ALLOWED = {
    "a new field with a default": (item(), item(size=(int, 0))),
    "a field that may now be missing": (item(size=int), item(size=int | None)),
    "a wider union": (item(size=int | str), item(size=int | str | float)),
    "int to float": (item(size=int), item(size=float)),
    "a default": (item(size=int), item(size=(int, 3))),
    "deeper int to float": (item(sizes=list[int]), item(sizes=list[float])),
    "anything": (item(size=int), item(size=object)),
}
REFUSED = {
    "a new field without default": (item(), item(size=int), "size is new and needs a default"),
    "a field dropped": (item(size=int), item(), "field Item.size is gone"),
    "a field renamed": (item(size=int), item(width=(int, 0)), "field Item.size is gone"),
    "narrower": (item(size=float), item(size=int), "changed from float to int"),
    "no longer missing": (item(size=int | None), item(size=int), "no longer allows none"),
    "another type": (item(size=int), item(size=str), "changed from int to str"),
    "a default taken away": (item(size=(int, 0)), item(size=int), "lost its default"),
    "list to set of other": (item(a=list[int]), item(a=list[str]), r"Item.a\[\] changed"),
    "a type renamed": (item(), item(name="Thing"), "record type Item is gone"),
}


class TestCheckEvolution:
    @pytest.mark.parametrize("case", [name for name in ALLOWED if name != "anything"])
    def test_allows(self, case):
        """What is stored can still be read."""
        old, new = ALLOWED[case]
        check_evolution(schema(old), schema(new, 2))

    @pytest.mark.parametrize("case", REFUSED)
    def test_refuses(self, case):
        """What is stored could not be read, or would be read as something else."""
        old, new, reason = REFUSED[case]
        with pytest.raises(SchemaError, match=reason):
            check_evolution(schema(old), schema(new, 2))

    def test_allows_new_members_of_an_enum_but_no_fewer(self):
        """A stored member must stay one."""

        class Few(Enum):
            RED = "red"

        Few.__name__ = "Colour"
        check_evolution(schema(item(c=Few)), schema(item(c=Colour), 2))
        with pytest.raises(SchemaError, match="no longer allows blue"):
            check_evolution(schema(item(c=Colour)), schema(item(c=Few), 2))

    def test_looks_into_structs(self):
        """A struct in a field obeys the same rules."""

        class Other(msgspec.Struct):
            depth: str

        Other.__name__ = "Inner"
        with pytest.raises(SchemaError, match=r"Item\.inner\.depth changed from int to str"):
            check_evolution(schema(item(inner=Inner)), schema(item(inner=Other), 2))

    def test_keeps_the_bytes_of_keys(self):
        """An int that an index is made of may not become a float: its rows would be elsewhere."""
        old, new = item(size=int), item(size=float)
        indexes = [("by_size", "size")]
        with pytest.raises(SchemaError, match="an index is made of it"):
            check_evolution(schema(old, indexes=indexes), schema(new, 2, indexes=indexes))
        with pytest.raises(SchemaError, match="primary key of Item changed"):
            check_evolution(schema(old), schema(old, 2, key=("id", "size")))

    def test_remembers_indexes(self):
        """An index is dropped by name, and its name is not used again."""
        kind = item(size=int)
        first = schema(kind, indexes=[("by_size", "size")])
        dropped = schema(kind, 2, dropped=("by_size",))
        check_evolution(first, dropped)
        with pytest.raises(SchemaError, match="name it among dropped_indexes"):
            check_evolution(first, schema(kind, 2))
        with pytest.raises(SchemaError, match="its name is not used again"):
            check_evolution(dropped, schema(kind, 3, indexes=[("by_size", "size")]))
        with pytest.raises(SchemaError, match="index 'by_size' changed"):
            check_evolution(first, schema(kind, 2, indexes=[("by_size", "id")]))

    def test_lets_positions_only_grow_at_the_end(self):
        """Structs encoded as arrays are read by position."""

        class Old(msgspec.Struct, array_like=True):
            a: int

        class New(msgspec.Struct, array_like=True):
            b: int = 0
            a: int = 0

        Old.__name__ = New.__name__ = "Pair"
        with pytest.raises(SchemaError, match="new ones go to the end"):
            check_evolution(schema(item(p=Old)), schema(item(p=New), 2))

    def test_names_every_problem_at_once(self):
        """One reading of the message is enough to mend the schema."""
        with pytest.raises(SchemaError, match=r"a is gone.*b changed"):
            check_evolution(schema(item(a=int, b=int)), schema(item(b=str), 2))
