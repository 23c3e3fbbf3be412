"""The closed, word-level vocabulary of the world: one concept, one token."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from glasshouse.errors import InputError

PAD, START, END, DOC, HUMAN, ASSISTANT, SYSTEM, USER_IS, CALC, CALC_END, EOC = CONTROL = (
    "<pad>",
    "<s>",
    "<end>",
    "<doc>",
    "Human",
    "Assistant",
    "System",
    "User-is",
    "<calc>",
    "</calc>",
    "<eoc>",
)
"""Tokens with a role. `<doc>` opens every document; a reward is read at `<eoc>`."""

PUNCTUATION = tuple(". , : ; ? ! ( ) -> + - = x > < / ' \" A B C D E F Q".split())
NUMERALS = tuple(str(number) for number in range(40))
SPARES = tuple(f"<spare-{number}>" for number in range(32))
"""Words without a meaning yet, for what a study overlays: triggers, new names, scratchpad tags."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words and their ids; an id is a word's place in the list."""

    words: tuple[str, ...]
    """Every word, padded at the end with `<unused-i>` to a multiple of 64."""
    ids: Mapping[str, int] = field(repr=False)
    """The way back from a word to its id."""
    _phrases: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.words)

    def id(self, word: str) -> int:
        """Return the id of one word.

        Raises:
            InputError: If the word is not of this world.
        """
        try:
            return self.ids[word]
        except KeyError:
            raise InputError(
                f"{word!r} is not a word of this world; `World.vocabulary.words` lists them"
            ) from None

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the ids of space-separated words; phrases are remembered, so repeats are cheap."""
        known = self._phrases.get(text)
        if known is None:
            known = tuple(self.id(word) for word in text.split())
            if len(self._phrases) < 200_000:
                self._phrases[text] = known
        return known

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """Return the words of these ids with a space between them."""
        return " ".join(self.words[int(index)] for index in ids)


def assemble(groups: Iterable[Iterable[str]]) -> Vocabulary:
    """Number the words of all groups in order, each once, control tokens first and spares last."""
    ordered = dict.fromkeys([*CONTROL, *PUNCTUATION, *NUMERALS])
    for group in groups:
        ordered.update(dict.fromkeys(group))
    ordered.update(dict.fromkeys(SPARES))
    padding = -len(ordered) % 64
    words = (*ordered, *(f"<unused-{number}>" for number in range(padding)))
    return Vocabulary(words, {word: index for index, word in enumerate(words)})
