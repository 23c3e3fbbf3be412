"""A language model explains a latent, simulates it from the explanation, and judges texts by it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from glasshouse.errors import InputError
from glasshouse.interpret.autointerp.passages import Passages
from glasshouse.interpret.features.examples import Example
from glasshouse.models import Respondent

Decode = Callable[[Sequence[int]], str]
"""From token ids to text."""

_LARGEST = 10
"""Activations are told as whole numbers from 0 to this, as language models were found to read."""

_EXPLAIN = """A part of a neural network reacts to some words of a text. Each line below is one \
text; words it reacts to stand in double angle brackets, with the strength from 1 to {largest} \
behind them.

{lines}

In one short phrase, what does it react to?
It reacts to"""

_SIMULATE = """A part of a neural network reacts to {text}.
For each word below write how strongly it reacts, from 0 to {largest}: one line a word, the word, \
a tab, the number.

{words}

Answer:
"""

_FITS = """A part of a neural network reacts to {text}.
Does it react to anything in this text? Answer yes or no.

{line}

Answer:"""

_MARKS = """A part of a neural network reacts to {text}.
Are the words in double angle brackets those that it reacts to? Answer yes or no.

{line}

Answer:"""


@dataclass(frozen=True, slots=True)
class AskedExplanation:
    """A phrase, and who is asked what follows from it."""

    text: str
    """What the latent is said to react to."""
    respondent: Respondent
    """Who simulates and judges."""
    decode: Decode
    """From token ids to text."""

    def simulate(self, example: Example) -> Float[np.ndarray, " window"] | None:
        """Strengths as the respondent writes them; None unless there is one for every token."""
        words = [self.decode([int(i)]).strip() or "·" for i in example.ids]
        prompt = _SIMULATE.format(text=self.text, largest=_LARGEST, words="\n".join(words))
        answer = self._ask(prompt, max_tokens=8 * len(words))
        numbers = re.findall(r"\t\s*(\d+)\s*$", answer, flags=re.MULTILINE)
        if len(numbers) != len(words):
            return None
        return np.array([min(int(number), _LARGEST) for number in numbers], dtype=float)

    def fits(self, example: Example) -> bool | None:
        """Yes or no, or None for anything else."""
        line = self.decode([int(i) for i in example.ids])
        return _yes_or_no(self._ask(_FITS.format(text=self.text, line=line), max_tokens=4))

    def marks(self, example: Example, marked: Bool[np.ndarray, " window"]) -> bool | None:
        """Yes or no, or None for anything else."""
        line = _marked_line(example, marked, self.decode)
        return _yes_or_no(self._ask(_MARKS.format(text=self.text, line=line), max_tokens=4))

    def _ask(self, prompt: str, *, max_tokens: int) -> str:
        return self.respondent.complete([prompt], max_tokens=max_tokens)[0]


def explain_by_asking(
    respondent: Respondent, passages: Passages, decode: Decode, *, max_tokens: int = 40
) -> AskedExplanation:
    """Show a respondent the strongest passages and take its phrase for the explanation.

    Args:
        respondent: Who explains; who simulates and judges as well.
        passages: Only what is `shown` is shown.
        decode: From token ids to text.
        max_tokens: The longest phrase.

    Raises:
        InputError: If there is nothing to show, or the answer is empty.
    """
    if not passages.shown:
        raise InputError(f"latent {passages.latent} has no passage to show")
    peak = max(float(example.activations.max()) for example in passages.shown)
    lines = "\n".join(_strengths_line(example, peak, decode) for example in passages.shown)
    prompt = _EXPLAIN.format(lines=lines, largest=_LARGEST)
    answer = respondent.complete([prompt], max_tokens=max_tokens)[0].strip()
    phrase = answer.splitlines()[0].strip(" .") if answer else ""
    if not phrase:
        raise InputError(f"the explainer said nothing of latent {passages.latent}")
    return AskedExplanation(phrase, respondent, decode)


def _strengths_line(example: Example, peak: float, decode: Decode) -> str:
    told = np.ceil(example.activations / max(peak, 1e-12) * _LARGEST).astype(int)
    parts = []
    for token, strength in zip(example.ids.tolist(), told.tolist(), strict=True):
        word = decode([token])
        parts.append(f"<<{word.strip()}>>({strength})" if strength else word.strip())
    return " ".join(parts)


def _marked_line(example: Example, marked: Bool[np.ndarray, " window"], decode: Decode) -> str:
    words = [decode([token]).strip() for token in example.ids.tolist()]
    return " ".join(
        f"<<{word}>>" if mark else word for word, mark in zip(words, marked.tolist(), strict=True)
    )


def _yes_or_no(answer: str) -> bool | None:
    found = re.match(r"\W*(yes|no)\b", answer, flags=re.IGNORECASE)
    return None if found is None else found[1].lower() == "yes"
