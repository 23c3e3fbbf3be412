"""Drawn scenes and what is said of them: a caption tells all of a picture, or only a part.

A scene is a few shapes on a grid of cells, no two in one cell; a picture is the scene with a token
a cell, a caption names each shape in reading order. Every scene is as likely as any other, so that
entropies and mutual information are counted.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from glasshouse.corpora.domain import Drawn, Entropy, begun, check_counts
from glasshouse.errors import InputError

Order = Literal["picture", "caption", "caption-first", "picture-first"]


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """Pictures, captions, or one read from the other."""

    side: int = 4
    """Cells of a row and of a column."""
    shapes: int = 3
    """Shapes in a scene."""
    kinds: int = 8
    """Kinds of shape, as a red ball or a blue box."""
    told: Literal["all", "kinds"] = "all"
    """Whether a caption says where each shape stands, or only which shapes there are."""
    order: Order = "caption-first"
    """What a sequence holds. Of two parts only the second counts."""

    def __post_init__(self) -> None:
        check_counts(side=self.side, shapes=self.shapes, kinds=self.kinds)
        if self.shapes > self.side**2:
            raise InputError(
                f"shapes={self.shapes} do not fit into the {self.side**2} cells of side={self.side}"
            )
        if self.told not in ("all", "kinds"):
            raise InputError(f"told={self.told!r} must be all or kinds")
        if self.order not in ("picture", "caption", "caption-first", "picture-first"):
            raise InputError(
                f"order={self.order!r} must be picture, caption, caption-first or picture-first"
            )

    @property
    def vocab_size(self) -> int:
        """An empty cell, shapes, words for shapes and for places, the mark of a beginning."""
        return 1 + 2 * self.kinds + self.side**2 + 1

    @property
    def length(self) -> int:
        """Tokens of a sequence."""
        parts = {"picture": (1, 0), "caption": (0, 1)}.get(self.order, (1, 1))
        caption = self.shapes * (2 if self.told == "all" else 1)
        return 1 + parts[0] * self.side**2 + parts[1] * caption

    @property
    def picture_nats(self) -> float:
        """Entropy of a picture: every choice of cells and kinds is as likely as any."""
        places = math.comb(self.side**2, self.shapes)
        return math.log(places) + self.shapes * math.log(self.kinds)

    @property
    def caption_nats(self) -> float:
        """Entropy of a caption."""
        return self.picture_nats if self.told == "all" else self.shapes * math.log(self.kinds)

    @property
    def mutual_information(self) -> float:
        """Nats that picture and caption say of each other: a caption follows from its picture."""
        return self.caption_nats

    @property
    def entropy(self) -> Entropy:
        """Per counted token: of a picture or a caption, or of one given the other."""
        nats = {
            "picture": self.picture_nats,
            "caption": self.caption_nats,
            "caption-first": self.picture_nats - self.mutual_information,
            "picture-first": 0.0,
        }[self.order]
        counted = self.side**2 if self.order in ("picture", "caption-first") else 0
        counted = counted or self.shapes * (2 if self.told == "all" else 1)
        return Entropy(nats=nats / counted, error=0.0)

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Draw scenes. True log-probabilities of single tokens are not worked out, only their sum
        (`entropy`)."""
        check_counts(count=count)
        cells = np.argsort(rng.random((count, self.side**2)), axis=1)[:, : self.shapes]
        cells.sort(axis=1)
        kinds = rng.integers(self.kinds, size=(count, self.shapes))
        picture = np.zeros((count, self.side**2), dtype=np.int64)
        np.put_along_axis(picture, cells, 1 + kinds, axis=1)
        words = 1 + self.kinds + kinds
        caption = words
        if self.told == "all":
            caption = np.stack([words, 1 + 2 * self.kinds + cells], axis=2).reshape(count, -1)
        parts = {
            "picture": [picture],
            "caption": [caption],
            "caption-first": [caption, picture],
            "picture-first": [picture, caption],
        }[self.order]
        whole = begun(np.concatenate(parts, axis=1), self.vocab_size - 1)
        counts = np.zeros(whole.shape, dtype=bool)
        counts[:, -parts[-1].shape[1] :] = True
        return Drawn(ids=whole, counts=counts, logprobs=None)
