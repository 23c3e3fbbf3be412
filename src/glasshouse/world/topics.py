"""Texts about topics: every sentence has one, and every word's topic and place are known.

A text is a start token and sentences until it is full. Each text has two or three topics, drawn by
popularity (Zipf's law); each sentence has one of them, and a frame that says where function words,
nouns and verbs stand. Function words are common to all topics. Some nouns belong to two topics, so
that what they mean must be told from the words around them.

Source:
    Made for dictionaries of a language model's values ("Sparse autoencoders find highly
    interpretable features", 2309.08600; "Scaling monosemanticity", 2024): what a latent should
    stand for is known.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from glasshouse.errors import InputError

NOUN, VERB = "<noun>", "<verb>"
"""Places of a frame that a word of the topic takes."""

FRAMES = (
    ("the", NOUN, VERB, "a", NOUN, "."),
    ("some", NOUN, "of", "the", NOUN, "will", VERB, "."),
    ("if", "a", NOUN, "and", "a", NOUN, VERB, ",", "we", VERB, "it", "."),
    ("they", VERB, "with", NOUN, "."),
)
"""How sentences go."""

NO_TOPIC = -1
"""Of the start token."""

_LEAST, _MOST = 2, 3
"""Topics of a text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicTexts:
    """Texts with the truth of every token; places count from the start token."""

    ids: np.ndarray
    """Token ids, `text place`."""
    topic: np.ndarray
    """Topic of the sentence, `text place`; NO_TOPIC at the start."""
    slot: np.ndarray
    """Which place of which frame, `text place`, numbered through all frames; -1 at the start."""
    drawn: np.ndarray
    """Whether a text has a topic, `text topic`."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True)
class TopicWorld:
    """Words and chances; holds no randomness of its own."""

    topics: int = 16
    """Topics; topic 0 is the most popular."""
    nouns: int = 10
    """Nouns that a topic uses."""
    verbs: int = 6
    """Verbs that a topic uses, all its own."""
    shared: int = 2
    """Of a topic's nouns, how many the next topic uses too."""
    zipf: float = 1.0
    """Popularity of topic k is (k + 1) to the power of minus this."""
    length: int = 47
    """Tokens of a text after the first."""

    def __post_init__(self) -> None:
        if self.topics < _MOST:
            raise InputError(f"topics={self.topics} must be at least {_MOST}, as a text may have")
        if self.verbs < 1 or self.nouns < 1 or self.zipf < 0:
            raise InputError(
                f"nouns={self.nouns} and verbs={self.verbs} must be at least 1 and "
                f"zipf={self.zipf} not negative"
            )
        if not 0 <= 2 * self.shared <= self.nouns:
            raise InputError(
                f"shared={self.shared} must lie in [0, {self.nouns // 2}]: a noun has two topics "
                "at most"
            )
        if self.length < 1:
            raise InputError(f"length={self.length} must be at least 1")

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Every token, by id: the start, function words, nouns, verbs."""
        words = dict.fromkeys(word for frame in FRAMES for word in frame)
        own = self.nouns - self.shared
        return (
            "<start>",
            *(word for word in words if word not in (NOUN, VERB)),
            *(f"noun{topic}-{number}" for topic in range(self.topics) for number in range(own)),
            *(f"verb{topic}-{n}" for topic in range(self.topics) for n in range(self.verbs)),
        )

    @property
    def vocab_size(self) -> int:
        """How many tokens there are."""
        return len(self.vocabulary)

    @cached_property
    def popularity(self) -> np.ndarray:
        """The share of each topic, by which a text draws its first."""
        weights = np.arange(1, self.topics + 1) ** -float(self.zipf)
        return weights / weights.sum()

    def noun(self, topic: np.ndarray, number: np.ndarray) -> np.ndarray:
        """The ids of some topics' nouns; the last `shared` are the next topic's first."""
        own = self.nouns - self.shared
        is_shared = number >= own
        owner = np.where(is_shared, (topic + 1) % self.topics, topic)
        return self._first_noun + owner * own + np.where(is_shared, number - own, number)

    def verb(self, topic: np.ndarray, number: np.ndarray) -> np.ndarray:
        """The ids of some topics' verbs."""
        return self._first_verb + topic * self.verbs + number

    def topics_of(self, token: int) -> tuple[int, ...]:
        """The topics that use a token; none for function words."""
        if token < self._first_noun:
            return ()
        if token >= self._first_verb:
            return ((token - self._first_verb) // self.verbs,)
        own = self.nouns - self.shared
        owner, number = divmod(token - self._first_noun, own)
        before = (owner - 1) % self.topics
        return (owner, before) if number < self.shared else (owner,)

    def sample(self, count: int, rng: np.random.Generator) -> TopicTexts:
        """Draw texts."""
        drawn = self._draw_topics(count, rng)
        sentences = -(-self.length // min(len(frame) for frame in FRAMES))
        frames = rng.integers(len(FRAMES), size=(count, sentences))
        favour = np.where(drawn[:, None], rng.random((count, sentences, self.topics)), -1)
        topics = favour.argmax(axis=2)
        words = self._frame_words[frames]  # text sentence place
        shape = words.shape
        topic = np.broadcast_to(topics[:, :, None], shape)
        noun = self.noun(topic, rng.integers(self.nouns, size=shape))
        verb = self.verb(topic, rng.integers(self.verbs, size=shape))
        ids = np.select([words == _NOUN, words == _VERB], [noun, verb], words)
        kept = _first_kept((words != _NONE).reshape(count, -1), self.length)
        rows = np.arange(count)[:, None]
        ids, topic, slot = (
            np.concatenate([np.full((count, 1), first), part.reshape(count, -1)[rows, kept]], 1)
            for first, part in ((0, ids), (NO_TOPIC, topic), (-1, self._slots[frames]))
        )
        return TopicTexts(ids=ids, topic=topic, slot=slot, drawn=drawn)

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Names of what `features` says of every token."""
        places = [(f, p) for f, frame in enumerate(FRAMES) for p in range(len(frame))]
        return (
            *(f"topic={topic}" for topic in range(self.topics)),
            *(f"text-topic={topic}" for topic in range(self.topics)),
            *(f"slot={frame}.{place}:{FRAMES[frame][place]}" for frame, place in places),
            "is-noun",
            "is-verb",
        )

    def features(self, texts: TopicTexts) -> np.ndarray:
        """What is true of every token: topic of sentence and text, place in the frame, part.

        Returns:
            `text place feature`, true or false, in the order of `feature_names`.
        """
        slots = np.arange(sum(map(len, FRAMES)))
        drawn = np.repeat(texts.drawn[:, None], texts.ids.shape[1], axis=1)
        is_verb = texts.ids >= self._first_verb
        is_noun = (texts.ids >= self._first_noun) & ~is_verb
        return np.concatenate(
            [
                texts.topic[..., None] == np.arange(self.topics),
                drawn,
                texts.slot[..., None] == slots,
                is_noun[..., None],
                is_verb[..., None],
            ],
            axis=2,
        )

    @cached_property
    def _first_noun(self) -> int:
        return self.vocabulary.index("noun0-0")

    @cached_property
    def _first_verb(self) -> int:
        return self.vocabulary.index("verb0-0")

    @cached_property
    def _frame_words(self) -> np.ndarray:
        """Ids of each frame's words, `frame place`; negative for what is drawn or not there."""
        known = {NOUN: _NOUN, VERB: _VERB}
        rows = [[known.get(w) or self.vocabulary.index(w) for w in frame] for frame in FRAMES]
        return _padded(rows)

    @cached_property
    def _slots(self) -> np.ndarray:
        """A number for each place of each frame, `frame place`."""
        ends = np.cumsum([0, *map(len, FRAMES)])
        return _padded([list(range(a, b)) for a, b in pairwise(ends)])

    def _draw_topics(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Which topics each text has, drawn one after the other without putting any back."""
        # The largest of log share plus Gumbel noise are such a draw.
        order = np.argsort(-(np.log(self.popularity) + rng.gumbel(size=(count, self.topics))), 1)
        many = rng.integers(_LEAST, _MOST + 1, size=count)
        rank = np.argsort(order, axis=1)
        return rank < many[:, None]


_NOUN, _VERB, _NONE = -1, -2, -3


def _padded(rows: list[list[int]]) -> np.ndarray:
    found = np.full((len(rows), max(map(len, rows))), _NONE)
    for number, row in enumerate(rows):
        found[number, : len(row)] = row
    return found


def _first_kept(is_word: np.ndarray, count: int) -> np.ndarray:
    """The first places that hold words, in order, `text count`."""
    return np.argsort(~is_word, axis=1, kind="stable")[:, :count]
