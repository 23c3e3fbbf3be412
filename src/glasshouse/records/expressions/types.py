"""Reading annotations: what a field holds, what its elements are, whether it may be absent."""

import types
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from glasshouse.errors import SchemaError


@cache
def annotations(struct: type) -> dict[str, Any]:
    """The annotations of a struct's fields, names resolved.

    Raises:
        SchemaError: If an annotation names what cannot be found.
    """
    try:
        hints = get_type_hints(struct)
    except NameError as error:
        raise SchemaError(f"{struct.__name__} has an annotation that names {error}") from None
    return {name: hints[name] for name in struct.__struct_fields__}  # type: ignore[attr-defined]


def without_none(annotation: Any) -> Any:
    """An annotation less its None: `float | None` is float."""
    if get_origin(annotation) in (Union, types.UnionType):
        rest = tuple(part for part in get_args(annotation) if part is not types.NoneType)
        return rest[0] if len(rest) == 1 else Union[rest]  # noqa: UP007
    return annotation


def is_optional(annotation: Any) -> bool:
    """Whether None is among what an annotation allows."""
    if annotation is None or annotation is types.NoneType or annotation is Any:
        return True
    if get_origin(annotation) in (Union, types.UnionType):
        return types.NoneType in get_args(annotation)
    return False


def element_type(annotation: Any) -> Any | None:
    """What a repeated field repeats; None if the field is not repeated."""
    annotation = without_none(annotation)
    origin = get_origin(annotation) or annotation
    if origin not in (list, set, frozenset, tuple):
        return None
    arguments = get_args(annotation)
    return arguments[0] if arguments else Any


def is_struct(annotation: Any) -> bool:
    """Whether an annotation is a record or another struct."""
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)


def field_type(annotation: Any, name: str, *, of: str) -> Any:
    """The annotation of a field of a struct, or of a value in a dict, which may be absent.

    Raises:
        SchemaError: If what `of` names is neither, or a struct without such a field.
    """
    struct = without_none(annotation)
    if struct is Any:
        return Any
    if get_origin(struct) is dict or struct is dict:
        held = get_args(struct)
        return Union[held[1], None] if held else Any  # noqa: UP007
    if not is_struct(struct):
        hint = "; say one_of(…) to go into its elements" if element_type(struct) else ""
        raise SchemaError(f"{of} is {annotation} and has no field {name!r}{hint}")
    fields = annotations(struct)
    if name not in fields:
        raise SchemaError(f"{of} has no field {name!r}; it has {', '.join(fields)}")
    return fields[name]
