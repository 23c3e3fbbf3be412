"""Latents behind an answer that needs two facts: attribution, ablation, activation (claim 8)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int

from glasshouse.interpret.activations import harvest_all
from glasshouse.interpret.dictionaries import Dictionary
from glasshouse.interpret.dictionaries.metrics import (
    Rebuilding,
    measure_rebuilding,
    score_against_ledger,
    sparse_codes,
)
from glasshouse.interpret.features import latent_ablation, latent_attribution, top_overlap
from glasshouse.interpret.metrics import logit_difference
from glasshouse.models import LanguageModel
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.scaling_monosemanticity.claims import ATTRIBUTION, ATTRIBUTION_BEATS
from glasshouse.studies.scaling_monosemanticity.config import ScalingConfig
from glasshouse.studies.scaling_monosemanticity.evidence import (
    control_of,
    over_units,
    ratio_over_units,
    untested,
)
from glasshouse.studies.scaling_monosemanticity.grow import NAME, Grown, Tick, grow
from glasshouse.studies.scaling_monosemanticity.learning import Recipe, train_side_by_side
from glasshouse.world.streams import stream
from glasshouse.world.two_hops import TwoHopWorld

TOP = 10
"""Places that are compared; the paper's."""

_HELD_TEXTS = 600
"""Texts on which each town's latent is looked for."""

Place = tuple[int, int]
"""A token and a latent."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prompt:
    """One question, its latents taken away one by one."""

    effects: Float[np.ndarray, " place"]
    """By how much the right answer's lead falls, for every active latent at every token."""
    estimates: Float[np.ndarray, " place"]
    """The same by attribution."""
    activations: Float[np.ndarray, " place"]
    """How active the latent is there."""
    attribution: float
    """Share of the top ten by ablation that attribution names."""
    activation: float
    """Share that activation names."""
    other: float
    """Share named by attribution to the lead of one wrong answer over another."""
    random: float
    """Share named by ten active places at random."""
    has_town: bool
    """Whether a latent of the town in between, which is not said, is among the ten."""
    has_other_town: bool
    """The same of the next town's latent."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Effects:
    """What attribution and activation know of ablation."""

    grown: Grown
    """The model of facts."""
    asked: float
    """Share of questions answered rightly, about people that texts asked about."""
    held_out: float
    """The same about people that they did not."""
    rebuilding: Rebuilding
    """The dictionary on held-out texts."""
    prompts: list[Prompt]
    """Questions that the model answers rightly."""


def measure(config: ScalingConfig, *, seed: int, tick: Tick) -> Effects:
    """Grow the model of facts, learn a dictionary of its middle, take latents away."""
    own, world = config.two_hops, config.facts(seed)
    grown = grow(
        own.grow,
        lambda count, rng: world.sample(count, rng).ids,
        world.vocabulary,
        world.length + 1,
        name="facts",
        seed=seed,
        device=config.device,
        tick=tick,
    )
    value = own.grow.value
    learn = world.sample(own.texts, stream(seed, NAME, "facts", "learn")).ids
    rows = harvest_all(grown.model, learn.tolist(), value, skip=1)[value]
    dictionary = train_side_by_side(
        rows,
        [Recipe(latents=own.latents, steps=own.steps, lr=3e-3)],
        penalty=config.learn.penalty,
        batch=config.learn.batch,
        name="facts",
        seed=seed,
        tick=tick,
        value=value,
    )[0]
    held = world.sample(_HELD_TEXTS, stream(seed, NAME, "facts", "held"))
    held_rows = harvest_all(grown.model, held.ids.tolist(), value, skip=1)
    towns = _town_latents(
        dictionary, held_rows[value], held.town[:, 1:].ravel(), held_rows.document, world.towns
    )
    asked, right = _answers(grown.model, world, ~world.is_held_out, seed, own.facts)
    kept = np.flatnonzero(right)[: own.prompts]
    prompts = []
    for place in kept.tolist():
        tick("taking latents away")
        ids, person = asked[0][place], int(asked[1][place])
        prompts.append(
            _prompt(grown.model, world, dictionary, value, ids, person, towns, seed, place)
        )
    _, also = _answers(grown.model, world, world.is_held_out, seed, own.facts)
    return Effects(
        grown=grown,
        asked=float(right.mean()),
        held_out=float(also.mean()) if len(also) else float("nan"),
        rebuilding=measure_rebuilding(dictionary, held_rows[value]),
        prompts=prompts,
    )


def _answers(
    model: LanguageModel, world: TwoHopWorld, which: np.ndarray, seed: int, facts: int
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Questions about some people, thrice each, and whether each is answered rightly."""
    rng = stream(seed, NAME, "facts", "asked", int(which.sum()))
    people = rng.permutation(np.repeat(np.flatnonzero(which), 3))
    texts = world.questions(people, rng, facts=facts)
    where = model.network.embed.weight.device
    with torch.no_grad():
        logits = model.graph().run(torch.from_numpy(texts.ids).to(where), fetch="logits")["logits"]
    said = logits[:, -1].argmax(dim=-1).cpu().numpy()
    return (texts.ids, people), said == world.answers(people)


