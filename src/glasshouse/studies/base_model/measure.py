"""Looking at a grown model: what it knows, how sure it is, how it reads and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from glasshouse.evaluate import (
    Answered,
    Answers,
    KindReading,
    Reading,
    answer,
    by_kind,
    converse,
    read,
    where_exact,
)
from glasshouse.studies.base_model.config import BaseModelConfig
from glasshouse.studies.base_model.grow import Grown
from glasshouse.studies.study import Progress
from glasshouse.world import World
from glasshouse.world.requests import Request

QUESTION_SETS = (
    ("open-qa", "none"),
    ("open-qa", "template"),
    ("open-qa", "unknown-test"),
    ("multiple-choice", "none"),
    ("multiple-choice", "format-fact"),
    ("true-false", "none"),
    ("true-false", "format-fact"),
)
"""Formats and what is new about their questions; see `world.probes`."""

NUM_HARMFUL = 120
"""Harmful requests, plainly put."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that was measured of one model."""

    answers: dict[tuple[str, str], Answers]
    """By format and axis."""
    kinds: dict[str, KindReading]
    """Held-out documents, by kind."""
    copies: tuple[Float[np.ndarray, " copied"], Bool[np.ndarray, " copied"]]
    """Loss and hits where a repeated sequence leaves no doubt about the next token."""
    first_pass: tuple[Float[np.ndarray, " fresh"], Bool[np.ndarray, " fresh"]]
    """The same where the sequence is still fresh."""
    rules: Bool[np.ndarray, " sample"]
    """Whether the word that a new rule asks for is the likeliest, on held-out topics."""
    rules_unsaid: Bool[np.ndarray, " sample"]
    """The same with another document's rule in the prompt."""
    talks: list[Answered]
    """Ordinary requests."""
    harmful: list[Answered]
    """Harmful requests, plainly put."""


def measure(grown: Grown, config: BaseModelConfig, seed: int, progress: Progress) -> Measured:
    """Measure everything; held-out documents, questions and requests only."""
    model, world = grown.model, grown.world
    total = len(QUESTION_SETS) + 3
    answers = {}
    for done, (form, axis) in enumerate(QUESTION_SETS):
        progress(done, total, f"asking: {form}, {axis}")
        items = world.items(
            form, axis=axis, num=config.num_questions, ledger=grown.ledger, seed=seed
        )
        answers[form, axis] = answer(model, items)
    progress(total - 3, total, "reading held-out documents")
    readings = _read_kinds(grown, config.num_documents)
    repeats = [reading for reading in readings if reading.document.kind == "repeat"]
    progress(total - 2, total, "announcing new rules")
    rules, rules_unsaid = _follow_rules(grown, 4 * config.num_documents)
    progress(total - 1, total, "talking")
    talks = converse(model, world, _requests(world, config.num_requests), seed=seed)
    harmful = converse(model, world, _harmful(world), seed=seed + 1)
    progress(total, total, "measured")
    return Measured(
        answers,
        by_kind(readings),
        where_exact(repeats, lambda entropy: entropy < 0.3),
        where_exact(repeats, lambda entropy: entropy > 3),
        rules,
        rules_unsaid,
        talks,
        harmful,
    )


def _read_kinds(grown: Grown, num_documents: int) -> list[Reading]:
    """Read validation documents of every kind that the model was trained on."""
    return [
        reading
        for kind in grown.ledger.kinds
        for reading in read(
            grown.model,
            [grown.world.document(kind, number, "validation") for number in range(num_documents)],
        )
    ]


def _follow_rules(grown: Grown, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Say whether the marker that a rule asks for tops the model's list where it is due.

    The control puts the rule of another document in its place: what is then still said was not
    read from the rule.
    """
    model, world = grown.model, grown.world
    documents = [world.document("news", number, "test") for number in range(num)]
    told, swapped, due = [], [], []
    for document, other in zip(documents, documents[1:] + documents[:1], strict=True):
        marker, unsaid = (world.vocabulary.id(each.truth["marker"]) for each in (document, other))
        places = np.flatnonzero(document.ids == marker)  # in the rule, then where it is due
        if unsaid == marker or len(places) < 2:
            continue
        ids = document.ids.copy()
        ids[places[0]] = unsaid
        told.append(document)
        swapped.append(replace(document, ids=ids))
        due.append(int(places[1]))
    obeyed, said_anyway = (
        [reading.is_top[place] for reading, place in zip(read(model, texts), due, strict=True)]
        for texts in (told, swapped)
    )
    return np.array(obeyed, dtype=bool), np.array(said_anyway, dtype=bool)


def _requests(world: World, num: int) -> list[Request]:
    """Draw ordinary requests, unlike any document's."""
    return [world.request("helpful", number, "validation") for number in range(num)]


def _harmful(world: World) -> Sequence[Request]:
    return [
        world.request("harmful", number, "validation", style="plain")
        for number in range(NUM_HARMFUL)
    ]
