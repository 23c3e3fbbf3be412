"""Texts whose words betray a hidden state: a small world with a state behind every word.

A state lies on a circle; its valence is the cosine and its arousal the sine of its angle. Whoever
writes is in one state and draws words of the topic, words that are pleasant or not, words that are
stirred or still, and words that only this state uses. What is done at the end of a text (`ACTS`)
depends on the state of whoever wrote last, and on nothing else.

Here are the words and the chances; `mood_texts` writes the texts.

Source:
    Made for latent-state analogues of "Emotion concepts and their function in a large language
    model" (2604.07729).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from glasshouse.errors import InputError

STATES = (
    "glad",
    "happy",
    "excited",
    "alert",
    "tense",
    "desperate",
    "miserable",
    "sad",
    "bored",
    "sleepy",
    "relaxed",
    "calm",
)
"""Every 30 degrees from pleasant (0) over stirred (90) and unpleasant (180) to still (270)."""

NO_STATE = -1
"""Of a text that shows none: valence and arousal are 0."""


@dataclass(frozen=True, slots=True)
class Act:
    """A question at the end of a text, and how likely each answer is in a state."""

    ask: str
    """The token that asks."""
    answers: tuple[str, ...]
    """The tokens that may follow."""
    weights: tuple[tuple[float, float, float], ...]
    """For each answer, its logit: a constant, per valence, per arousal."""

    def chances(self, valence: np.ndarray, arousal: np.ndarray) -> np.ndarray:
        """Probability of each answer, `... answer`."""
        logits = np.stack([c + v * valence + a * arousal for c, v, a in self.weights], axis=-1)
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return shares / shares.sum(axis=-1, keepdims=True)


ACTS: Mapping[str, Act] = MappingProxyType(
    {
        "act": Act("<act>", ("<bad>", "<good>"), ((-1, -3, 2), (0, 0, 0))),
        "task": Act("<task>", ("<cheat>", "<honest>"), ((-1, -2, 3), (0, 0, 0))),
        "answer": Act(
            "<answer>", ("<agree>", "<hostile>", "<plain>"), ((-1, 3, 0), (-1, -3, 1), (0, 0, 0))
        ),
    }
)
"""What may be asked; each has a plane of its own over valence and arousal."""

TEMPLATES = (("miserable", "glad"), ("tense", "relaxed"), ("excited", "bored"), ("happy", "sad"))
"""States behind a number: the first grows likelier with it, the second less likely."""

NUMBERS = 10
"""Graded number tokens, 0 to 9."""

MANNERS = ("<echo>", "<turn>", "<either>")
"""How a reply's state follows from the user's: the same; a quarter of the circle on; the same half
of the time and otherwise any."""

_MARKS = (
    *("<start>", "<story>", "<other>", "<user>", "<assistant>", "<feel>", "<idle>"),
    *("<choose>", "<pick>", "<first>", "<second>"),
)


@dataclass(frozen=True, kw_only=True)
class MoodWorld:
    """Words and chances; holds no randomness of its own."""

    topics: int = 10
    """Things texts are about."""
    items: int = 32
    """Things that can be chosen; item i is felt about as in state i modulo 12."""
    length: int = 48
    """Tokens of a text after the first."""
    shares: tuple[float, float, float, float] = (0.35, 0.15, 0.15, 0.20)
    """Of words of topic, valence, arousal and state; the rest is neutral."""
    topic_words: int = 6
    """Words of each topic."""
    side_words: int = 8
    """Words of each side of valence and of arousal."""
    state_words: int = 6
    """Words of each state."""
    neutral_words: int = 16
    """Words that say nothing."""

    def __post_init__(self) -> None:
        if self.length < 32:
            raise InputError(f"length={self.length} must be at least 32, for two speakers to fit")
        if sum(self.shares) >= 1 or min(self.shares) < 0:
            raise InputError(f"shares={self.shares} must be positive and leave room for the rest")
        for name in ("topics", "topic_words", "side_words", "state_words", "neutral_words"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} must be at least 1")
        if self.items < 2:
            raise InputError(f"items={self.items} must be at least 2, to choose between")

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Every token, by id."""
        answers = [token for act in ACTS.values() for token in (act.ask, *act.answers)]
        sides = ("pleasant", "unpleasant", "stirred", "still")
        return (
            *_MARKS,
            *MANNERS,
            *answers,
            *(f"<count{number}>" for number in range(len(TEMPLATES))),
            *(str(number) for number in range(NUMBERS)),
            *_numbered(["item"], self.items),
            *_numbered([f"topic{number}-" for number in range(self.topics)], self.topic_words),
            *_numbered(sides, self.side_words),
            *_numbered(STATES, self.state_words),
            *_numbered(["neutral"], self.neutral_words),
        )

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.vocabulary)}

    def id(self, token: str) -> int:
        """The id of a token.

        Raises:
            InputError: If the world has no such token.
        """
        if token not in self._ids:
            raise InputError(f"the mood world has no token {token!r}")
        return self._ids[token]

    @property
    def vocab_size(self) -> int:
        """How many tokens there are."""
        return len(self.vocabulary)

    def words_of(self, state: int) -> range:
        """The ids of the words that only one state uses."""
        first = self.id(f"{STATES[state]}0")
        return range(first, first + self.state_words)

    @property
    def telling(self) -> range:
        """The ids of all words that tell of a state: of either side, and the states' own."""
        return range(self.id("pleasant0"), self.id("neutral0"))

    def item_states(self) -> np.ndarray:
        """The state in which each item is felt about."""
        return np.arange(self.items) % len(STATES)

    def draw_words(
        self, states: np.ndarray, topics: np.ndarray, hide: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """One word for every place.

        Args:
            states: State of whoever writes, `text place`; NO_STATE writes of the topic only.
            topics: Topic of each text.
            hide: Whether a text leaves out the words of its state.
            rng: Where draws come from.
        """
        shape = states.shape
        valence, arousal = coordinates(states)
        which = rng.random(shape)
        bounds = np.cumsum(self.shares)
        neutral = self.id("neutral0") + rng.integers(self.neutral_words, size=shape)
        topic = topics[:, None] * self.topic_words + rng.integers(self.topic_words, size=shape)
        side = rng.integers(self.side_words, size=shape)
        is_low = rng.random(shape)
        pleasant = self.id("pleasant0") + side + self.side_words * (is_low > (1 + valence) / 2)
        stirred = self.id("stirred0") + side + self.side_words * (is_low > (1 + arousal) / 2)
        own = self.id("glad0") + states * self.state_words
        own = own + rng.integers(self.state_words, size=shape)
        has_state = states != NO_STATE
        return np.select(
            [
                which < bounds[0],
                has_state & (which < bounds[1]),
                has_state & (which >= bounds[1]) & (which < bounds[2]),
                has_state & (which >= bounds[2]) & (which < bounds[3]) & ~hide[:, None],
            ],
            [self.id("topic0-0") + topic, pleasant, stirred, own],
            neutral,
        )


def coordinates(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Valence and arousal of states; both 0 where there is none."""
    angle = 2 * math.pi * np.asarray(states) / len(STATES)
    is_real = np.asarray(states) != NO_STATE
    return np.asarray(np.cos(angle) * is_real), np.asarray(np.sin(angle) * is_real)


def prefers(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The chance that an item in the first state is chosen before one in the second."""
    gap = coordinates(first)[0] - coordinates(second)[0]
    return np.asarray(1 / (1 + np.exp(-4 * gap)))


def _numbered(stems: tuple[str, ...] | list[str], count: int) -> list[str]:
    return [f"{stem}{number}" for stem in stems for number in range(count)]
