"""Annotations as data: what a store remembers of a record type, to check the next version against.

A description is a string or a list: ["int"], ["list", element], ["struct", {field: …}], …
"""

import types
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from glasshouse.records.expressions.types import annotations, is_struct

TypeDescription = Any
"""Nested lists, dicts and strings that JSON can hold."""


def describe_type(annotation: Any, *, inside: tuple[type, ...] = ()) -> TypeDescription:
    """An annotation as data.

    Args:
        annotation: Of a field, or a record type itself.
        inside: The structs that this one is inside of, so that one that holds itself ends.
    """
    if annotation is None or annotation is types.NoneType:
        return "none"
    if is_struct(annotation):
        if annotation in inside:
            return ["struct", annotation.__name__]
        fields = _fields(annotation, (*inside, annotation))
        return ["struct", annotation.__name__, _layout(annotation), fields]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ["enum", sorted([str(one.value), type(one.value).__name__] for one in annotation)]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None:
        return getattr(annotation, "__name__", str(annotation))
    if origin in (Union, types.UnionType):
        parts = [describe_type(part, inside=inside) for part in arguments]
        return ["union", sorted(parts, key=str)]
    if origin is Literal:
        return ["enum", sorted([str(one), type(one).__name__] for one in arguments)]
    name = getattr(origin, "__name__", str(origin))
    return [
        name,
        *("..." if one is ... else describe_type(one, inside=inside) for one in arguments),
    ]


def _layout(struct: type) -> str:
    """How a struct is encoded: by names, or by positions, which may only grow at the end."""
    config = struct.__struct_config__  # type: ignore[attr-defined]
    tag = f" tagged {config.tag_field}={config.tag}" if config.tag is not None else ""
    return ("positions" if config.array_like else "names") + tag


def _fields(struct: type, inside: tuple[type, ...]) -> dict[str, TypeDescription]:
    """Each field's encoded name with its type and whether a missing one has a default."""
    hints = annotations(struct)
    return {
        field.encode_name: [
            describe_type(hints[field.name], inside=inside),
            "optional" if not field.required else "required",
        ]
        for field in msgspec.structs.fields(struct)
    }
