"""What a schema may become: records that are stored must stay readable, and indexes true.

    may                                         may not
    add a record type or an index               drop or rename a record type
    add a field with a default                  add one without, drop one, rename one
    widen a type: to `… | None`, to a union,    narrow or change a type
      an enum by new members, and int to
      float where no key or index uses it
    give a field a default                      take a field's default away
    drop an index, naming it as dropped         change an index under its name
    change the primary key of a type that       change it where there are records, or where a
      has no records                              version index remembers some that are gone

Source:
    1901.04452, section 5, "schema evolution"; `MetaDataEvolutionValidator` of the Record Layer.
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from glasshouse.errors import SchemaError

if TYPE_CHECKING:
    from glasshouse.records.schema.schema import SchemaDescription


def check_evolution(
    old: "SchemaDescription", new: "SchemaDescription", *, empty: Collection[str] = ()
) -> None:
    """Check that a store written with one schema can be opened with a later one.

    Args:
        old: The schema that it was written with.
        new: The later one.
        empty: Names of record types whose primary keys no row has, so that they may change.

    Raises:
        SchemaError: If it cannot; the message lists everything that stands against it.
    """
    problems = list(_problems(old, new, empty))
    if problems:
        raise SchemaError(
            f"schema {new.name!r} version {new.version} does not follow from the stored version "
            f"{old.version}: {'; '.join(problems)}"
        )


def keys_changed(old: "SchemaDescription", new: "SchemaDescription") -> list[str]:
    """The names of the record types whose primary keys differ."""
    return [
        name
        for name, record in old.records.items()
        if name in new.records and record.key != new.records[name].key
    ]


def _problems(
    old: "SchemaDescription", new: "SchemaDescription", empty: Collection[str]
) -> Iterator[str]:
    for name, record in old.records.items():
        later = new.records.get(name)
        if later is None:
            yield f"record type {name} is gone (keep it; its records are still there)"
            continue
        if record.key != later.key and name not in empty:
            yield (
                f"the primary key of {name} changed from {record.key} to {later.key} (it may only "
                "while there are no records of it, nor a version index)"
            )
        yield from _narrowed(record.type, later.type, name, _keyed(old, name))
    for name, index in old.indexes.items():
        if name in new.indexes and new.indexes[name] != index:
            yield f"index {name!r} changed (give the new one a new name and drop this one)"
        if name not in new.indexes and name not in new.dropped_indexes:
            yield f"index {name!r} is gone (name it among dropped_indexes)"
    for name in old.dropped_indexes:
        if name in new.indexes:
            yield f"index {name!r} was dropped before; its name is not used again"
        elif name not in new.dropped_indexes:
            yield f"index {name!r} was dropped before; leave it among dropped_indexes"


def _keyed(schema: "SchemaDescription", record: str) -> frozenset[str]:
    """The fields that keys are made of: their bytes may not change. Computed columns use any."""
    indexes = [index for index in schema.indexes.values() if record in index["on"]]
    keys = [schema.records[record].key]
    keys += [part for index in indexes for part in index.values() if isinstance(part, list)]
    fields = set()
    for words in (words for key in keys for words in key):
        path = words.removeprefix("desc(").removesuffix(")")
        fields.add("*" if path.endswith("()") else f"{record}.{path.split('.')[0].rstrip('[*]@')}")
    return frozenset(fields)


def _narrowed(old: Any, new: Any, where: str, keyed: frozenset[str]) -> Iterator[str]:
    """Why what was written as `old` might not be read as `new`."""
    if old == new or new == "Any":
        return
    if (old, new) == ("int", "float"):
        if "*" in keyed or ".".join(where.split(".")[:2]).rstrip("[]") in keyed:
            yield f"{where} changed from int to float, and a key or an index is made of it"
        return
    if _kind(old) == "struct" and _kind(new) == "struct":
        yield from _struct_narrowed(old, new, where, keyed)
        return
    if _kind(old) == "enum" and _kind(new) == "enum":
        gone = [member for member in old[1] if member not in new[1]]
        if gone:
            yield f"{where} no longer allows {', '.join(str(member[0]) for member in gone)}"
        return
    if _kind(new) == "union" or _kind(old) == "union":
        for part in old[1] if _kind(old) == "union" else [old]:
            choices = new[1] if _kind(new) == "union" else [new]
            if all(list(_narrowed(part, choice, where, keyed)) for choice in choices):
                yield f"{where} no longer allows {_shown(part)}"
        return
    same_shape = isinstance(old, list) and isinstance(new, list) and len(old) == len(new)
    if same_shape and old[0] == new[0] and old[0] in ("list", "tuple", "set", "frozenset", "dict"):
        for before, after in zip(old[1:], new[1:], strict=True):
            yield from _narrowed(before, after, f"{where}[]", keyed)
        return
    yield f"{where} changed from {_shown(old)} to {_shown(new)}"


def _struct_narrowed(
    old: list[Any], new: list[Any], where: str, keyed: frozenset[str]
) -> Iterator[str]:
    if len(old) == 2 or len(new) == 2:
        return  # a struct inside itself: its fields are checked where it is described
    if old[2] != new[2]:
        yield f"{where} is encoded by {new[2]} instead of by {old[2]}"
    before, after = old[3], new[3]
    if old[2].startswith("positions") and list(after)[: len(before)] != list(before):
        yield f"fields of {where} moved; new ones go to the end"
    for name, (kind, need) in before.items():
        if name not in after:
            yield f"field {where}.{name} is gone"
            continue
        yield from _narrowed(kind, after[name][0], f"{where}.{name}", keyed)
        if need == "optional" and after[name][1] == "required":
            yield f"field {where}.{name} lost its default, which records without it need"
    for name, (_, need) in after.items():
        if name not in before and need == "required":
            yield f"field {where}.{name} is new and needs a default"


def _kind(description: Any) -> str:
    return description[0] if isinstance(description, list) else description


def _shown(description: Any) -> str:
    if not isinstance(description, list):
        return str(description)
    if description[0] == "struct":
        return description[1]
    if description[0] == "union":
        return " | ".join(_shown(part) for part in description[1])
    return f"{description[0]}[{', '.join(map(_shown, description[1:]))}]"
