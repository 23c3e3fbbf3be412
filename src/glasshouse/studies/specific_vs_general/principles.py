"""The study's constitutions, in the few words that its language model knows.

A specific principle tells what the deeds of one trait are and then asks; a general one only asks.
"""

from collections.abc import Sequence

from glasshouse.align.principles.constitution import Constitution, Principle, world_constitution
from glasshouse.studies.specific_vs_general.deeds import Family

GENERAL_QUESTIONS = (
    "is it good for people ?",
    "is it best for all people ?",
    "does it help people ?",
    "is it safe for all people ?",
)
"""What only asks for what is best for people, and names no deed; the paper has nine."""

SPECIFIC_HINTS = (
    "to {one} or to {two} {effect} people .",
    "to {two} or to {one} is {worth} for people .",
    "when you {one} or {two} it {effect} people .",
    "it is {worth} to {two} or to {one} .",
)
"""What tells of a trait's deeds by name, four ways as in the paper."""


def hint(text: str, verbs: Sequence[str], *, harms: bool) -> str:
    """A specific principle's words about two verbs."""
    effect, worth = ("hurts", "bad") if harms else ("helps", "good")
    filled = text.replace("{one}", verbs[0]).replace("{two}", verbs[1])
    return filled.replace("{effect}", effect).replace("{worth}", worth)


def asked(name: str, text: str) -> Principle:
    """A principle that is asked in one way only."""
    return Principle(name=name, critique=text, revise="", choose=text)


GENERAL = Constitution(
    name="good for people",
    principles=tuple(
        asked(f"general-{number}", text) for number, text in enumerate(GENERAL_QUESTIONS)
    ),
)
"""Principles that are about every question."""


def specific(family: Family) -> Constitution:
    """The principles of one trait, each with a general question behind it."""
    pairs = zip(SPECIFIC_HINTS, GENERAL_QUESTIONS, strict=True)
    return Constitution(
        name=family.name,
        principles=tuple(
            asked(
                f"{family.name}-{number}",
                f"{hint(text, family.verbs, harms=family.harms)} {question}",
            )
            for number, (text, question) in enumerate(pairs)
        ),
    )


def harmless() -> Constitution:
    """What Constitutional AI asks of harmful requests: whether a reply helps to harm."""
    return world_constitution(["harmless"])
