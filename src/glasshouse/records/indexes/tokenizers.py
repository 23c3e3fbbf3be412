"""From text to the tokens that an index keeps and a question asks for.

A stored schema remembers a tokenizer by its name, so what a name means never changes: a better
tokenizer gets a name of its own.

Source:
    1901.04452, section 6.1, "TEXT indexes", for tokenizers that a schema names.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from glasshouse.errors import SchemaError

MOST_TOKEN_CHARACTERS = 100
"""A longer run of letters counts as several tokens side by side: keys are not of any length."""

_RUNS = re.compile(rf"\w{{1,{MOST_TOKEN_CHARACTERS}}}").findall


@dataclass(frozen=True)
class Tokenizer:
    """A way to split a text, with the name that a stored schema knows it by."""

    name: str
    split: Callable[[str], list[str]] = field(compare=False)
    """From a text to its tokens in their order; the same text gives the same tokens for ever."""


def split_words(text: str) -> list[str]:
    """Runs of letters, digits and underscores, case and compatible forms made one.

    split_words("Ｆull Straße, 2nd") is ["full", "strasse", "2nd"].

    Source:
        Unicode Annex 15 (NFKC) and section 3.13 of the Unicode Standard (caseless matching).
    """
    if text.isascii():
        return _RUNS(text.lower())
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _RUNS(unicodedata.normalize("NFKC", folded))


WORDS = Tokenizer("words", split_words)
"""The tokenizer of all who name no other."""

TOKENIZERS = {one.name: one for one in (WORDS,)}
"""Those that are known by name."""


def tokenizer_of(tokenizer: str | Tokenizer) -> Tokenizer:
    """A tokenizer, if only its name is given.

    Raises:
        SchemaError: If none has this name.
    """
    if isinstance(tokenizer, Tokenizer):
        return tokenizer
    found = TOKENIZERS.get(tokenizer)
    if found is None:
        raise SchemaError(
            f"tokenizer={tokenizer!r} is none of {', '.join(TOKENIZERS)}; "
            "give one of these or a Tokenizer of your own"
        )
    return found
