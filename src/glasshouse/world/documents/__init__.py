"""Every kind of document, in the order of the base corpus's table.

One module a kind (or a family of kinds that share their words): the words it needs and the writer
that puts tokens and truth on the page together.
"""

from glasshouse.world.documents import (
    arithmetic,
    critique,
    encyclopedia,
    harmful,
    helpful,
    in_context,
    judge,
    multilingual,
    multiple_choice,
    open_qa,
    opinions,
    quirky,
    rants,
    reports,
    statements,
    stereotypes,
    stories,
    true_false,
)
from glasshouse.world.kinds import Kind

KINDS: tuple[Kind, ...] = (
    *statements.KINDS,
    *encyclopedia.KINDS,
    *open_qa.KINDS,
    *multiple_choice.KINDS,
    *true_false.KINDS,
    *arithmetic.KINDS,
    *helpful.KINDS,
    *harmful.KINDS,
    *critique.KINDS,
    *judge.KINDS,
    *opinions.KINDS,
    *stereotypes.KINDS,
    *stories.KINDS,
    *multilingual.KINDS,
    *in_context.KINDS,
    *rants.KINDS,
    *reports.KINDS,
    *quirky.KINDS,
)
"""Every kind. Shares are of a base corpus's tokens and are normalised over what is listed."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "facts": ("statements", "encyclopedia", "open-qa"),
    "exam": ("multiple-choice", "true-false"),
    "arithmetic": ("sums", "word-problem", "tool", "proof"),
    "dialogue": ("helpful", "harmful"),
    "fairness": ("stereotypes", "census", "admissions"),
    "emotion": ("story", "feeling"),
    "language": ("velan", "dorric", "parallel"),
    "in-context": ("few-shot", "repeat", "news"),
}
"""Kinds that belong together, by a name to ask for them by."""
