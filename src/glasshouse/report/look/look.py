"""What one look into a model found: the numbers behind the page, and nothing of its layout."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.dataflow import Value
from glasshouse.dataflow.address import parse_address, selection
from glasshouse.report.look.feeding import Feeding
from glasshouse.report.look.lens import Lens


@dataclass(frozen=True, kw_only=True, slots=True)
class Attention:
    """Where the heads of one layer look, on one prompt, over the window of its last tokens."""

    name: str
    """The value, such as `blocks.3.attn.pattern`."""
    pattern: Float[Tensor, "head query key"]
    """Attention from each token of the window to each other."""
    earlier: Float[Tensor, "head query"] | None
    """Attention to all tokens before the window together; None: nothing stands before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NextToken:
    """One candidate for the token after a prompt."""

    token: str
    """As a reader sees it."""
    probability: float
    """Under the model as it was looked at, feeds included."""
    before: float | None
    """Without feeds; None: nothing was fed."""

    @property
    def change(self) -> float:
        """Change of the log-probability by feeding, in nats."""
        if self.before is None or self.before == self.probability:
            return 0.0
        if not self.before or not self.probability:
            return math.inf if self.probability else -math.inf
        return math.log(self.probability / self.before)


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """A prompt as the model read it."""

    prompt: str
    """Its words."""
    ids: tuple[int, ...]
    """Its tokens."""
    tokens: tuple[str, ...]
    """The same as a reader sees them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptLook:
    """What was found on one prompt."""

    read: Read
    """The prompt."""
    first: int
    """Where the window begins: the tokens from here to the end are drawn."""
    attention: tuple[Attention, ...]
    """One a layer."""
    lens: Lens | None
    """What each layer would say next; None: the model's residual stream has no known name."""
    following: tuple[NextToken, ...]
    """Likeliest next tokens, with and without feeds, the likeliest first."""
    changed: Float[Tensor, " pos"] | None
    """How far feeding moved each token's prediction: KL(without || with) in nats, over the
    window; None: nothing was fed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One look into a model."""

    model: str
    """The model as the user named it."""
    numerics: str
    """Which code computed it and how precisely, as a sentence."""
    architecture: str
    """Its size in words."""
    texts: tuple[Read, ...]
    """All prompts, in the order of the batch."""
    prompts: tuple[PromptLook, ...]
    """What was found on each prompt that is drawn."""
    feedings: tuple[Feeding, ...]
    """What was fed."""
    values: Mapping[str, Float[Tensor, "..."] | Int[Tensor, "..."]]
    """What was fetched, by address."""
    described: Mapping[str, Value]
    """What is known of each fetched value, by the same address."""
    cost: str
    """What computing the fetched values took, in words."""
    drawing: str
    """The model's graph with what they needed of it, as SVG."""
    notes: Sequence[str]
    """Sentences on what was left out or done differently."""

    def axes(self, address: str) -> tuple[str, ...]:
        """Names of the axes of a fetched value; () where they are not known.

        A part that was picked by one place has lost that axis.
        """
        value, part = self.described[address], parse_address(address).part
        if part is None or not value.axes:
            return value.axes
        chosen = selection(part, value.name, value.axes, len(value.shape))
        named = zip(value.axes, chosen, strict=True)
        return tuple(axis for axis, index in named if not isinstance(index, int))
