"""What shaping a model cost it: the same questions before and after.

Source:
    Bai et al. 2022 (2204.05862), section 4.6 and figures 3 and 28: zero-shot evaluations before and
    after RLHF; an "alignment tax" for small models, a bonus for large ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float

from glasshouse.align.judges.model import pad_right
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.world import World
from glasshouse.world.streams import Dice, stream

WELL_TOLD = 64
"""Statements of a fact in training from which on it is asked about."""


@runtime_checkable
class Measure(Protocol):
    """Asks a model the same items every time; one number an item, higher is better."""

    def __call__(self, model: LanguageModel) -> Float[np.ndarray, " item"]:
        """Return how well each item was done."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TaxRow:
    """One task before and after."""

    task: str
    """What was asked."""
    before: float
    """Mean over items."""
    after: float
    """Mean over the same items."""
    interval: tuple[float, float]
    """95% interval of after less before, by a bootstrap over items."""
    items: int
    """How many."""

    @property
    def change(self) -> float:
        """After less before: negative is a tax, positive a bonus."""
        return self.after - self.before


@dataclass(frozen=True, kw_only=True, slots=True)
class TaxReport:
    """A battery before and after, task by task."""

    rows: tuple[TaxRow, ...]
    """One a task, in the battery's order."""
    change: float
    """Mean change over tasks, each counting the same."""
    interval: tuple[float, float]
    """Its 95% interval."""


def tax_report(
    before: LanguageModel,
    after: LanguageModel,
    battery: Mapping[str, Measure],
    *,
    rng: np.random.Generator,
    resamples: int = 1000,
) -> TaxReport:
    """Ask two models the same questions.

    Args:
        before: As it was.
        after: As it is; measured on the very same items.
        battery: Tasks by name.
        rng: Draws resamples.
        resamples: Of the items, for intervals.

    Raises:
        InputError: If there is no task, or a task has no items or not the same for both.
    """
    if not battery:
        raise InputError("the battery has no task; give at least one")
    rows, changes = [], []
    for task, measure in battery.items():
        old, new = measure(before), measure(after)
        if not len(old) or len(old) != len(new):
            raise InputError(f"task {task!r} has {len(old)} items before and {len(new)} after")
        change = new - old
        drawn = change[rng.integers(len(change), size=(resamples, len(change)))].mean(axis=1)
        changes.append(drawn)
        rows.append(
            TaxRow(
                task=task,
                before=float(old.mean()),
                after=float(new.mean()),
                interval=_middle(drawn),
                items=len(old),
            )
        )
    return TaxReport(
        rows=tuple(rows),
        change=float(np.mean([row.change for row in rows])),
        interval=_middle(np.mean(changes, axis=0)),
    )


@dataclass(frozen=True, slots=True)
class Question:
    """A text and the one token that should follow it."""

    prompt: tuple[int, ...]
    """Token ids; not empty."""
    answer: int
    """The right next token."""


def next_token_measure(questions: Sequence[Question], *, batch: int = 128) -> Measure:
    """Share of questions whose right next token is the likeliest of all.

    Args:
        questions: What is asked.
        batch: Questions a pass.

    Raises:
        InputError: If there are no questions.
    """
    if not questions:
        raise InputError("there are no questions; give at least one")
    order = sorted(range(len(questions)), key=lambda place: len(questions[place].prompt))

    @torch.no_grad()
    def measure(model: LanguageModel) -> np.ndarray:
        right = np.zeros(len(questions))
        device = next(model.network.parameters()).device
        for start in range(0, len(order), batch):
            places = order[start : start + batch]
            ids, lengths = pad_right([questions[place].prompt for place in places])
            hidden = model.network.features(ids.to(device))
            logits = model.network.unembed(hidden[torch.arange(len(places)), lengths - 1])
            wanted = torch.tensor([questions[place].answer for place in places])
            right[places] = (logits.argmax(dim=1).cpu() == wanted).float().numpy()
        return right

    return measure


def world_battery(world: World, *, items: int = 200, seed: int = 0) -> dict[str, Measure]:
    """Facts, arithmetic, copying and reading, on texts of the world that training left out.

    Facts are asked as training asked them (they must have been told to be known); sums, copied
    lists and documents are of the validation split.

    Args:
        world: Whose.
        items: Questions of each task.
        seed: Draws them.
    """
    dice = Dice(stream(world.seed, "tax", seed))
    known = [one for one in world.items("open-qa", seed=seed) if one.exposures >= WELL_TOLD]
    facts = [Question(one.prompt, one.answer) for one in dice.shuffled(known)[:items]]
    return {
        "facts": next_token_measure(facts),
        "arithmetic": next_token_measure(_sums(world, items)),
        "copying": next_token_measure(_copies(world, items, dice)),
        "reading": next_token_measure(_reading(world, items, dice)),
    }


def _sums(world: World, items: int) -> list[Question]:
    """One sum a document, from its beginning."""
    equals, first = world.vocabulary.id("="), world.vocabulary.id("<doc>")
    found = []
    for number in range(items):
        ids = [int(token) for token in world.document("sums", number, "validation").ids]
        end = ids.index(equals)
        found.append(Question((first, *ids[1 : end + 1]), ids[end + 1]))
    return found


def _copies(world: World, items: int, dice: Dice) -> list[Question]:
    """A list that comes again, broken off in its second round."""
    found = []
    number = 0
    while len(found) < items:
        ids = [int(token) for token in world.document("repeat", number, "validation").ids]
        number += 1
        period = next((place for place in range(2, len(ids)) if ids[place] == ids[1]), 0) - 1
        if period < 4 or len(ids) < 2 * period + 1:
            continue
        cut = 1 + period + dice.between(2, period - 1)
        found.append(Question(tuple(ids[:cut]), ids[cut]))
    return found


def _reading(world: World, items: int, dice: Dice) -> list[Question]:
    """Documents of every kind of the base mix, broken off anywhere."""
    kinds = list(world.base_mix())
    found = []
    for number in range(items):
        kind = kinds[number % len(kinds)]
        ids = [int(t) for t in world.document(kind, number // len(kinds), "validation").ids[:100]]
        cut = dice.between(1, len(ids) - 1)
        found.append(Question(tuple(ids[:cut]), ids[cut]))
    return found


def _middle(drawn: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)
