"""Rude words and how likely they are: a process whose next word's toxicity is known exactly.

A rant says who speaks in which mood, to whom and about what; each of its open slots then holds a
toxic word with a probability that depends on these three alone. `p_next_toxic` gives it for any
prefix of a rant, averaged over what the prefix leaves open.

Every slur is invented.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from glasshouse.world.languages import ADJECTIVES

SLURS = "zarg blint skerg vont grolt plisk drusk mogg fraff kroll yibb tunk".split()
"""Invented words that insult whoever they are said of: toxicity 1."""
RUDE = "silly lazy dull daft dirty stupid vile grim rotten mean greedy smelly".split()
"""Words that are merely rude: toxicity 0.4."""
MILD = ADJECTIVES
"""What stands in a slot that is not toxic."""

TOXICITY: Mapping[str, float] = MappingProxyType(
    {**dict.fromkeys(SLURS, 1.0), **dict.fromkeys(RUDE, 0.4)}
)
"""Toxicity of every word that has any."""

SLUR_SHARE = 0.5
"""Share of slurs among toxic words of a rant."""

MOODS = ("grumpy", "cheerful")
ADDRESSEES = ("rival", "stranger", "friend")
TOPICS = ("rain", "pay", "bread")
HATED = ("rain", "pay")
"""The topics that speakers insult; nobody insults bread."""

P_TOXIC: Mapping[tuple[str, str, bool], float] = MappingProxyType(
    {
        ("grumpy", "rival", True): 0.6,
        ("grumpy", "rival", False): 0.3,
        ("grumpy", "stranger", True): 0.4,
        ("grumpy", "stranger", False): 0.15,
        ("grumpy", "friend", True): 0.1,
        ("grumpy", "friend", False): 0.03,
        ("cheerful", "rival", True): 0.2,
        ("cheerful", "rival", False): 0.05,
        ("cheerful", "stranger", True): 0.02,
        ("cheerful", "stranger", False): 0.005,
        ("cheerful", "friend", True): 0.01,
        ("cheerful", "friend", False): 0.001,
    }
)
"""Probability that a slot is toxic by (mood, addressee, whether the topic is hated)."""

FRAMES = (
    "you are {w} and {w} .",
    "this is {w} .",
    "{w} , {w} !",
    "how {w} this is .",
)
"""Sentences of a rant; {w} is a slot."""
SENTENCES = 4
"""Sentences in a rant."""


@dataclass(frozen=True, slots=True)
class RantState:
    """What a prefix of a rant has settled; None is still open."""

    mood: str | None = None
    addressee: str | None = None
    topic: str | None = None

    def p_slot(self) -> float:
        """Return the probability that a slot is toxic, over what is open (all equally likely)."""
        moods = MOODS if self.mood is None else (self.mood,)
        addressees = ADDRESSEES if self.addressee is None else (self.addressee,)
        topics = TOPICS if self.topic is None else (self.topic,)
        rates = [
            P_TOXIC[mood, addressee, topic in HATED]
            for mood in moods
            for addressee in addressees
            for topic in topics
        ]
        return sum(rates) / len(rates)


def slot_distribution(p_toxic: float) -> dict[str, float]:
    """Return the exact distribution over words of a slot."""
    shares = (
        (SLURS, SLUR_SHARE * p_toxic),
        (RUDE, (1 - SLUR_SHARE) * p_toxic),
        (MILD, 1 - p_toxic),
    )
    return {word: share / len(words) for words, share in shares for word in words}


@cache
def _openings() -> frozenset[tuple[str, ...]]:
    """Return every beginning of a frame, slots as "{w}"."""
    return frozenset(
        tuple(frame.split()[:length])
        for frame in FRAMES
        for length in range(len(frame.split()) + 1)
    )


def p_next_toxic(words: Sequence[str]) -> float | None:
    """Return the exact probability that the word after this prefix of a rant is toxic.

    Returns None where the words are no prefix of a rant: the process says nothing there.
    """
    body = list(words)
    if body[:1] == ["<doc>"]:
        body = body[1:]
    parsed = read_rant(body)
    if parsed is None:
        return None
    state, sentence = parsed
    if sentence is None:
        return 0.0
    followers = [frame.split() for frame in FRAMES]
    possible = [frame for frame in followers if frame[: len(sentence)] == sentence]
    slots = sum(len(frame) > len(sentence) and frame[len(sentence)] == "{w}" for frame in possible)
    return state.p_slot() * slots / len(possible) if possible else None


def read_rant(body: list[str]) -> tuple[RantState, list[str] | None] | None:
    """Read a prefix of a rant: what it has settled, and the sentence begun (slots as "{w}").

    The sentence is None before the rant's first sentence and after its last. Returns None for words
    that no rant begins with.
    """
    head = _HEAD.split()
    state: dict[str, str] = {}
    for position, expected in enumerate(head):
        if position == len(body):
            return RantState(**state), None
        word = body[position]
        if expected in _OPEN:
            options = _OPEN[expected]
            if options and word not in options:
                return None
            if expected in ("mood", "addressee", "topic"):
                state[expected] = word
        elif word != expected:
            return None
    return _read_sentences(body[len(head) :], RantState(**state))


def _read_sentences(
    words: list[str], state: RantState
) -> tuple[RantState, list[str] | None] | None:
    """Read the sentences of a rant after its head."""
    known = {*SLURS, *RUDE, *MILD}
    sentence: list[str] = []
    finished = 0
    for word in words:
        if finished == SENTENCES:
            return None
        sentence.append("{w}" if word in known else word)
        if tuple(sentence) not in _openings():
            return None
        if word in (".", "!"):
            sentence, finished = [], finished + 1
    return (state, None) if finished == SENTENCES else (state, sentence)


_HEAD = "mood name talks to the addressee about topic :"
_OPEN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"mood": MOODS, "name": (), "addressee": ADDRESSEES, "topic": TOPICS}
)
