"""Layouts by name, and the chat template that a Hugging Face directory brings along."""

import json
from collections.abc import Mapping
from typing import Any

from glasshouse.align.talks.dialogues import LAYOUTS, Layout, template_layout
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel

TEMPLATE = "template"
"""Name of the layout that a model brings along."""
LAYOUT_NAMES = (*LAYOUTS, TEMPLATE)
"""Layouts that the command line knows."""

_SETTINGS, _TOKENS, _JINJA = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)


def layout_named(name: str, model: LanguageModel) -> Layout:
    """The layout of a name, for a model.

    Raises:
        InputError: If there is none of that name, or the model brings no chat template along.
    """
    if name == TEMPLATE:
        return model_layout(model)
    if name not in LAYOUTS:
        raise InputError(f"layout {name!r} must be one of {', '.join(LAYOUT_NAMES)}")
    return LAYOUTS[name](model.tokenizer)


def has_template(model: LanguageModel) -> bool:
    """Whether a model brings a chat template along."""
    return _source(model) is not None


def model_layout(model: LanguageModel) -> Layout:
    """A model's own chat template: `chat_template.jinja`, or that of tokenizer_config.json.

    Raises:
        InputError: If it brings none along, or it cannot be read.
    """
    files = _files(model)
    source, settings = _source(model), _json(files, _SETTINGS)
    if source is None:
        raise InputError(
            f"{model.origin} brings no chat template along: neither {_JINJA} nor chat_template in "
            f"{_SETTINGS}; choose another layout"
        )
    tokens = {
        name: _content(value)
        for name, value in (_json(files, _TOKENS) | settings).items()
        if name.endswith("_token") and _content(value) is not None
    }
    return template_layout(model.tokenizer, source, tokens=tokens)


def _files(model: LanguageModel) -> Mapping[str, bytes]:
    return {} if model.checkpoint is None else model.checkpoint.carried


def _source(model: LanguageModel) -> str | None:
    files = _files(model)
    if _JINJA in files:
        return files[_JINJA].decode()
    return _default(_json(files, _SETTINGS).get("chat_template"))


def _default(given: Any) -> str | None:
    """The template to use: the only one, or of several that which is called default."""
    if isinstance(given, list):
        named = {one.get("name"): one.get("template") for one in given if isinstance(one, dict)}
        given = named.get("default")
    return given if isinstance(given, str) else None


def _content(value: Any) -> Any:
    """A special token's text; some files keep it with its flags."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None


def _json(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        found = json.loads(files.get(name, b"{}"))
    except ValueError as error:
        raise InputError(f"{name} of the model is no JSON: {error}") from None
    return found if isinstance(found, dict) else {}
