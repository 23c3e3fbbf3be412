"""What a task file says of a row: a field's name, or a Jinja template in a sandbox."""

import ast
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from glasshouse.errors import InputError


def _regex_replace(string: str, pattern: str, repl: str, count: int = 0) -> str:
    """The one filter that lm-eval adds to Jinja's."""
    return re.sub(pattern, repl, string, count=count)


@cache
def _sandbox() -> ImmutableSandboxedEnvironment:
    """Jinja as lm-eval sets it up, but with no way from a template to Python."""
    sandbox = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    sandbox.filters["regex_replace"] = _regex_replace
    return sandbox


@cache
def _compiled(template: str) -> jinja2.Template:
    try:
        return _sandbox().from_string(template)
    except jinja2.TemplateSyntaxError as error:
        raise InputError(f"the template {template!r} is no Jinja: {error}") from None


def render(template: str, row: Mapping[str, Any]) -> str:
    """What a template makes of a row.

    Raises:
        InputError: If it is no Jinja, names a field that the row lacks, or tries to leave the
            sandbox.
    """
    try:
        return _compiled(template).render(row)
    except jinja2.UndefinedError as error:
        raise InputError(f"the template {template!r} asks for what is not there: {error}") from None
    except jinja2.TemplateError as error:
        raise InputError(f"the template {template!r} cannot be filled: {error}") from None
    except InputError:
        raise
    except Exception as error:  # whatever a template does to a value, such as none[0]
        words = f"{type(error).__name__}: {error}"
        raise InputError(f"the template {template!r} cannot be filled: {words}") from None


Reader = Callable[[Mapping[str, Any]], Any]
"""Reads something from a row."""


def reader(what: Any, columns: frozenset[str], name: str) -> Reader:
    """How a field of a task file reads a row.

    Args:
        what: A column's name, or a template.
        columns: Of the questions' file.
        name: The field, as `doc_to_text`.

    Raises:
        InputError: If it is neither.
    """
    if not isinstance(what, str):
        raise InputError(f"{name}: {what!r} must be the name of a column or a template")
    if what in columns:
        return lambda row: _field(row, what)
    if "{" not in what and re.fullmatch(r"\w+", what) and not what.isdecimal():
        known = ", ".join(sorted(columns))
        raise InputError(f"{name}: {what!r} is none of the columns ({known}) and no template")
    _compiled(what)
    return lambda row: render(what, row)


def _field(row: Mapping[str, Any], name: str) -> Any:
    value = row.get(name)
    if value is None:
        raise InputError(f"it has no field {name!r}")
    return value


def is_column(what: Any, columns: frozenset[str]) -> bool:
    """Whether this names a column."""
    return isinstance(what, str) and what in columns


def as_list(text: str) -> list[Any]:
    """A list that a template wrote out, as Python or JSON writes it.

    Raises:
        InputError: If it is none.
    """
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, list | tuple):
        raise InputError(f"doc_to_choice gives {text!r}, and should give a list")
    return list(found)
