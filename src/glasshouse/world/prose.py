"""Documents as prose: the same words with the spaces and capitals that people write."""

import re

_TIGHT_BEFORE = re.compile(r" ([.,:;?!)])")
_TIGHT_AFTER = re.compile(r"\( ")
_CONTROL = re.compile(r" ?<(?:pad|s|doc|end)> ?")
_SENTENCE = re.compile(r"(^|[.?!:] )([a-z])")
_SPEAKER = re.compile(r" ?\b(Human|Assistant|System):")


def prose(words: str) -> str:
    """Rewrite space-separated words of the world as prose.

    Control words go, punctuation closes up, sentences begin with a capital, and each turn of a
    dialogue begins a line. Nothing else changes, so word counts and truth stay comparable.
    """
    text = _CONTROL.sub(" ", words).strip()
    text = _TIGHT_AFTER.sub("(", _TIGHT_BEFORE.sub(r"\1", text))
    text = _SPEAKER.sub(r"\n\n\1:", text).strip()
    return _SENTENCE.sub(lambda match: match[1] + match[2].upper(), text)
