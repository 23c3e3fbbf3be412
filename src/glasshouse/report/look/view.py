"""From what a look found to what its page shows: strings, shares and images."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.models import Tokenizer
from glasshouse.report.look.heat import heat_uri
from glasshouse.report.look.lens import Lens
from glasshouse.report.look.look import Attention, Look, NextToken, PromptLook
from glasshouse.report.look.texts import shown_token

EARLIER = "earlier"
"""What the first column of a map is called when tokens were left out; templates know it too."""
LONGEST_LABEL = 14
"""Characters of a token that a map's axis shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadView:
    """One head on one prompt."""

    key: str
    """Unique on the page."""
    layer: int
    """Its layer, counted among those with attention."""
    head: int
    """Its number."""
    value: str
    """The address of its pattern."""
    image: str
    """Its map as a `data:` address; a column `earlier` comes first where there is one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellView:
    """One cell of the lens."""

    token: str
    """The likeliest next token."""
    probability: float
    """Its probability."""
    told: str
    """The likeliest five with their probabilities, one a line."""
    is_right: bool
    """Whether the token that really follows is the likeliest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LensRow:
    """One residual stream, read as logits."""

    label: str
    """Short: `in`, `0`, `1`."""
    value: str
    """The name of the value."""
    cells: tuple[CellView, ...]
    """One for each token of the window."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptView:
    """One prompt on the page."""

    number: int
    """From 0."""
    prompt: str
    """Its words."""
    tokens: tuple[str, ...]
    """Tokens of the window."""
    labels: tuple[str, ...]
    """The same, cut for the axes of maps."""
    num_earlier: int
    """Tokens before the window."""

    layers: tuple[tuple[HeadView, ...], ...]
    """The heads of each layer."""
    chosen: HeadView | None
    """The head that is shown first."""
    shading: tuple[float, ...]
    """Where that head looks from the last token, over the columns of its map."""
    rows: tuple[LensRow, ...]
    """The lens."""
    following: tuple[NextToken, ...]
    """What comes next."""
    changed: tuple[float, ...]
    """How far feeding moved each prediction, in nats; () if nothing was fed."""

    @property
    def label_width(self) -> int:
        """Pixels that the labels of a map's axis need."""
        return 14 + 7 * max(len(EARLIER), *map(len, self.labels))


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueView:
    """One fetched value in numbers."""

    address: str
    """As it is called in the file."""
    axes: str
    """Axes with their lengths."""
    dtype: str
    """Element type."""
    mean: float
    """Mean of what is finite."""
    spread: float
    """Standard deviation of what is finite."""
    low: float
    """The least."""
    high: float
    """The greatest."""


def prompt_view(prompt: PromptLook, number: int, tokenizer: Tokenizer) -> PromptView:
    """One prompt as the page shows it."""
    layers = tuple(
        tuple(_head(attention, number, layer, head) for head in range(len(attention.pattern)))
        for layer, attention in enumerate(prompt.attention)
    )
    tokens = prompt.read.tokens[prompt.first :]
    place = _telling_head(prompt.attention)
    shading: tuple[float, ...] = ()
    if place is not None:
        shading = tuple(_map(prompt.attention[place[0]])[place[1], -1].tolist())
    return PromptView(
        number=number,
        prompt=prompt.read.prompt,
        tokens=tokens,
        labels=tuple(map(_label, tokens)),
        num_earlier=prompt.first,
        layers=layers,
        chosen=None if place is None else layers[place[0]][place[1]],
        shading=shading,
        rows=() if prompt.lens is None else _lens_rows(prompt, prompt.lens, tokenizer),
        following=prompt.following,
        changed=() if prompt.changed is None else tuple(prompt.changed.tolist()),
    )


def value_views(look: Look) -> list[ValueView]:
    """Every fetched value in numbers."""
    return [
        _value(address, value.detach(), look.axes(address))
        for address, value in look.values.items()
    ]


def _map(attention: Attention) -> Float[Tensor, "head query column"]:
    """Columns of a map: the sum of what is earlier, if anything is, then the window."""
    pattern = attention.pattern.float()
    if attention.earlier is None:
        return pattern
    return torch.cat([attention.earlier.float()[..., None], pattern], dim=-1)


def _head(attention: Attention, prompt: int, layer: int, head: int) -> HeadView:
    return HeadView(
        key=f"p{prompt}l{layer}h{head}",
        layer=layer,
        head=head,
        value=f"{attention.name}[head={head}]",
        image=heat_uri(_map(attention)[head].cpu().numpy()),
    )


def _telling_head(attention: tuple[Attention, ...]) -> tuple[int, int] | None:
    """Layer and head that look hardest, from the last token, at one that is neither first nor last.

    Most heads rest on the first token or on the present one, which says little.
    """
    best, most = (0, 0), -math.inf
    for layer, one in enumerate(attention):
        told = one.pattern[:, -1, 1:-1]
        if not told.shape[-1]:
            continue
        weight, head = told.amax(dim=-1).max(dim=0)
        if weight.item() > most:
            best, most = (layer, int(head)), weight.item()
    return best if attention else None


def _lens_rows(prompt: PromptLook, lens: Lens, tokenizer: Tokenizer) -> tuple[LensRow, ...]:
    following = [*prompt.read.ids[prompt.first + 1 :], None]
    words = {int(i): shown_token(tokenizer, int(i)) for i in lens.ids.unique().tolist()}
    rows = []
    for number, name in enumerate(lens.names):
        cells = zip(
            lens.ids[number].tolist(), lens.probabilities[number].tolist(), following, strict=True
        )
        rows.append(
            LensRow(
                label=_row_label(name, number),
                value=name,
                cells=tuple(_cell(ids, shares, right, words) for ids, shares, right in cells),
            )
        )
    return tuple(rows)


def _cell(
    ids: list[int], shares: list[float], right: int | None, words: Mapping[int, str]
) -> CellView:
    told = [f"{words[i]}  {share:.3f}" for i, share in zip(ids, shares, strict=True)]
    return CellView(
        token=words[ids[0]],
        probability=shares[0],
        told="\n".join(told),
        is_right=right is not None and ids[0] == right,
    )


def _row_label(name: str, number: int) -> str:
    """A block's number, `in` for what the first block reads."""
    if name.endswith("resid_pre"):
        return "in"
    parts = [part for part in name.removesuffix(".0").split(".") if part.isdigit()]
    return parts[-1] if parts else str(number)


def _value(
    address: str, value: Float[Tensor, "..."] | Int[Tensor, "..."], axes: tuple[str, ...]
) -> ValueView:
    finite = value.float()
    finite = finite[finite.isfinite()]
    has_any = finite.numel() > 0
    sizes = [f"{n} {s}" for n, s in zip(axes, value.shape, strict=True)] if axes else None
    return ValueView(
        address=address,
        axes=" × ".join(sizes or [str(size) for size in value.shape]),
        dtype=str(value.dtype).removeprefix("torch."),
        mean=finite.mean().item() if has_any else math.nan,
        spread=finite.std(correction=0).item() if has_any else math.nan,
        low=value.amin().item() if value.numel() else math.nan,
        high=value.amax().item() if value.numel() else math.nan,
    )


def _label(token: str) -> str:
    return token if len(token) <= LONGEST_LABEL else token[: LONGEST_LABEL - 1] + "…"
