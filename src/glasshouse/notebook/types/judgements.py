"""What somebody, or something, thought of what a model did."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from glasshouse.records import Record


class Choice(StrEnum):
    """Which of two."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"


class Comparison(Record, kw_only=True):
    """Which of two answers is better: what preference models learn and Elo is computed from."""

    id: str
    created: datetime
    choice: Choice
    first: str
    """The id of a transcript."""
    second: str
    rater: str = ""
    """Who chose: "gold", a crowd worker's pseudonym, a model's id."""
    run: str | None = None
    """The run that it was made in."""
    aspect: str = ""
    """What was asked: helpful, harmless, honest."""
    margin: float | None = None
    """How sure: a grade, or log p(first) - log p(second) in nats."""
    first_model: str = ""
    """Who made the first answer, for tournaments."""
    second_model: str = ""
    truth: Choice | None = None
    """Which is better by the world's gold reward."""
    split: str = ""
    """train, held-out, …"""
    reason: str = ""
    tags: list[str] = []
    extra: dict[str, Any] = {}


class Rating(Record, kw_only=True):
    """One number for one thing."""

    id: str
    created: datetime
    of: str
    """The id of what is rated: a transcript, a feature, an attack."""
    value: float
    rater: str = ""
    run: str | None = None
    aspect: str = ""
    """What was asked."""
    scale: str = ""
    """What the numbers mean: "1-5", "probability", "nats"."""
    truth: float | None = None
    """What it should have been."""
    reason: str = ""
    tags: list[str] = []
    extra: dict[str, Any] = {}
