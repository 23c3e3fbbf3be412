"""All that the study measures, before anything is judged."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from glasshouse.align.judges.traits import PersonaItem, WinRate
from glasshouse.studies.specific_vs_general.config import SpecificConfig
from glasshouse.studies.specific_vs_general.policies import Behaviour, Course

HELP, HH = "helpful, people", "helpful and harmless, people"
TRAIT, SPECIAL, BROAD = "by trait principles", "general, special set", "general, broad set"
UNTOLD_TRAIT, UNTOLD_GENERAL = "by trait principles, worth untold", "general, worth untold"
DEALT = "general, broad set, labels dealt"
"""Names of preference models; "untold" ones begin as a model that read no deed's worth."""

LEARNED, KEPT, HELD_OUT, ALL_TRAINED, NEW_PHRASE = (
    "trained traits, learned verbs",
    "trained traits, held-out verbs",
    "held-out traits",
    "trained traits, all verbs",
    "trained traits, held-out phrasing",
)
"""Names of sets of questions."""

RL_GENERAL, RL_CONSTITUTION, RL_START, RL_HELP = (
    "general + helpful",
    "constitutional",
    "start",
    "helpful only",
)
"""Names of policies."""

UNUSED_HARM, HELD_OUT_HARM = "trained harms, fresh pairs", "held-out harms"
"""Names of sets of harm pairs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """How good a feedback model's labels are, by the truth."""

    questions: str
    """Which pairs."""
    principles: str
    """By what they were judged."""
    right: float
    """Share whose better reply got more than a half."""
    sure: float
    """Mean probability of the likelier reply."""
    pairs: int
    """How many have a better reply."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Generator:
    """A policy whose replies were compared, and what was learned from them."""

    size: str
    updates: int
    diversity: float
    """How often two replies to one question differ."""
    wins: Float[np.ndarray, " item"]
    """What a preference model of general feedback on them wins, of the items on trained traits."""
    dealt: Float[np.ndarray, " item"]
    """The same with labels dealt at random."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaled:
    """General feedback at one size."""

    size: str
    parameters: int
    judge: float
    """Share of its labels on special questions that are right."""
    learned: WinRate
    """Of its preference model on trained traits."""
    held_out: WinRate
    """And on held-out ones."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Seen:
    """Everything measured with one seed."""

    config: SpecificConfig
    seed: int
    gates: Mapping[str, tuple[float, bool]]
    """The base's gates: measured, and whether passed."""
    labels: tuple[Labels, ...]
    """How good the labels are."""
    questions: Mapping[str, tuple[PersonaItem, ...]]
    """Sets of yes-or-no questions, by name."""
    wins: Mapping[tuple[str, str], Float[np.ndarray, " item"]]
    """By preference model and set of questions: whether each item was won."""
    table: Mapping[tuple[str, str], WinRate]
    """The same as win rates."""
    harm: Mapping[tuple[str, str], Float[np.ndarray, " pair"]]
    """By preference model and set of harm pairs: whether the less harmful reply won."""
    scaled: tuple[Scaled, ...]
    """General feedback by size."""
    generators: tuple[Generator, ...]
    """Policies whose replies were compared."""
    policies: Mapping[str, Behaviour]
    """What policies say."""
    courses: Mapping[str, Course]
    """How they were trained."""
    ablation: tuple[tuple[str, float, float], ...]
    """Principles left out: name, share of labels right, agreement with all principles' labels."""
    losses: Mapping[str, tuple[float, ...]]
    """Of schooling, by model."""
    seconds: Mapping[str, float]
    """CPU time of each part, for tables; it is no result."""
