"""Comparisons as pairs of token rows, and the order in which they are learned from."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.talks.dialogues import Layout, Rendered
from glasshouse.errors import InputError

_SORTED_BATCHES = 16
"""Batches' worth of pairs that are sorted by length at a time."""


class PairRow(NamedTuple):
    """Both dialogues of a comparison as token ids; before the replies they are the same."""

    texts: tuple[list[int], list[int]]
    """Prompt and reply, end token included."""
    replies: tuple[int, int]
    """Tokens of each reply, at the end of its text."""

    @property
    def width(self) -> int:
        """Tokens of the longer one."""
        return max(map(len, self.texts))


def encode_pair(layout: Layout, comparison: Comparison, context: int) -> PairRow:
    """Write a comparison; of a prompt that is too long the end is kept, the same for both replies.

    Args:
        layout: In which a model reads dialogues.
        comparison: Two replies to one dialogue.
        context: Tokens that the model reads at once; a last one more is predicted only.

    Raises:
        InputError: If a reply leaves no room for anything of what it answers.
    """
    prompt = layout(comparison.prompt, opens_reply=True).ids
    whole = [
        _upto_end(layout(comparison.dialogue(reply)))
        for reply in (comparison.first, comparison.second)
    ]
    if any(text[: len(prompt)] != prompt for text in whole):
        raise InputError("the layout writes a prompt differently once it is answered")
    replies = [text[len(prompt) :] for text in whole]
    longest = max(map(len, replies))
    room = context + 1 - longest
    if room < 1:
        raise InputError(
            f"a reply has {longest} tokens and the context holds {context}; nothing of what it "
            "answers would be seen"
        )
    first, second = (prompt[-room:] + reply for reply in replies)
    return PairRow((first, second), (len(replies[0]), len(replies[1])))


def _upto_end(rendered: Rendered) -> list[int]:
    """Without what a layout writes behind the end of a reply."""
    last = max(place for place, own in enumerate(rendered.is_reply) if own)
    return rendered.ids[: last + 1]


def length_batches(
    lengths: Sequence[int], *, batch: int, epochs: int, seed: int
) -> list[list[int]]:
    """Places of rows, batch by batch: each once an epoch, those of like length together."""
    chance = np.random.default_rng([seed, 2112])
    order_of_batches: list[list[int]] = []
    for _ in range(epochs):
        order = chance.permutation(len(lengths))
        found: list[list[int]] = []
        for start in range(0, len(order), _SORTED_BATCHES * batch):
            part = order[start : start + _SORTED_BATCHES * batch].tolist()
            part.sort(key=lambda place: lengths[place])
            found += [part[at : at + batch] for at in range(0, len(part), batch)]
        order_of_batches += [found[place] for place in chance.permutation(len(found))]
    return order_of_batches
