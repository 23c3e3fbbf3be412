"""The base of all record types: a struct whose class attributes are references to fields."""

from types import MemberDescriptorType
from typing import Any

import msgspec

from glasshouse.records.expressions.reference import reference


class RecordMeta(msgspec.StructMeta):
    """Makes `Run.loss` a reference to the field; instances are not slowed by it."""

    def __getattribute__(cls, name: str) -> Any:
        found = super().__getattribute__(name)
        # A struct keeps each field in a slot; the slot's descriptor is what the class would show.
        if type(found) is MemberDescriptorType:
            return reference(cls, name)
        return found


class Record(msgspec.Struct, metaclass=RecordMeta, gc=False):
    """A record type is a subclass with annotated fields.

        class Run(Record):
            id: str
            study: str
            loss: float | None = None
            tags: list[str] = []

    Fields hold what msgspec encodes: numbers, text, bytes, dates, UUIDs, enums, lists, dicts and
    structs. What a field may later become is in `records.schema.evolution`.

    The garbage collector does not look at records, of which there may be very many: they go when
    nobody holds them. One that contained itself would stay, and could not be stored either; a type
    with fields of other kinds may say `gc=True`.
    """
