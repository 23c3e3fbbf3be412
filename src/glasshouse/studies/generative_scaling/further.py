"""Beyond laws of size: harder sums, classifiers of images, flat and deep models."""

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import nn

from glasshouse.corpora import Domain, Drawn, LabelledField
from glasshouse.models import Transformer
from glasshouse.scaling import Trial
from glasshouse.scaling.mup import mup_groups, mup_initialise
from glasshouse.scaling.plans import SweepPlan, populations
from glasshouse.scaling.training import train_trials
from glasshouse.studies.generative_scaling.asking import (
    all_tokens,
    counted_loss,
)
from glasshouse.studies.generative_scaling.config import GenerativeConfig
from glasshouse.studies.generative_scaling.seen import Classified, Further, Reckoned, Shaped
from glasshouse.training import BatchSource, domain_batches
from glasshouse.training.batches import Batch, marked
from glasshouse.training.schedule import ScheduleConfig, learning_rate
from glasshouse.world.streams import stream

_NAME = "generative-scaling"
_WARMUP = 0.1
"""Share of a classifier's steps in which its learning rate rises."""

_LABELLED = 1_000_000
"""Added to seeds of images that come with labels."""

Trained = Callable[[Trial, Transformer], None]
"""Given each network as it ends."""
Sources = Callable[[int], BatchSource]
"""Training sequences of a seed."""


def grow_further(config: GenerativeConfig, *, seed: int) -> Further:
    """Train and measure all of it."""
    return Further(
        sums=_sums(config, seed),
        classified=_classified(config, seed),
        shaped=_shaped(config, seed),
    )


def _sums(config: GenerativeConfig, seed: int) -> tuple[Reckoned, ...]:
    """Runs on sums; only answers count."""
    sums = config.further.sums
    easy = sums.easy.draw(config.held_out, stream(seed, _NAME, "held out", "easy sums"))
    hard = sums.hard.draw(config.held_out, stream(seed, _NAME, "held out", "hard sums"))
    found: list[Reckoned] = []

    def trained(trial: Trial, network: Transformer) -> None:
        found.append(
            Reckoned(
                params=trial.shape.params,
                steps=trial.steps,
                seed=trial.seed,
                easy=counted_loss(network, easy),
                hard=counted_loss(network, hard),
            )
        )

    _train(config.sums_plan(seed), _counted(sums.easy), easy, trained)
    return tuple(found)


def _classified(config: GenerativeConfig, seed: int) -> tuple[Classified, ...]:
    """Classifiers from models of images, and from scratch, of the same labelled images."""
    domain = config.further.classifier.domain(seed)
    drawn = domain.draw(config.held_out, stream(seed, _NAME, "held out", "classes"))
    plan = config.classifier_plan(seed)
    found: list[Classified] = []

    def trained(trial: Trial, network: Transformer) -> None:
        generator = torch.Generator().manual_seed(trial.seed)
        scratch = mup_initialise(
            Transformer(trial.shape.config), generator, base_width=plan.base_width
        )
        for start in (network, scratch):
            taught = _taught(start, config, trial, domain, base_width=plan.base_width)
            found.append(
                Classified(
                    params=trial.shape.params,
                    seed=trial.seed,
                    pretrained=start is network,
                    error=_error(taught, domain, drawn),
                )
            )

    def unlabelled(number: int) -> BatchSource:
        source = domain_batches(domain, seed=number)

        def read(first: int, count: int) -> Batch:
            batch = source(first, count)
            assert batch.mask is not None  # of labels
            return marked(Batch(batch.inputs, batch.targets, 1 - batch.mask))

        return read

    _train(plan, unlabelled, drawn, trained)
    return tuple(found)


class Classifier(nn.Module):
    """A head on the mean of what a network's unembedding reads, over all places.

    Source:
        Henighan et al. 2020 (2010.14701), section 3.4.
    """

    def __init__(self, network: Transformer, classes: int) -> None:
        super().__init__()
        self.network = network
        self.head = nn.Linear(network.config.d_model, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(
        self, ids: Int64[torch.Tensor, "image token"]
    ) -> Float[torch.Tensor, "image class"]:
        """Logits of classes."""
        return self.head(self.network.features(ids).mean(dim=1))


def _taught(
    start: Transformer,
    config: GenerativeConfig,
    trial: Trial,
    domain: LabelledField,
    *,
    base_width: int,
) -> Classifier:
    """A copy that has learned to name classes, from a few images read again and again."""
    further = config.further.classifier
    network = copy.deepcopy(start).requires_grad_(True)
    taught = Classifier(network, domain.labels).train()
    groups = mup_groups(network, lr=further.fine_lr, base_width=base_width)
    head = {"params": [*taught.head.parameters()], "lr_factor": 1.0}
    optimizer = torch.optim.AdamW([*groups, head], weight_decay=0.0)
    schedule = ScheduleConfig(
        peak_lr=further.fine_lr, warmup_steps=round(_WARMUP * further.fine_steps)
    )
    # images that pre-training never saw, the same ones for both starts
    source = domain_batches(domain, seed=_LABELLED + trial.seed, limit=further.images)
    for step in range(further.fine_steps):
        lr = learning_rate(schedule, step, further.fine_steps)
        for group in optimizer.param_groups:
            group["lr"] = lr * group["lr_factor"]
        batch = source(step * config.batch, config.batch)
        classes = batch.targets[:, -1] - domain.field.levels
        loss = F.cross_entropy(taught(batch.inputs), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return taught.eval().requires_grad_(False)


@torch.no_grad()
def _error(classifier: Classifier, domain: LabelledField, drawn: Drawn) -> float:
    ids = torch.from_numpy(drawn.ids)
    named = classifier(ids[:, :-1]).argmax(dim=-1) + domain.field.levels
    return float((named != ids[:, -1]).double().mean())


def _shaped(config: GenerativeConfig, seed: int) -> tuple[Shaped, ...]:
    """Flat and deep models of the chain."""
    chain = config.domains(seed)["chain"]
    drawn = chain.draw(config.held_out, stream(seed, _NAME, "held out", "chain"))
    assert drawn.logprobs is not None
    best = -float(drawn.logprobs[:, 1:].mean())
    found: list[Shaped] = []

    def trained(trial: Trial, network: Transformer) -> None:
        found.append(
            Shaped(
                layers=trial.shape.num_layers,
                width=trial.shape.d_model,
                params=trial.shape.params,
                seed=trial.seed,
                lack=counted_loss(network, drawn) - best,
            )
        )

    _train(config.shapes_plan(seed), _counted(chain), drawn, trained)
    return tuple(found)


def _train(plan: SweepPlan, source: Sources, held_out: Drawn, trained: Trained) -> None:
    """Train all of a plan; the held-out loss of its records is not looked at."""
    some_held_out = Drawn(ids=held_out.ids[:1], counts=held_out.counts[:1], logprobs=None)
    for some in populations(plan.trials):
        sources = [source(trial.seed) for trial in some]
        train_trials(plan, some, sources, all_tokens(some_held_out), moments=1, trained=trained)


def _counted(domain: Domain) -> Sources:
    """Sequences of a domain, of which only what counts is learned."""

    def of_seed(seed: int) -> BatchSource:
        source = domain_batches(domain, seed=seed)
        return lambda first, count: marked(source(first, count))

    return of_seed