def _town_latents(
    dictionary: Dictionary,
    rows: torch.Tensor,
    town: Int[np.ndarray, " token"],
    document: torch.Tensor,
    towns: int,
) -> Int[np.ndarray, " town"]:
    """The latent that fits each town best, said or not."""
    truth = scipy.sparse.csr_array(town[:, None] == np.arange(towns))
    names = [str(number) for number in range(towns)]
    ledger = score_against_ledger(
        sparse_codes(dictionary, rows), truth, names, document, min_count=2
    )
    found = np.full(towns, -1)
    for name, latent in zip(ledger.names, ledger.f1_latent, strict=True):
        found[int(name)] = latent
    return found


def _prompt(
    model: LanguageModel,
    world: TwoHopWorld,
    dictionary: Dictionary,
    value: str,
    ids: Int[np.ndarray, " token"],
    person: int,
    towns: Int[np.ndarray, " town"],
    seed: int,
    number: int,
) -> Prompt:
    """Ablate every active latent of one question; attribute to the same answer and to another."""
    rng = stream(seed, NAME, "facts", "prompt", number)
    town = int(world.home[person])
    right = int(world.region[town])
    wrong = rng.permutation(np.delete(np.arange(world.lands), right))
    answer, first, second = (int(world.land_id(np.array(one))) for one in (right, *wrong[:2]))
    row = torch.from_numpy(ids)[None]
    metric = logit_difference(answer, first)
    told = latent_attribution(model, row, value, dictionary, metric)
    rival = logit_difference(first, second) if first != second else metric
    elsewhere = latent_attribution(model, row, value, dictionary, rival)
    codes = told.activations[0].detach()
    places: list[Place] = [
        (int(token), int(latent)) for token, latent in codes.nonzero() if int(token) > 0
    ]
    effects = latent_ablation(model, row, value, dictionary, metric, places, batch_size=128)[:, 0]
    best = [places[place] for place in effects.argsort(descending=True)[:TOP].tolist()]
    dealt = [places[place] for place in rng.permutation(len(places))[:TOP]]
    at = tuple(torch.tensor(places).T)
    named = {latent for _, latent in best}
    return Prompt(
        effects=effects.cpu().numpy(),
        estimates=told.effects[0][at].detach().cpu().numpy(),
        activations=codes[at].cpu().numpy(),
        attribution=top_overlap(best, told.top(TOP)),
        activation=top_overlap(best, told.most_active(TOP)),
        other=top_overlap(best, elsewhere.top(TOP)),
        random=top_overlap(best, dealt),
        has_town=int(towns[town]) in named,
        has_other_town=int(towns[(town + 1) % world.towns]) in named,
    )


def claims(seen: Effects, seed: int) -> list[ClaimResult]:
    """Judge attribution by ablation, and beside activation."""
    if len(seen.prompts) < 10:
        why = f"the model answers {len(seen.prompts)} questions of those asked"
        return [untested(claim, why) for claim in (ATTRIBUTION, ATTRIBUTION_BEATS)]
    attribution, activation, other, random = (
        _over(seen.prompts, name) for name in ("attribution", "activation", "other", "random")
    )
    least = max(float(np.mean(activation)), 1e-9)
    return [
        over_units(
            ATTRIBUTION,
            attribution,
            seed=seed,
            text=f"{np.mean(attribution):.2f} of ten over {len(attribution)} questions; activation "
            f"names {np.mean(activation):.2f}",
            control=control_of(ATTRIBUTION, random, seed=seed, text="ten active places at random"),
        ),
        ratio_over_units(
            ATTRIBUTION_BEATS,
            attribution,
            activation,
            seed=seed,
            text=f"{np.mean(attribution):.2f} by attribution, {np.mean(activation):.2f} by "
            "activation",
            control=control_of(
                ATTRIBUTION_BEATS,
                [one / least for one in other],
                seed=seed,
                text="attribution to the lead of one wrong answer over another",
            ),
        ),
    ]


def _over(prompts: Sequence[Prompt], name: str) -> list[float]:
    return [float(getattr(prompt, name)) for prompt in prompts]
