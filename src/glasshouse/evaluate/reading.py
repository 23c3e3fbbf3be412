"""How well a model reads documents: its loss on every token, beside what is true of the token."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64

from glasshouse.models import LanguageModel
from glasshouse.world import Document
from glasshouse.world.exact import exactness


@dataclass(frozen=True, slots=True)
class Reading:
    """A document as a model read it; nothing predicts its first token."""

    document: Document
    loss: Float64[np.ndarray, " token"]
    """-log p of each token given those before it, in nats; NaN for the first token and for what
    lies beyond the model's context."""
    is_top: Bool[np.ndarray, " token"]
    """Whether the token was the likeliest."""


def read(
    model: LanguageModel, documents: Iterable[Document], *, batch_size: int = 64
) -> list[Reading]:
    """Read documents from their beginning, as far as the model's context reaches.

    Args:
        model: A model whose vocabulary is the world's.
        documents: What to read.
        batch_size: Documents per forward pass; the shorter ones of a pass are padded at the end,
            where padding changes nothing.
    """
    ordered = sorted(enumerate(documents), key=lambda pair: len(pair[1].ids))
    readings: dict[int, Reading] = {}
    for first in range(0, len(ordered), batch_size):
        places, batch = zip(*ordered[first : first + batch_size], strict=True)
        readings.update(zip(places, _read_batch(model, batch), strict=True))
    return [readings[place] for place in range(len(ordered))]


def _read_batch(model: LanguageModel, documents: Sequence[Document]) -> list[Reading]:
    reach = model.network.config.context
    longest = min(reach + 1, max(len(document.ids) for document in documents))
    ids = np.zeros((len(documents), longest), dtype=np.int64)
    for row, document in enumerate(documents):
        seen = document.ids[:longest]
        ids[row, : len(seen)] = seen
    tokens = torch.from_numpy(ids).to(next(model.network.parameters()).device)
    with torch.inference_mode():
        logp = model.network(tokens[:, :-1]).float().log_softmax(dim=-1)  # batch seq vocab
        loss = -logp.gather(-1, tokens[:, 1:, None])[..., 0].double().cpu().numpy()
        is_top = (logp.argmax(dim=-1) == tokens[:, 1:]).cpu().numpy()
    readings = []
    for row, document in enumerate(documents):
        count = min(len(document.ids), longest) - 1
        losses = np.full(len(document.ids), np.nan)
        tops = np.zeros(len(document.ids), dtype=bool)
        losses[1 : count + 1] = loss[row, :count]
        tops[1 : count + 1] = is_top[row, :count]
        readings.append(Reading(document, losses, tops))
    return readings


def where_exact(
    readings: Iterable[Reading], wanted: Callable[[float], bool]
) -> tuple[Float64[np.ndarray, " token"], Bool[np.ndarray, " token"]]:
    """Collect loss and hits at the tokens whose exact entropy is wanted.

    Args:
        readings: Documents as a model read them.
        wanted: Of an entropy in nats, whether such tokens are asked for: `lambda h: h == 0` for
            those that a perfect reader is sure of.
    """
    losses, hits = [], []
    for reading in readings:
        exact = exactness(reading.document)
        chosen = exact.known & ~np.isnan(reading.loss)
        chosen[chosen] = [wanted(h) for h in exact.entropy[chosen].tolist()]
        losses.append(reading.loss[chosen])
        hits.append(reading.is_top[chosen])
    return np.concatenate([np.zeros(0), *losses]), np.concatenate([np.zeros(0, bool), *hits])


@dataclass(frozen=True, slots=True)
class KindReading:
    """How well a model reads one kind of document."""

    loss: float
    """Mean over all tokens, in nats."""
    known_share: float
    """Share of the tokens whose exact distribution is known."""
    known_loss: float
    """Mean loss there; NaN if there are none."""
    entropy: float
    """What a perfect reader would lose there."""


def by_kind(readings: Iterable[Reading]) -> dict[str, KindReading]:
    """Sum readings up by kind of document."""
    parts: dict[str, list[Float64[np.ndarray, "3 token"]]] = {}
    for reading in readings:
        exact = exactness(reading.document)
        rows = np.stack([reading.loss, exact.known.astype(float), exact.entropy])
        parts.setdefault(reading.document.kind, []).append(rows[:, ~np.isnan(reading.loss)])
    found = {}
    for kind, rows in parts.items():
        loss, known, entropy = np.concatenate(rows, axis=1)
        inside = known > 0
        found[kind] = KindReading(
            loss=float(loss.mean()),
            known_share=float(inside.mean()),
            known_loss=float(loss[inside].mean()) if inside.any() else float("nan"),
            entropy=float(entropy[inside].mean()) if inside.any() else float("nan"),
        )
    return found
