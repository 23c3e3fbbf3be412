"""Conditions from text, for the command line: Python's comparisons, read and never run.

study == 'rlhf' and loss < 2
'final' in tags and not (config.lr >= 1e-3)
kind in ['train', 'study'] and id.startswith('a1')
"""

import ast
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec

from glasshouse.errors import QueryError, SchemaError
from glasshouse.records.expressions.conditions import And, Condition, IsNone, Not, Or
from glasshouse.records.expressions.functions import is_in, starts_with
from glasshouse.records.expressions.reference import (
    FieldReference,
    one_of,
    path_of,
    reference,
    type_of,
)
from glasshouse.records.expressions.types import element_type, without_none

_FORMS = "field == value, <, <=, >, >=, !=, value in field, field in [values], field is None, "
_FORMS += "field.startswith('…'), and, or, not"

_MOST_SHOWN, _MOST_DEPTH = 80, 100

_COMPARE = {
    ast.Eq: "__eq__",
    ast.NotEq: "__ne__",
    ast.Lt: "__lt__",
    ast.LtE: "__le__",
    ast.Gt: "__gt__",
    ast.GtE: "__ge__",
}
_TURNED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}


def parse_where(text: str, record_type: type) -> Condition:
    """The condition that a text states.

    Args:
        text: An expression of comparisons.
        record_type: Its names are fields of this.

    Raises:
        QueryError: If it is anything else, or names a field that is not there.
    """
    return _condition(_parsed(text), record_type)


def parse_field(text: str, record_type: type) -> FieldReference:
    """The field that a text names, as `config.lr`.

    Raises:
        QueryError: If it is no name, or one of no field.
    """
    return _field(_parsed(text), record_type)


def _parsed(text: str) -> ast.expr:
    shown = text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise QueryError(f"{shown!r} cannot be read: {getattr(error, 'msg', error)}") from None
    except (RecursionError, MemoryError):
        raise QueryError(f"{shown!r} cannot be read: it is nested too deeply") from None
    if _depth(tree) > _MOST_DEPTH:
        raise QueryError(f"{shown!r} cannot be read: it is nested too deeply")
    return tree


def _depth(tree: ast.AST) -> int:
    """How deeply a text is nested; not by recursion, which deep ones would break."""
    depth, level = 0, [tree]
    while level:
        depth, level = depth + 1, [one for node in level for one in ast.iter_child_nodes(node)]
    return depth


def _condition(node: ast.expr, kind: type) -> Condition:
    match node:
        case ast.BoolOp(ast.And(), parts):
            return And(tuple(_condition(part, kind) for part in parts))
        case ast.BoolOp(ast.Or(), parts):
            return Or(tuple(_condition(part, kind) for part in parts))
        case ast.UnaryOp(ast.Not(), inner):
            return Not(_condition(inner, kind))
        case ast.Compare(left, operators, rights):
            sides = [left, *rights]
            found = [
                _comparison(sides[place], operator, sides[place + 1], kind)
                for place, operator in enumerate(operators)
            ]
            return found[0] if len(found) == 1 else And(tuple(found))
        case ast.Call(ast.Attribute(field, "startswith"), [prefix], []):
            return starts_with(_field(field, kind), _value(prefix))
    raise QueryError(f"{ast.unparse(node)} is no condition; write {_FORMS}")


def _comparison(left: ast.expr, operator: ast.cmpop, right: ast.expr, kind: type) -> Condition:
    if isinstance(operator, ast.Is | ast.IsNot):
        if not (isinstance(right, ast.Constant) and right.value is None):
            raise QueryError(f"`is` compares with None only, not with {ast.unparse(right)}")
        empty = IsNone(path_of(_field(left, kind)))
        return empty if isinstance(operator, ast.Is) else Not(empty)
    if isinstance(operator, ast.In | ast.NotIn):
        found = _membership(left, right, kind)
        return found if isinstance(operator, ast.In) else Not(found)
    if _is_field(right) and not _is_field(left):
        left, right = right, left
        turned = _TURNED.get(type(operator))
        operator = turned() if turned is not None else operator
    field = _field(left, kind)
    return getattr(field, _COMPARE[type(operator)])(_held(field, _value(right)))


def _membership(left: ast.expr, right: ast.expr, kind: type) -> Condition:
    if not _is_field(right):
        values = _value(right)
        if not isinstance(values, list | tuple | set):
            raise QueryError(f"{ast.unparse(right)} is no list of values")
        if isinstance(values, set):
            values = sorted(values, key=repr)  # a set has another order in every process
        one = _field(left, kind)
        return is_in(one, [_held(one, value) for value in values])
    field = _field(right, kind)
    if element_type(type_of(field)) is None:
        raise QueryError(f"{ast.unparse(right)} is not repeated, so nothing can be in it")
    element = one_of(field)
    return element == _held(element, _value(left))


def _held(field: FieldReference, value: Any) -> Any:
    """A value as the field holds it: members of enums, times and UUIDs are written as text."""
    kind = without_none(type_of(field))
    if not isinstance(kind, type) or value is None:
        return value
    if issubclass(kind, Enum):
        for member in kind:
            if value in (member.value, member.name.lower()):
                return member
        names = ", ".join(member.name.lower() for member in kind)
        raise QueryError(f"{field} is never {value!r}; it is one of {names}")
    if kind is datetime and isinstance(value, str):
        try:
            return datetime.fromisoformat(value).astimezone()
        except ValueError:
            raise QueryError(f"{value!r} is no time; write {field} > '2026-01-31'") from None
    if kind in (date, timedelta, UUID) and isinstance(value, str):
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError:
            raise QueryError(f"{value!r} is no {kind.__name__}, which {field} is") from None
    return value


def _is_field(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute)


def _field(node: ast.expr, kind: type) -> FieldReference:
    try:
        match node:
            case ast.Name(name):
                return reference(kind, name)
            case ast.Attribute(inner, name):
                return getattr(_field(inner, kind), name)
    except SchemaError as error:
        raise QueryError(str(error)) from None
    raise QueryError(f"{ast.unparse(node)} stands where a field is needed")


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        hint = "; put text in quotes" if _is_field(node) else ""
        raise QueryError(f"{ast.unparse(node)} stands where a value is needed{hint}") from None
