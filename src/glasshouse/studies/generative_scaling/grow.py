"""Train all sizes on all domains; what a domain came to is one file in the workspace."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import torch

from glasshouse.corpora import Domain, Drawn, LabelledField, MarkovChain, measure_entropy
from glasshouse.files import write_atomically
from glasshouse.models import Transformer
from glasshouse.scaling import SweepPlan, Trial, TrialRecord
from glasshouse.scaling.plans import populations
from glasshouse.scaling.records import keep_sweep
from glasshouse.scaling.training import train_trials
from glasshouse.studies.generative_scaling.asking import all_tokens, token_losses
from glasshouse.studies.generative_scaling.config import READINGS, GenerativeConfig, Reading
from glasshouse.studies.generative_scaling.further import grow_further
from glasshouse.studies.generative_scaling.seen import DomainRuns, Further, Labelled, Seen
from glasshouse.studies.study import Progress
from glasshouse.training import domain_batches
from glasshouse.training.batches import Batch
from glasshouse.world.streams import stream

NAME = "generative-scaling"
_MOMENTS = 2
"""Times of measuring."""

Inform = Callable[[Transformer, LabelledField, Drawn], tuple[float, float]]
"""What a network makes of own and of dealt labels."""


def grow_all(config: GenerativeConfig, *, seed: int, workspace: Path, progress: Progress) -> Seen:
    """Train what is not yet trained."""
    torch.set_num_threads(1)  # models this small gain nothing from a second one
    key = hashlib.sha256(f"{replace(config, draws=20)!r}".encode()).hexdigest()[:12]
    folder = workspace / NAME / f"seed{seed}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    domains = config.domains(seed)
    total = len(domains) + 2
    found = []
    for place, (name, domain) in enumerate(domains.items()):
        progress(place, total, f"growing models of {name}")
        path = folder / f"{name.replace(' ', '-')}.json"
        if not path.is_file():
            write_atomically(path, msgspec.json.encode(_grown(config, name, domain, seed=seed)))
        found.append(msgspec.json.decode(path.read_bytes(), type=DomainRuns))
        _keep(folder / path.stem, config.plan(domain, seed), found[-1].records, name)
    progress(total - 2, total, "growing models of images with labels")
    path = folder / "labelled.json"
    if not path.is_file():
        write_atomically(path, msgspec.json.encode(_labelled(config, folder, seed=seed)))
    labelled = msgspec.json.decode(path.read_bytes(), type=list[Labelled])
    progress(total - 1, total, "growing models of sums, of classes, and of other shapes")
    path = folder / "further.json"
    if not path.is_file():
        write_atomically(path, msgspec.json.encode(grow_further(config, seed=seed)))
    truth = config.labelled.domain(seed).mutual_information(
        count=config.entropy_draws, rng=stream(seed, NAME, "information")
    )
    return Seen(
        config=config,
        seed=seed,
        domains=tuple(found),
        labelled=tuple(labelled),
        information=truth.nats,
        information_error=truth.error,
        further=msgspec.json.decode(path.read_bytes(), type=Further),
    )


def _grown(config: GenerativeConfig, name: str, domain: Domain, *, seed: int) -> DomainRuns:
    """All runs on one domain."""
    drawn = domain.draw(config.held_out, stream(seed, NAME, "held out", name))
    entropy = (
        domain.entropy
        if isinstance(domain, MarkovChain)
        else measure_entropy(
            domain, count=config.entropy_draws, rng=stream(seed, NAME, "entropy", name)
        )
    )
    assert drawn.logprobs is not None
    costs = -drawn.logprobs[:, 1:].mean(axis=1)
    lacks: dict[str, tuple[float, ...]] = {}

    def trained(trial: Trial, network: Transformer) -> None:
        if trial.steps == config.steps[-1] and not isinstance(domain, MarkovChain):
            losses = token_losses(network, torch.from_numpy(drawn.ids))
            lacks[trial.name] = tuple((losses.mean(axis=1) - costs).tolist())

    plan = config.plan(domain, seed)
    records: list[TrialRecord] = []
    for some in populations(plan.trials, largest=32):
        sources = [domain_batches(domain, seed=trial.seed) for trial in some]
        # Only the last loss counts, and measuring is what short runs would mostly do.
        records += train_trials(
            plan, some, sources, all_tokens(drawn), moments=_MOMENTS, trained=trained
        )
    return DomainRuns(
        name=name,
        entropy=entropy.nats,
        entropy_error=entropy.error,
        records=tuple(records),
        lacks=lacks,
        costs=tuple(costs.tolist()),
    )


def _keep(folder: Path, plan: SweepPlan, records: Sequence[TrialRecord], name: str) -> None:
    """Leave runs as a sweep, for laws to be fitted to and for the notebook."""
    keep_sweep(folder, replace(plan, budget=plan.flops), records, data={"domain": name})


def _labelled(config: GenerativeConfig, folder: Path, *, seed: int) -> list[Labelled]:
    """Runs of every reading of images with labels, all measured on the same pairs."""
    plan = config.label_plan(seed)
    found = []
    for reading in READINGS:
        domain = config.labelled.domain(seed, reading)
        shown = replace(domain, blank=0.0)
        drawn = shown.draw(config.held_out, stream(seed, NAME, "held out", "labelled"))
        inform = image_information if reading == "image first" else label_information

        def trained(
            trial: Trial,
            network: Transformer,
            reading: Reading = reading,
            shown: LabelledField = shown,
            drawn: Drawn = drawn,
            inform: Inform = inform,
        ) -> None:
            information, dealt = inform(network, shown, drawn)
            found.append(
                Labelled(
                    params=trial.shape.params,
                    reading=reading,
                    seed=trial.seed,
                    information=information,
                    dealt=dealt,
                )
            )

        records: list[TrialRecord] = []
        for some in populations(plan.trials, largest=32):
            sources = [_all_counted(domain, trial.seed) for trial in some]
            records += train_trials(
                plan, some, sources, all_tokens(drawn), moments=_MOMENTS, trained=trained
            )
        name = f"labelled {reading}"
        _keep(folder / name.replace(" ", "-"), plan, records, name)
    return found


def label_information(
    network: Transformer, domain: LabelledField, drawn: Drawn
) -> tuple[float, float]:
    """Nats an image that a network makes of the label, and of that of another image.

    Args:
        network: Reads label and image.
        domain: What was drawn.
        drawn: Images with their labels first.
    """
    own = torch.from_numpy(drawn.ids)
    blank, dealt = own.clone(), own.clone()
    blank[:, 1] = domain.field.levels + domain.labels
    dealt[:, 1] = own[:, 1].roll(1)
    losses = [token_losses(network, ids)[:, 1:].sum(axis=1) for ids in (own, blank, dealt)]
    return float((losses[1] - losses[0]).mean()), float((losses[1] - losses[2]).mean())


def image_information(
    network: Transformer, domain: LabelledField, drawn: Drawn
) -> tuple[float, float]:
    """Nats that a network makes of an image when it names its label, and when it names another's.

    Args:
        network: Reads image and label.
        domain: What was drawn.
        drawn: Images with their labels last.
    """
    own = torch.from_numpy(drawn.ids)
    dealt = own.clone()
    dealt[:, -1] = own[:, -1].roll(1)
    losses = [token_losses(network, ids)[:, -1].mean() for ids in (own, dealt)]
    unread = math.log(domain.labels)
    return unread - float(losses[0]), unread - float(losses[1])


def _all_counted(domain: LabelledField, seed: int):
    """Sequences of which the label counts too: it costs everybody the same."""
    source = domain_batches(domain, seed=seed)

    def read(first: int, count: int) -> Batch:
        return replace(source(first, count), mask=None)

    return read
