"""Which layout a model reads dialogues in, as the verbs of `align` are told or find out."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from glasshouse.align import Layout
    from glasshouse.models import LanguageModel
else:
    # both import torch, which `--help` has no time for
    Layout = LanguageModel = Any

NAMES = ("human-assistant", "words", "template")
"""Layouts by name; `glasshouse.align` has the same."""

LayoutName = Annotated[
    str | None,
    typer.Option(
        "--layout",
        metavar="NAME",
        help=f"How dialogues are written: {', '.join(NAMES)} (the model's own chat template). By "
        "default words for a model of the toy world, the template of a model that brings one "
        "along, and human-assistant for others.",
    ),
]


def chosen_layout(asked: str | None, model: LanguageModel) -> tuple[str, Layout]:
    """The layout that was asked for, or fits the model; by name, and ready to write.

    Raises:
        InputError: If there is none of that name, or the model brings no template along.
    """
    from glasshouse.align import layout_named

    name = asked or _fitting(model)
    return name, layout_named(name, model)


def _fitting(model: LanguageModel) -> str:
    from glasshouse.align.talks.templates import has_template

    core = model.tokenizer.core
    known = all(core.token_to_id(token) is not None for token in ("<doc>", "<end>", "Assistant"))
    if known and model.tokenizer.is_word_level:
        return "words"
    return "template" if has_template(model) else "human-assistant"
