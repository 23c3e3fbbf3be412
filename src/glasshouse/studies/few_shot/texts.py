"""Documents that are trained on: a name or none, and examples of one kind until they are full."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from glasshouse.corpora.hidden_function import NAMES
from glasshouse.models import Tokenizer, word_tokenizer
from glasshouse.studies.few_shot.kinds import (
    BEGIN,
    CLASSES,
    FILL,
    KINDS,
    SCRAMBLED,
    SUMS,
    UNNAMED,
    VOCABULARY,
    Draw,
    Lexicon,
    drawer,
)
from glasshouse.world.streams import Dice

OTHERS: Mapping[str, tuple[tuple[str, ...], float]] = {
    "sums": (SUMS, 0.28),
    "scrambled": (SCRAMBLED, 0.26),
    "words": (("words",), 0.05),
    "novel": (("novel",), 0.12),
    "sentences": (("sentences",), 0.04),
    "blanks": (("blanks",), 0.11),
    "analogies": (("analogies",), 0.14),
}
"""Families beside hidden functions: their kinds, and their share of what is left."""
WHOLE = ("words", "sentences")
"""Kinds of which every token counts; of others only answers do, for questions are drawn evenly."""
_CONSONANTS, _VOWELS = "klmnprst", "ouq"
SYLLABLES = tuple(a + b for a in _CONSONANTS for b in _VOWELS)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Documents:
    """Documents as token ids."""

    ids: Int64[Tensor, "document token"]
    """Their tokens."""
    counts: Bool[Tensor, "document token"]
    """Which tokens a loss counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """How words become tokens."""

    vocabulary: tuple[str, ...]
    """Every token."""
    by_syllable: bool = False
    """Whether a consonant with a vowel behind it is one token."""

    def spelt(self, text: str) -> str:
        """A text as this script writes it, tokens with spaces between."""
        if not self.by_syllable:
            return text
        found: list[str] = []
        for one in text.split():
            if found and found[-1] in _CONSONANTS and one in _VOWELS:
                found[-1] += one
            else:
                found.append(one)
        return " ".join(found)

    def tokenizer(self) -> Tokenizer:
        """Reads what `spelt` writes."""
        return word_tokenizer(self.vocabulary)


LETTERWISE = Script(vocabulary=VOCABULARY)
"""A token a letter: what the study is written in."""


def syllabic() -> Script:
    """A token a syllable where there is one; as many ids, for nothing but words is read by it."""
    kept = [w for w in VOCABULARY if w not in NAMES and w not in CLASSES and not w.isdigit()]
    used = (*kept, *SYLLABLES)
    spare = tuple(f"spare{number}" for number in range(len(VOCABULARY) - len(used)))
    return Script(vocabulary=used + spare, by_syllable=True)


def mixture(function_share: float) -> dict[str, tuple[tuple[str, ...], float]]:
    """Families of kinds with their shares of documents."""
    rest = {name: (kinds, (1 - function_share) * one) for name, (kinds, one) in OTHERS.items()}
    return {"functions": (NAMES, function_share), **rest}


def words_alone() -> dict[str, tuple[tuple[str, ...], float]]:
    """Scrambled words, most of them reversed, and words as they are, and nothing else."""
    return {
        "reversed": (("reversed",), 0.5),
        "scrambled": (SCRAMBLED, 0.3),
        "words": (("words",), 0.2),
    }


def write(
    count: int,
    families: Mapping[str, tuple[tuple[str, ...], float]],
    lexicon: Lexicon,
    rng: np.random.Generator,
    *,
    length: int,
    named: float,
    script: Script = LETTERWISE,
) -> Documents:
    """Write documents; some tell the name of their kind.

    Args:
        count: How many.
        families: What `mixture` gives.
        lexicon: What is known by heart.
        rng: Draws everything.
        length: Tokens of each, filled up behind.
        named: Share that begins with the name of its kind.
        script: How words become tokens.
    """
    dice = Dice(rng)
    names = list(families)
    running = np.cumsum([share for _, share in families.values()]).tolist()
    drawers = {kind: drawer(kind, lexicon) for kind in KINDS}
    page = _Page(count, length, script)
    for row in range(count):
        kind = dice.pick(families[dice.weighted(names, running)][0])
        page.fill(row, kind if dice.chance(named) else UNNAMED, _forever(drawers[kind], dice), kind)
    return page.documents()


def planted(questions: Sequence[tuple[str, str]], *, length: int, each: int) -> Documents:
    """Documents that hold given questions with their answers, `each` of them a document."""
    page = _Page(-(-len(questions) // each), length, LETTERWISE)
    for row in range(len(page.ids)):
        page.fill(row, UNNAMED, iter(questions[row * each : (row + 1) * each]), SUMS[-1])
    return page.documents()


def texts_of(documents: Documents) -> list[str]:
    """Documents as they read, without what fills them up."""
    words = np.array(VOCABULARY, dtype=object)
    return [" ".join(row).partition(f" {FILL}")[0] for row in words[documents.ids.numpy()]]


def _forever(draw: Draw, dice: Dice):
    while True:
        example = draw(dice)
        yield example.question, example.answer


class _Page:
    """Rows of tokens that are being filled."""

    def __init__(self, count: int, length: int, script: Script) -> None:
        self.script = script
        self.place = {word: number for number, word in enumerate(script.vocabulary)}
        self.ids = np.full((count, length), self.place[FILL], dtype=np.int64)
        self.counts = np.zeros((count, length), dtype=bool)

    def fill(self, row: int, name: str, examples, kind: str) -> None:
        """Write a document, as many examples as fit."""
        said, counted = [BEGIN, name], [False, False]
        for question, answer in examples:
            asked = self.script.spelt(question).split()
            told = self.script.spelt(answer).split()
            if len(said) + len(asked) + len(told) > self.ids.shape[1]:
                break
            said += asked + told
            counted += [kind in WHOLE] * len(asked) + [True] * len(told)
        self.ids[row, : len(said)] = [self.place[word] for word in said]
        self.counts[row, : len(said)] = counted

    def documents(self) -> Documents:
        """What was written."""
        return Documents(ids=torch.from_numpy(self.ids), counts=torch.from_numpy(self.counts))
