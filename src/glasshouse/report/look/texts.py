"""Prompts as a model reads them, and tokens as a reader sees them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from glasshouse.dataflow import Graph
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Tokenizer
from glasshouse.models.generate import check_prompts, pad_left
from glasshouse.models.huggingface.as_is import AsIs

_SEEN = str.maketrans({"\n": "↵", "\t": "⇥", "\r": "␍"})
_WORD_MARK = "▁"
"""What sentencepiece writes for the space before a word."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Prompts as one batch."""

    prompts: tuple[str, ...]
    """As they were written."""
    ids: Int[Tensor, "batch seq"]
    """Their tokens, aligned at their ends."""
    starts: Int[Tensor, " batch"] | None
    """First real token of each row; None: all are equally long."""

    @property
    def real(self) -> Bool[Tensor, "batch seq"]:
        """Which tokens are no padding."""
        places = torch.arange(self.ids.shape[1], device=self.ids.device)
        first = torch.zeros_like(self.ids[:, :1]) if self.starts is None else self.starts[:, None]
        return places >= first

    def row(self, number: int) -> list[int]:
        """The token ids of one prompt."""
        return self.ids[number][self.real[number]].tolist()


def read_prompts(model: LanguageModel, prompts: Sequence[str]) -> Texts:
    """Encode prompts; shorter ones are padded on the left.

    Raises:
        InputError: If one is empty, cannot be encoded or is longer than the context.
    """
    rows = [model.encode(prompt) for prompt in prompts]
    for prompt, row in zip(prompts, rows, strict=True):
        if not row:
            raise InputError(f"the prompt {prompt!r} has no tokens; give the model something")
        limit = model.network.config.context
        if len(row) > limit:
            raise InputError(
                f"the prompt {_short(prompt)!r} has {len(row)} tokens, but the model's context is "
                f"{limit}; shorten it"
            )
    check_prompts(rows, model.network.config)
    device = next(model.network.parameters()).device
    return Texts(tuple(prompts), *pad_left(rows, device))


def arguments(model: LanguageModel, texts: Texts, *, padded: bool) -> dict[str, Tensor]:
    """A batch in the words of the model's graph.

    Args:
        model: Whose graph.
        texts: The batch.
        padded: Whether the graph is the one for padded rows.
    """
    starts = texts.starts
    if padded and starts is None:
        starts = torch.zeros_like(texts.ids[:, 0])
    if isinstance(model.network, AsIs):
        return model.network.arguments(texts.ids, starts)
    return {"ids": texts.ids} | ({} if starts is None else {"starts": starts})


def repeated(texts: Texts, num: int) -> Texts:
    """One prompt as several equal rows."""
    return Texts(texts.prompts * num, texts.ids.expand(num, -1), None)


def shown_token(tokenizer: Tokenizer, token: int) -> str:
    """A token as a reader sees it: the space before a word is a dot, a line's end an arrow."""
    raw = tokenizer.core.id_to_token(token)
    if raw is not None and raw.startswith(_WORD_MARK):
        return "·" + raw[1:].replace(_WORD_MARK, "·")
    text = tokenizer.decode([token]) or raw or f"#{token}"
    stripped = text.lstrip(" ")
    return ("·" * (len(text) - len(stripped)) + stripped).translate(_SEEN) or "·"


def check_places(graph: Graph, addresses: Sequence[str], texts: Texts) -> None:
    """Refuse places counted from the front where rows begin at different places.

    Raises:
        InputError: If an address picks such a place and the prompts differ in length.
    """
    from glasshouse.dataflow.address import matching_names, parse_address
    from glasshouse.dataflow.question import chosen_part

    if texts.starts is None:
        return
    values = {name: graph.value(name) for name in graph.names}
    for text in addresses:
        address = parse_address(text)
        for name in matching_names(address.pattern, graph.names):
            chosen = chosen_part(values, address, name) or ()
            sizes = values[name].shape
            for index, size in zip(chosen, sizes, strict=False):
                if isinstance(size, str) and size != sizes[0] and _from_the_front(index):
                    raise InputError(
                        f"{text!r} counts places from the front, but prompts of different length "
                        "are aligned at their ends; count from the end, as pos=-1, or look at "
                        "them one by one"
                    )


def _from_the_front(index: object) -> bool:
    places = index if isinstance(index, tuple) else (index,)
    if isinstance(index, slice):
        places = tuple(place for place in (index.start, index.stop) if place is not None)
    return any(isinstance(place, int) and place >= 0 for place in places)


def _short(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
