"""What models and people said to each other."""

from datetime import datetime
from typing import Any

import msgspec

from glasshouse.notebook.sketch import sketch_of
from glasshouse.records import Record


class Turn(msgspec.Struct, frozen=True):
    """What one speaker said."""

    role: str
    """prompt, model, human, assistant, system, tool, …"""
    text: str
    extra: dict[str, Any] = {}
    """What is known of this turn: tool calls, its truth, a stop reason."""


class Transcript(Record, kw_only=True):
    """A completion, a dialogue, an episode, a sample of an evaluation."""

    id: str
    kind: str
    """completion, dialogue, evaluation, red-team, oversight, …"""
    created: datetime
    turns: list[Turn]
    """In order; what the text index holds."""
    run: str | None = None
    """The run that it is part of: an evaluation, a red team."""
    model: str = ""
    """Who answered: a checkpoint's or run's id, or a hub id."""
    policy: str = ""
    """What stood between the model and the answer: a prompt's name, best-of-16, steered by …"""
    sample: str = ""
    """Which question of a data set it answers."""
    epoch: int = 0
    """Which time the question was asked."""
    target: str | None = None
    """The right answer, where there is one."""
    score: float | None = None
    """The verdict of whoever scored it; `scores` has all of them."""
    scores: dict[str, float] = {}
    """By scorer or preference model: "exact_match", "gold_reward"."""
    truth: dict[str, Any] = {}
    """What the world knows of it: whether the request is harmful, the facts behind it."""
    seed: int | None = None
    sampling: dict[str, Any] = {}
    """Temperature and what else decided how it was drawn."""
    token_ids: list[int] = []
    """Of the answer."""
    logprobs: list[float] = []
    """Of the answer's tokens, in nats."""
    embedder: str = ""
    """What made the embedding; similarity is looked up among those of one embedder."""
    embedding: bytes | None = None
    """32-bit floats, little-endian, of any width."""
    sketch: bytes | None = None
    """Made of `embedding`; see `notebook.sketch`."""
    error: str | None = None
    """What went wrong, where something did."""
    tags: list[str] = []
    extra: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if self.sketch is None and self.embedding is not None:
            self.sketch = sketch_of(self.embedding)
