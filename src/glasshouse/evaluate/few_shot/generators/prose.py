"""Words and passages of a text, for tasks that need real ones."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

from glasshouse.world.streams import Dice

_WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")
_PLAIN = re.compile(r"[\w ,;:!?'\"()\[\]/=\-.]+")
_MARKS = str.maketrans("", "", "*`")  # of emphasis and code
_SENTENCE_END = re.compile(r"(?<=[.!?]) +")

SHORTEST_PASSAGE, LONGEST_PASSAGE = 12, 60
"""Words."""


@cache
def standard_prose() -> str:
    """The help topics that come with Python: about 0.46 MB of English, on every machine.

    They differ between versions of Python, and so do tasks that are made from them.
    """
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def common_words(text: str, *, least: int = 3, shortest: int = 5, longest: int = 14) -> list[str]:
    """Words in small letters that a text uses at least so often, the most frequent first."""
    counts = Counter(word for word in _WORD.findall(text) if word.islower() and word.isalpha())
    kept = [w for w, n in counts.items() if n >= least and shortest <= len(w) <= longest]
    return sorted(kept, key=lambda word: (-counts[word], word))


def passages(text: str) -> Iterator[str]:
    """Whole sentences in a row, 12 to 60 words, whose last word stands in them before.

    So what comes last can be told from the passage, as in LAMBADA.
    """
    for paragraph in re.split(r"\n\s*\n", text):
        plain = " ".join(paragraph.translate(_MARKS).split())
        if not _PLAIN.fullmatch(plain):
            continue
        sentences = _SENTENCE_END.split(plain)
        for first in range(len(sentences)):
            for count in (1, 2, 3):
                passage = " ".join(sentences[first : first + count])
                if first + count <= len(sentences) and _can_be_told(passage):
                    yield passage
                    break


def _can_be_told(passage: str) -> bool:
    words = [word.lower() for word in _WORD.findall(passage)]
    return (
        SHORTEST_PASSAGE <= len(words) <= LONGEST_PASSAGE
        and passage.endswith(".")
        and len(words[-1]) >= 4
        and passage[:-1].lower().endswith(words[-1])
        and words[-1] in words[:-1]
    )


def invented_word(dice: Dice, known: frozenset[str]) -> str:
    """A word of two syllables that is none of the known ones."""
    while True:
        syllables = (
            dice.pick("bdfgklmnprstvz") + dice.pick("aeiou") + dice.pick("bdgklmnprst")
            for _ in range(2)
        )
        word = "".join(syllables)
        if word not in known:
            return word
