"""`--set train.peak_lr=1e-3`: change fields of a nested config by name.

Values are read by the field's own type, so a new field is never a new flag. All changes are made
at once: what only two of them together make sensible is judged together.
"""

import difflib
import types
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from glasshouse.errors import InputError

ConfigT = TypeVar("ConfigT")

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
_NONE = ("none", "null")


@dataclass
class _Changes:
    """New values of one config: for its own fields, and for the configs inside it."""

    values: dict[str, str] = field(default_factory=dict)
    inside: dict[str, "_Changes"] = field(default_factory=dict)


def apply_overrides(config: ConfigT, settings: Sequence[str]) -> ConfigT:
    """Return a config with some of its fields changed.

    Args:
        config: A frozen dataclass, whose fields may be such dataclasses again.
        settings: Words of the form `field=value` or `part.field=value`.

    Raises:
        InputError: If a word has another form, a field does not exist, a value does not fit its
            type, or the config refuses the new values.
    """
    changes = _Changes()
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise InputError(f"--set {setting!r} must have the form field=value, as steps=200")
        _note(changes, name.strip().split("."), value.strip(), setting)
    return _changed(config, changes, prefix="")


def _note(changes: _Changes, path: list[str], value: str, setting: str) -> None:
    """Write down one change at its place."""
    for part in path[:-1]:
        changes = changes.inside.setdefault(part, _Changes())
    if path[-1] in changes.values:
        raise InputError(f"--set {setting!r}: this field is set twice; keep one of the two")
    changes.values[path[-1]] = value


def _changed(config: Any, changes: _Changes, *, prefix: str) -> Any:
    """Apply changes to a config and to what lies inside it."""
    if not (changes.values or changes.inside):
        return config
    types_of = typing.get_type_hints(type(config))
    new: dict[str, Any] = {}
    for name, inner in changes.inside.items():
        _refuse_unknown(config, name, prefix)
        part = getattr(config, name)
        if not is_dataclass(part):
            last = next(iter([*inner.values, *inner.inside]))
            where = f"{prefix}{name}"
            raise InputError(
                f"--set {where}.{last}: {where} is {part!r} and has no fields of its own"
            )
        new[name] = _changed(part, inner, prefix=f"{prefix}{name}.")
    for name, value in changes.values.items():
        _refuse_unknown(config, name, prefix)
        if name in new:
            raise InputError(f"--set {prefix}{name}: set it as a whole or field by field, not both")
        new[name] = _read(value, types_of[name], where=f"{prefix}{name}")
    try:
        return replace(config, **new)
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(str(error)) from error


def _refuse_unknown(config: Any, name: str, prefix: str) -> None:
    """Raise for a field that is not there, naming what was probably meant."""
    known = [one.name for one in fields(config)]
    if name in known:
        return
    everywhere = list(field_names(config))
    near = [f"{prefix}{one}" for one in everywhere if one.split(".")[-1] == name]
    near += [f"{prefix}{one}" for one in difflib.get_close_matches(name, known, n=3, cutoff=0.6)]
    way_out = (
        f"did you mean {' or '.join(dict.fromkeys(near))}?"
        if near
        else f"there are {', '.join(prefix + one for one in known)}"
    )
    raise InputError(f"--set {prefix}{name}: there is no such field; {way_out}")


def field_names(config: Any, prefix: str = "") -> Iterable[str]:
    """Every field that `--set` can name, `part.field` for those inside."""
    for one in fields(config):
        value = getattr(config, one.name)
        if is_dataclass(value) and not isinstance(value, type):
            yield from field_names(value, f"{prefix}{one.name}.")
        else:
            yield f"{prefix}{one.name}"


def _read(text: str, kind: Any, *, where: str) -> Any:
    """Read a value of a type from text."""
    origin, options = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return _read_union(text, options, where=where)
    if origin is Literal:
        chosen = [option for option in options if str(option) == text]
        if chosen:
            return chosen[0]
        raise _misfit(where, text, f"one of {', '.join(map(str, options))}")
    if origin in (tuple, list):
        return _read_sequence(text, origin, options, where=where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _read(text, Literal[tuple(one.value for one in kind)], where=where) and kind(text)
    if is_dataclass(kind):
        inner = ", ".join(f"{where}.{one.name}" for one in fields(kind))
        raise InputError(f"--set {where}={text}: {where} is a group; set its fields: {inner}")
    return _read_plain(text, kind, where=where)


def _read_union(text: str, options: tuple[Any, ...], *, where: str) -> Any:
    """The first member of a union that the text fits; `none` where None is a member."""
    if type(None) in options and text.lower() in _NONE:
        return None
    rest = [option for option in options if option is not type(None)]
    refusals = []
    for option in rest:
        try:
            return _read(text, option, where=where)
        except InputError as error:
            refusals.append(error)
    raise refusals[0]


def _read_sequence(text: str, origin: Any, options: tuple[Any, ...], *, where: str) -> Any:
    """Members parted by commas, with or without brackets around them."""
    inner = text.strip("()[] ")
    words = [word.strip() for word in inner.split(",") if word.strip()]
    if origin is list or (len(options) == 2 and options[1] is Ellipsis):
        return origin(_read(word, options[0], where=where) for word in words)
    if len(words) != len(options):
        raise _misfit(where, text, f"{len(options)} values parted by commas")
    return tuple(_read(word, kind, where=where) for word, kind in zip(words, options, strict=True))


def _read_plain(text: str, kind: Any, *, where: str) -> Any:
    """A number, a truth value, a word or a path."""
    if kind is bool:
        if text.lower() in (*_TRUE, *_FALSE):
            return text.lower() in _TRUE
        raise _misfit(where, text, "true or false")
    if kind is int:
        return _whole_number(text, where)
    if kind is float:
        try:
            return float(text)
        except ValueError:
            raise _misfit(where, text, "a number") from None
    if kind in (str, Path):
        return kind(text)
    raise InputError(f"--set {where}={text}: this field cannot be set from the command line")


def _whole_number(text: str, where: str) -> int:
    """A whole number, also as `20_000` or `2e4`."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        value = 0.5
    if not value.is_integer():
        raise _misfit(where, text, "a whole number")
    return int(value)


def _misfit(where: str, text: str, wanted: str) -> InputError:
    return InputError(f"--set {where}={text}: {where} must be {wanted}")
