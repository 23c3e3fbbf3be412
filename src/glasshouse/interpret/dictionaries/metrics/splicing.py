"""What a model loses when it goes on with the reconstruction in the place of the value.

Splicing is a feed: the value's place takes a function of the value.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.dataflow.feeds import Change
from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.coder import Coder
from glasshouse.interpret.subject import Subject, graph_of, token_ids


@dataclass(frozen=True, kw_only=True, slots=True)
class Splice:
    """Losses in nats a token, and what share of what a value is worth the dictionary keeps."""

    clean: float
    """Loss of the model as it is."""
    spliced: float
    """Loss with the reconstruction in the value's place."""
    ablated: float
    """Loss with the mean over all tokens in its place."""
    divergence: float
    """KL from the clean prediction to the spliced one, in nats a token."""

    @property
    def recovered(self) -> float:
        """1: as good as clean; 0: no better than the mean; below 0: worse than that.

        NaN where the value is worth nothing to the model.
        """
        worth = self.ablated - self.clean
        return float("nan") if worth <= 0 else 1 - (self.spliced - self.clean) / worth


def spliced(coder: Coder) -> Change:
    """What to feed in a value's place: `feed={name: spliced(dictionary)}`."""

    def change(value: Tensor) -> Tensor:
        rows = value.flatten(2)
        return coder.decode(coder.encode(rows)).view_as(value).to(value)

    return change


def _written(rebuilt: Tensor) -> Change:
    """What has been rebuilt from another value, in the shape of the value it replaces."""
    return lambda value: rebuilt.view_as(value).to(value)


def splice_cost(
    subject: Subject,
    texts: Int[Tensor, "_ _"] | Iterable[Int[Tensor, "_ _"]],
    name: str,
    coder: Coder,
    *,
    source: str | None = None,
) -> Splice:
    """Measure what splicing costs, on texts that the dictionary was not trained on.

    Args:
        subject: Who is looked into.
        texts: Token ids, one batch or several; the loss is that of all tokens but the first.
        name: The value whose place the reconstruction takes.
        coder: The dictionary.
        source: The value that is encoded, where that is another one: a transcoder's, which must be
            computed before `name` is. None: the same.

    Raises:
        InputError: If there is no text of two tokens.
    """
    batches = [texts] if isinstance(texts, Tensor) else list(texts)
    if not batches or any(batch.shape[1] < 2 for batch in batches):
        raise InputError("splicing is measured by the loss of next tokens; give two tokens or more")
    graph = graph_of(subject)
    mean = _mean_value(subject, batches, name)
    sums = torch.zeros(4, dtype=torch.float64)
    count = 0
    for batch in batches:
        ids = token_ids(subject, batch)
        if source is None:
            clean = graph.run(ids, fetch="logits")["logits"]
            change = spliced(coder)
        else:
            read = graph.run(ids, fetch=["logits", source])
            clean = read["logits"]
            change = _written(coder.decode(coder.encode(read[source].flatten(2))))
        other = graph.run(ids, fetch="logits", feed={name: change})["logits"]
        blank = graph.run(ids, fetch="logits", feed={name: lambda v: mean.to(v).expand_as(v)})
        losses = [_loss(logits, ids) for logits in (clean, other, blank["logits"])]
        apart = _divergence(clean[:, :-1], other[:, :-1])
        sums += torch.stack([*(loss.sum() for loss in losses), apart.sum()]).cpu().double()
        count += ids.shape[0] * (ids.shape[1] - 1)
    clean_loss, spliced_loss, ablated_loss, divergence = (sums / count).tolist()
    return Splice(
        clean=clean_loss, spliced=spliced_loss, ablated=ablated_loss, divergence=divergence
    )


def _mean_value(subject: Subject, batches: Iterable[Tensor], name: str) -> Tensor:
    def rows() -> Iterator[Tensor]:
        for batch in batches:
            ids = token_ids(subject, batch)
            yield graph_of(subject).run(ids, fetch=name)[name].flatten(0, 1)

    total, count = 0.0, 0
    for value in rows():
        total = total + value.double().sum(dim=0)
        count += len(value)
    assert isinstance(total, Tensor)
    return total / count


def _loss(logits: Float[Tensor, "batch pos vocab"], ids: Int[Tensor, "batch pos"]) -> Tensor:
    predicted = logits[:, :-1].flatten(0, 1)
    return torch.nn.functional.cross_entropy(predicted, ids[:, 1:].flatten(), reduction="none")


def _divergence(clean: Tensor, other: Tensor) -> Tensor:
    wanted, found = clean.log_softmax(dim=-1), other.log_softmax(dim=-1)
    return (wanted.exp() * (wanted - found)).sum(dim=-1)
