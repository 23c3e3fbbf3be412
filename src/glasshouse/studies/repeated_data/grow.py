"""Populations that read what they are given, and how much of it again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.func import functional_call, vmap

from glasshouse.corpora import Echoes
from glasshouse.models import Transformer
from glasshouse.models.transformer import initialise
from glasshouse.studies.repeated_data.config import RepeatedDataConfig
from glasshouse.training.population import (
    Parameters,
    PopulationConfig,
    num_replicas,
    stack_modules,
    train_population,
)
from glasshouse.world.streams import stream

NAME = "repeated-data"
_ROWS = 64
"""Documents of one forward pass when measuring."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One run that is to be made."""

    share: float
    """Of the subset; 0 is a clean run."""
    repeats: int
    """Of each of its documents."""
    replica: int
    """Which of the runs that differ in seeds alone."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Grown:
    """A population at its end."""

    template: Transformer
    """The architecture, without weights."""
    parameters: Parameters
    """Weights of all runs."""
    courses: Float[np.ndarray, "moment replica"]
    """Losses on fresh documents, at the moments."""
    subsets: list[Int64[Tensor, "_ token"]]
    """A part of what each run read again; empty for clean runs."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HeldOut:
    """Fresh documents."""

    ids: Int64[Tensor, "document token"]
    """Their tokens."""
    is_copied: Bool[Tensor, "document target"]
    """Which targets looking back foretells."""


def held_out(language: Echoes, count: int, rng: np.random.Generator) -> HeldOut:
    """Draw documents to measure on."""
    drawn, is_copied = language.draw_parted(count, rng)
    return HeldOut(
        ids=torch.from_numpy(drawn.ids), is_copied=torch.from_numpy(is_copied[:, 1:].copy())
    )


def grow(
    config: RepeatedDataConfig,
    width: int,
    jobs: Sequence[Job],
    fresh: HeldOut,
    *,
    seed: int,
    tick: Callable[[], None],
) -> Grown:
    """Train all runs of a size.

    Runs of one replica begin with the same weights and read of the same stream of documents.
    """
    template = template_of(config, width)
    networks = []
    for job in jobs:
        start = int(stream(seed, NAME, "start", width, job.replica).integers(2**31))
        network = Transformer(config.architecture(width))
        initialise(network, torch.Generator().manual_seed(start))
        networks.append(network)
    parameters = stack_modules(networks)
    texts = [_texts(config, job, seed=seed) for job in jobs]
    due = set(moments(config))
    courses = []

    def batch_at(step: int) -> Tensor:
        some = slice(step * config.rows, (step + 1) * config.rows)
        return torch.stack([documents[order[some]] for documents, order in texts])

    training = PopulationConfig(
        steps=config.steps,
        peak_lr=config.rate(width),
        schedule="constant",
        warmup_steps=config.warmup_steps,
        beta2=0.98,
    )
    for record in train_population(parameters, loss_of(template), batch_at, training):
        if record.step in due:
            courses.append(mean_losses(template, record.parameters, fresh.ids))
        tick()
    return Grown(
        template=template,
        parameters={name: value.detach() for name, value in parameters.items()},
        courses=np.stack(courses),
        subsets=[
            documents[: min(_ROWS, config.plan(job.share, job.repeats).subset)]
            for (documents, _), job in zip(texts, jobs, strict=True)
        ],
    )


def tune(
    config: RepeatedDataConfig,
    template: Transformer,
    parameters: Parameters,
    other: Echoes,
    *,
    rng: np.random.Generator,
) -> Parameters:
    """Go on in another language; all runs read the same documents of it."""
    own = {name: value.detach().clone() for name, value in parameters.items()}
    replicas = num_replicas(own)
    training = PopulationConfig(
        steps=config.tune_steps,
        peak_lr=config.rate(template.config.d_model) / 2,
        schedule="constant",
        warmup_steps=config.warmup_steps,
        beta2=0.98,
    )

    def batch_at(step: int) -> Tensor:
        ids = torch.from_numpy(other.draw(config.rows, rng).ids)
        return ids.expand(replicas, *ids.shape)

    for _ in train_population(own, loss_of(template), batch_at, training):
        pass
    return {name: value.detach() for name, value in own.items()}


def template_of(config: RepeatedDataConfig, width: int) -> Transformer:
    """The architecture of a width, without weights."""
    template = Transformer(config.architecture(width), device="meta")
    template.kernel = "explicit"  # the fused kernel has no form for many models at once
    return template


def loss_of(template: Transformer) -> Callable[[Parameters, Tensor], Tensor]:
    """Mean loss of each run on its own documents."""

    def loss(own: Parameters, ids: Int64[Tensor, "document token"]) -> Float[Tensor, ""]:
        logits = functional_call(template, own, (ids[:, :-1],))
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())

    return vmap(loss)


@torch.no_grad()
def token_losses(
    template: Transformer, parameters: Parameters, ids: Int64[Tensor, "document token"]
) -> Float[Tensor, "replica document target"]:
    """Every run's loss on every token, in nats."""

    def read(own: Parameters, some: Tensor) -> Tensor:
        logits = functional_call(template, own, (some[:, :-1],))
        return F.cross_entropy(logits.transpose(1, 2), some[:, 1:], reduction="none")

    parts = [vmap(read, (0, None))(parameters, some) for some in ids.split(_ROWS)]
    return torch.cat(parts, dim=1)


def mean_losses(
    template: Transformer, parameters: Parameters, ids: Int64[Tensor, "document token"]
) -> Float[np.ndarray, " replica"]:
    """Every run's mean loss."""
    return token_losses(template, parameters, ids).mean(dim=(1, 2)).numpy()


def moments(config: RepeatedDataConfig) -> tuple[int, ...]:
    """Steps after which losses are measured; the last one is the end."""
    steps = np.linspace(0, config.steps, config.moments + 1)[1:]
    return tuple(sorted({round(float(one)) for one in steps}))


def _texts(
    config: RepeatedDataConfig, job: Job, *, seed: int
) -> tuple[Int64[Tensor, "document token"], Int64[Tensor, " place"]]:
    """The documents of a run, and which stands in which place."""
    plan = config.plan(job.share, job.repeats)
    rng = stream(seed, NAME, "documents", job.replica)
    documents = torch.from_numpy(config.language(seed).draw(plan.unique, rng).ids)
    order = plan.deal(stream(seed, NAME, "order", job.replica, job.repeats))
    return documents, torch.from_numpy(order)
