"""Features that a dictionary (a sparse autoencoder, a probe, a set of heads) finds in a model."""

from typing import Any

from glasshouse.notebook.sketch import sketch_of
from glasshouse.records import Record


class Feature(Record, kw_only=True):
    """One direction that is said to mean something.

    `direction` may be of any width. What similarity is looked up by is `sketch`, a projection to a
    width that all share, which is made of the direction where it is not given.
    """

    id: str
    dictionary: str
    """The id of what found it, or a name: all features of one dictionary have it."""
    number: int
    """Its place in the dictionary."""
    run: str | None = None
    """The run that made the dictionary."""
    model: str = ""
    """The model it is of: a checkpoint's id, or a hub id."""
    site: str = ""
    """Where it reads: the address of a value, as `blocks.3.resid_post`."""
    layer: int | None = None
    direction: bytes | None = None
    """Where it writes (a decoder row): 32-bit floats, little-endian."""
    encoder: bytes | None = None
    """What it reads by, where that is another direction."""
    bias: float | None = None
    """Activations begin above this."""
    sketch: bytes | None = None
    """Made of `direction`; see `notebook.sketch`."""
    explanation: str = ""
    """What it means, in words."""
    explainer: str = ""
    """Who said so: a person, or a model's id."""
    score: float | None = None
    """How well the explanation predicts activations, from 0 to 1 by most measures."""
    density: float | None = None
    """Share of tokens on which it is active."""
    strongest: float | None = None
    """Its largest activation seen."""
    effects: dict[str, float] = {}
    """Tokens by how much it raises their logits: the largest and the smallest."""
    parent: str | None = None
    """The feature of a smaller dictionary that this one is a part of."""
    truth: str | None = None
    """What was planted and found here, in a world whose truth is known."""
    match: float | None = None
    """Cosine with the planted direction, or another measure of how well it was found."""
    tags: list[str] = []
    extra: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if self.sketch is None and self.direction is not None:
            self.sketch = sketch_of(self.direction)


class ActivationExample(Record, kw_only=True):
    """A text on which a feature was looked at, token by token."""

    feature: str
    number: int
    """Among the feature's examples: 0 is the one with the largest activation."""
    tokens: list[str]
    activations: list[float]
    """As many as tokens."""
    strongest: float
    """The largest of them."""
    peak: int
    """The place of the largest."""
    quantile: str = ""
    """Which part of the distribution it was drawn from: "top", "0.9-0.99", "random"."""
    document: str = ""
    """Where the text is from, so that it can be written again: kind, split and number, or a URL."""
    token_ids: list[int] = []
