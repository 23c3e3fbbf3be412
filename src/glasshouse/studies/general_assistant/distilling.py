"""Context distillation: a student without the prompt beside a teacher with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from glasshouse.align.distilling.prompts import Prefix
from glasshouse.align.distilling.store import TeacherStore, open_store, store_teacher
from glasshouse.align.distilling.students import DistillationConfig, divergence_of, train_student
from glasshouse.models import LanguageModel
from glasshouse.studies.general_assistant.asked import requests
from glasshouse.studies.general_assistant.config import DistillingConfig
from glasshouse.world import World
from glasshouse.world.personas import PERSONAS
from glasshouse.world.streams import stream

_AT_ONCE = 64
"""Texts read at once."""
Fresh = Callable[[], LanguageModel]
"""A copy of a base, to be trained."""


@dataclass(frozen=True, slots=True)
class Distilled:
    """A student and how near it has come to teachers, on texts that it was not trained on."""

    model: LanguageModel
    losses: tuple[float, ...]
    """KL of each step's batch, in nats a token."""


@dataclass(frozen=True, slots=True)
class Distance:
    """KL from a teacher, text by text: the sum over tokens, in nats."""

    base: Float[np.ndarray, " text"]
    student: Float[np.ndarray, " text"]
    tokens: Int[np.ndarray, " text"]

    def gap_closed(self, drawn: Int[np.ndarray, " draw"] | None = None) -> float:
        """1 - KL(teacher || student) / KL(teacher || base), over all texts or those drawn."""
        at = slice(None) if drawn is None else drawn
        return 1 - float(self.student[at].sum() / self.base[at].sum())

    @property
    def before(self) -> float:
        """KL from the teacher to the base, in nats a token."""
        return float(self.base.sum() / self.tokens.sum())


def distance(student: LanguageModel, base: LanguageModel, held_out: TeacherStore) -> Distance:
    """Compare a student, and the base, with a teacher on its held-out texts."""
    found: dict[str, list[float]] = {"student": [], "base": []}
    tokens: list[int] = []
    for start in range(0, len(held_out), _AT_ONCE):
        batch = held_out.batch(range(start, min(start + _AT_ONCE, len(held_out))))
        counts = batch.is_taught.sum(dim=1).tolist()
        tokens += counts
        for name, model in (("student", student), ("base", base)):
            with torch.no_grad():
                parts = divergence_of(model, batch).split(counts)
            found[name] += [float(part.double().sum()) for part in parts]
    return Distance(np.array(found["base"]), np.array(found["student"]), np.array(tokens))


def texts(world: World, config: DistillingConfig, *, split: str, count: int) -> list[list[int]]:
    """Half documents begun after a new human's mark, half requests with anybody's answer.

    Source:
        Bai et al. 2022 (2204.05862), appendix A.1, with the world's documents for pretraining text
        and its personas for the answers of StackExchange.
    """
    rng = stream(world.seed, "general-assistant", "distillation", split)
    shares = world.base_mix()
    kinds, personas = list(shares), list(PERSONAS.values())
    opening = world.vocabulary.encode("<doc> Human :")
    asked = requests(world, "distillation", split)
    found: list[list[int]] = []
    while len(found) < count:
        if len(found) % 2:
            request = next(asked)
            persona = rng.choice([one.name for one in personas], p=[one.share for one in personas])
            answer = world.answer(request, str(persona), int(rng.integers(1 << 20)))
            ids = world.vocabulary.encode(f"{request.prompt} {answer} <end>")
        else:
            kind = str(rng.choice(kinds, p=[shares[each] / sum(shares.values()) for each in kinds]))
            document = world.document(kind, int(rng.integers(1 << 40)), split)
            ids = (*opening, *(int(token) for token in document.ids[1:]))
        found.append(list(ids[: config.tokens]))
    return found


def teach(
    teacher: LanguageModel,
    prefix: Prefix,
    read: Sequence[Sequence[int]],
    folder: Path,
    *,
    kept: int,
) -> TeacherStore:
    """Fill a store, or find it filled."""
    for _ in store_teacher(teacher, prefix, read, folder, kept=kept):
        pass
    return open_store(folder)


def distil(
    fresh: Fresh,
    prefix: Prefix,
    read: Sequence[Sequence[int]],
    folder: Path,
    *,
    kept: int,
    config: DistillationConfig,
    tick: Callable[[], None],
) -> Distilled:
    """Teach a copy of a base to be as the base is behind a prefix.

    Args:
        fresh: Copies of the base.
        prefix: The prompt.
        read: Texts to learn from.
        folder: Where the store goes; what is there already is not computed again.
        kept: Likeliest tokens of each distribution.
        config: The run.
        tick: Called after every step.
    """
    base, student = fresh(), fresh()
    store = teach(base, prefix, read, folder, kept=kept)
    losses = []
    for step in train_student(student, store, config):
        losses.append(step.divergence)
        tick()
    return Distilled(student, tuple(losses))
