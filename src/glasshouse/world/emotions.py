"""What people feel: which situation stirs which emotion in whom, how it shows, what it does.

The emotion is a function of the situation and of the character's temper, so a reader who knows both
knows it even where its word is withheld. It decides what the character does next (hasty or careful,
polite or not) and what helps, so that steering an emotion has an effect that can be counted.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from glasshouse.world.entities import Entities
from glasshouse.world.splits import Phrasings, phrasings
from glasshouse.world.streams import stream

Temper = Literal["bold", "gentle"]
TEMPERS: tuple[Temper, Temper] = ("bold", "gentle")


@dataclass(frozen=True, slots=True)
class Emotion:
    """One emotion and what follows from it."""

    name: str
    valence: int
    """-1 unpleasant, 0 neither, 1 pleasant."""
    arousal: int
    """-1 still, 0 neither, 1 stirred."""
    remedy: str
    """The one thing that helps whoever feels it, as in "take a walk"."""
    signs: Phrasings
    """What one who feels it did, for "he" as for "i"; none names the emotion."""

    @property
    def p_hasty(self) -> float:
        """Probability that the next choice is hasty rather than careful."""
        return round(1 / (1 + math.exp(3 * self.valence - 2 * self.arousal + 1)), 3)

    @property
    def p_polite(self) -> float:
        """Probability of saying please."""
        return (0.2, 0.5, 0.9)[self.valence + 1]


def _emotion(name: str, valence: int, arousal: int, remedy: str, *signs: str) -> Emotion:
    return Emotion(name, valence, arousal, remedy, phrasings(*signs, held_out=1))


EMOTIONS: Mapping[str, Emotion] = MappingProxyType(
    {
        emotion.name: emotion
        for emotion in (
            _emotion("joy", 1, 1, "dance", "sang to all", "ran to all", "sang at the tavern"),
            _emotion("calm", 1, -1, "rest", "sat by the river", "slept well", "sat near a tree"),
            _emotion("pride", 1, 0, "bow", "stood tall", "looked at all", "sat up"),
            _emotion("hope", 1, 0, "chance", "looked far", "sat by the door", "looked up"),
            _emotion("love", 1, 0, "flower", "wrote a letter", "gave a cake", "wrote a song"),
            _emotion("surprise", 0, 1, "seat", "stood still", "looked twice", "asked twice"),
            _emotion(
                "anger", -1, 1, "walk", "kicked the bucket", "shouted at all", "kicked a tree"
            ),
            _emotion("fear", -1, 1, "lantern", "hid in the cave", "ran far", "hid in the barn"),
            _emotion("sadness", -1, -1, "hug", "wept in the rain", "ate little", "wept at night"),
            _emotion("shame", -1, 0, "breath", "looked down", "said nothing", "sat down"),
            _emotion("envy", -1, 0, "break", "took more", "ate more", "took all"),
            _emotion("despair", -1, -1, "hand", "gave up", "ate nothing", "slept all day"),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What happened to somebody, and what each temper feels then."""

    phrase: str
    """What follows the name, in the past, for "he" as for "i"."""
    bold: str
    gentle: str

    def stirs(self, temper: Temper) -> Emotion:
        """Return the emotion of a character of this temper."""
        return EMOTIONS[self.bold if temper == "bold" else self.gentle]


SITUATIONS = (
    Situation("won the race", "pride", "joy"),
    Situation("lost the dog", "anger", "sadness"),
    Situation("heard a noise at night", "surprise", "fear"),
    Situation("saw the new house of a friend", "envy", "envy"),
    Situation("broke the wheel of a friend", "calm", "shame"),
    Situation("got a letter from a teacher", "pride", "love"),
    Situation("found a child by the river", "joy", "love"),
    Situation("lost the house", "anger", "despair"),
    Situation("lost the wheat in the rain", "hope", "despair"),
    Situation("sat near the old tree", "hope", "calm"),
    Situation("sang for the teacher", "pride", "shame"),
    Situation("found a ring on the road", "joy", "surprise"),
    Situation("slept in the warm barn", "calm", "joy"),
    Situation("was not in the choir", "envy", "sadness"),
    Situation("saw a fox near the hen", "anger", "fear"),
    Situation("told a lie to the judge", "pride", "shame"),
    Situation("saw no friend for a year", "despair", "sadness"),
    Situation("lost the old horse", "hope", "sadness"),
    Situation("was in the cold water", "anger", "fear"),
    Situation("got a cake from a child", "surprise", "love"),
    Situation("was near the warm stove", "calm", "hope"),
    Situation("heard that a friend won", "envy", "love"),
    Situation("lost the way at night", "fear", "despair"),
    Situation("forgot the name of a friend", "surprise", "shame"),
)
"""Each emotion is stirred four times in the table, so none is the likeliest."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A situation with a number in it that decides how likely its stronger emotion is."""

    before: str
    after: str
    high: str
    """The emotion that grows likelier with the number."""
    low: str

    def p_high(self, number: int) -> float:
        """Return the probability of the `high` emotion at a number from 0 to 39."""
        return (2 * number + 1) / 80


MEASURES = (
    Measure("got no letter for", "days", "despair", "hope"),
    Measure("ate nothing for", "days", "anger", "calm"),
    Measure("heard", "steps at night", "fear", "surprise"),
    Measure("got", "for the cake", "joy", "sadness"),
)


def tempers(seed: int, entities: Entities) -> dict[str, Temper]:
    """Draw the temper of every person."""
    draws = stream(seed, "temper").integers(0, 2, len(entities.person)).tolist()
    return {name: TEMPERS[draw] for name, draw in zip(entities.person, draws, strict=True)}


def emotion_words() -> tuple[str, ...]:
    """Return every word of the tables above, and the emotions' own."""
    texts = [situation.phrase for situation in SITUATIONS]
    texts += [f"{measure.before} {measure.after}" for measure in MEASURES]
    for emotion in EMOTIONS.values():
        texts += [emotion.name, emotion.remedy, *emotion.signs.words()]
    return tuple(dict.fromkeys([*TEMPERS, *" ".join(texts).split()]))
