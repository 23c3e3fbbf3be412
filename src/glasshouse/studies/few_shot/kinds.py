"""The kinds of example that documents hold, and the vocabulary that all of them are written in.

A document is a beginning, the name of its kind or `some`, and examples of that kind until it is
full. A token is a letter, a digit, a mark or a name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from glasshouse.corpora.hidden_function import FUNCTIONS
from glasshouse.evaluate.few_shot.generators.unscrambling import (
    anagram,
    cycle_letters,
    reversed_words,
)
from glasshouse.world.streams import Dice, stream

NAME = "few-shot"
BEGIN, UNNAMED, BLANK, FILL = "<begin>", "some", "_", "~"
LETTERS = tuple("abcdefghij")
"""Of analogies; the first `ALPHABET` of them of hidden functions too."""
ALPHABET = 6
"""Letters of hidden functions: fewer are sooner learned, and leave more for a second example."""
SPELT = tuple("klmnopqrstuvwxyz")
"""Of words that are spelt, and the words of sentences."""
CLASSES = tuple("ABCDE")
"""What an invented word may be."""
MARKS = tuple(",!/;")
"""What random insertion puts between letters."""
RELATIONS = 4
"""Between the two terms of an analogy."""
CHOICES = 5
"""Answers that an analogy offers."""

SUMS = ("add1", "add2", "add3")
SCRAMBLED = ("cycle", "anagram1", "anagram2", "insertion", "reversed")
CLOZE = ("sentences", "blanks")
KINDS = (*FUNCTIONS, *SUMS, *SCRAMBLED, "words", "novel", *CLOZE, "analogies")
"""All of them; a function is a kind of its own."""

VOCABULARY = (
    *LETTERS,
    *SPELT,
    *CLASSES,
    *"0123456789",
    *MARKS,
    *">.+:=",
    BLANK,
    FILL,
    *KINDS,
    UNNAMED,
    BEGIN,
)
"""Every token, its id its place."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question and its answer, as words with spaces between."""

    question: str
    """Up to where the answer begins."""
    answer: str
    """With the stop behind it."""
    choices: tuple[str, ...] = ()
    """All answers that are offered, if there is a choice."""


Draw = Callable[[Dice], Example]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lexicon:
    """What a seed's documents have in common, to be learned by heart."""

    words: tuple[str, ...]
    """Words that are known and seen scrambled."""
    unscrambled: tuple[str, ...]
    """Words that are known, and are only ever read as they are."""
    relations: tuple[Mapping[str, str], ...]
    """For each relation of analogies, the second term of each first one."""


def lexicon_of(seed: int, *, words: int, unscrambled: int) -> Lexicon:
    """Draw the words of a seed, three syllables each, and its relations."""
    dice = Dice(stream(seed, NAME, "lexicon"))
    found: dict[str, None] = {}
    while len(found) < words + unscrambled:
        word = "".join(dice.pick("klmnprst") + dice.pick("ouq") for _ in range(3))
        if len(set(word[1:4])) > 1 and word != word[::-1]:
            found.setdefault(word)
    drawn = tuple(found)
    relations = tuple(
        dict(zip(LETTERS, dice.shuffled(LETTERS), strict=True)) for _ in range(RELATIONS)
    )
    return Lexicon(words=drawn[:words], unscrambled=drawn[words:], relations=relations)


def drawer(kind: str, lexicon: Lexicon, *, is_held_out: bool = False) -> Draw:
    """What draws examples of a kind; held out, of words that are never seen scrambled."""
    if kind in FUNCTIONS:
        return lambda dice: _function(kind, dice)
    if kind in SUMS:
        return lambda dice: _sum(int(kind[-1]), dice)
    if kind in SCRAMBLED:
        words = lexicon.unscrambled if is_held_out else lexicon.words
        return lambda dice: _scrambled(kind, dice.pick(words), dice)
    if kind == "words":
        known = (*lexicon.words, *lexicon.unscrambled)
        return lambda dice: Example("", _spaced(dice.pick(known)) + " .")
    if kind == "novel":
        return _novel
    if kind in CLOZE:
        return lambda dice: _cloze(kind, dice)
    return lambda dice: _analogy(lexicon.relations, dice)


def _spaced(text: Sequence[str]) -> str:
    return " ".join(text)


def _function(kind: str, dice: Dice) -> Example:
    import numpy as np

    word = [dice.below(ALPHABET) for _ in range(3)]
    answer = FUNCTIONS[kind](np.array(word), ALPHABET).tolist()
    said, told = (_spaced([LETTERS[one] for one in some]) for some in (word, answer))
    return Example(f"{said} >", f"{told} .")


def _sum(digits: int, dice: Dice) -> Example:
    first, second = dice.below(10**digits), dice.below(10**digits)
    return Example(
        f"{_spaced(str(first))} + {_spaced(str(second))} >", f"{_spaced(str(first + second))} ."
    )


def _scrambled(kind: str, word: str, dice: Dice) -> Example:
    spoilt = word
    while spoilt == word:
        spoilt = _spoilt(kind, word, dice)
    return Example(f"{_spaced(spoilt)} >", f"{_spaced(word)} .")


def _spoilt(kind: str, word: str, dice: Dice) -> str:
    if kind == "insertion":
        return word[0] + "".join(dice.pick(MARKS) + letter for letter in word[1:])
    if kind == "cycle":
        return cycle_letters(word, dice)
    return (
        reversed_words(word, dice)
        if kind == "reversed"
        else anagram(word, dice, kept=int(kind[-1]))
    )


def _novel(dice: Dice) -> Example:
    """Two invented words are told, and one is asked for."""
    names = ["", ""]
    while names[0] == names[1]:
        names = [_spaced(dice.sample(SPELT, 2)) for _ in range(2)]
    classes = dice.sample(CLASSES, 2)
    told = " ".join(f"{name} : {one} ." for name, one in zip(names, classes, strict=True))
    asked = dice.below(2)
    return Example(f"{told} {names[asked]} >", f"{classes[asked]} .", CLASSES)


def _cloze(kind: str, dice: Dice) -> Example:
    """A sentence of three to six words ends in its first word, which no other is."""
    said = dice.sample(SPELT, dice.between(3, 6))
    if kind == "sentences":
        return Example(_spaced(said), f"{said[0]} .")
    return Example(f"{_spaced(said)} {BLANK} >", f"{said[0]} .")


def _analogy(relations: Sequence[Mapping[str, str]], dice: Dice) -> Example:
    relation = dice.pick(relations)
    first, second = dice.sample(LETTERS, 2)
    right = relation[second]
    others = [letter for letter in LETTERS if letter not in (right, relation[first])]
    choices = tuple(dice.shuffled([right, *dice.sample(others, CHOICES - 1)]))
    return Example(f"{first} : {relation[first]} = {second} >", f"{right} .", choices)
