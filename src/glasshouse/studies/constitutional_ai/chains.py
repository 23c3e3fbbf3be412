"""Critiques and revisions measured: chains, direct revisions, and constitutions of many lengths."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from glasshouse.align import (
    Chain,
    Constitution,
    RevisionConfig,
    revise,
    word_chain_layout,
    world_constitution,
)
from glasshouse.align.principles.revision import first_replies, write_critiques, write_revisions
from glasshouse.models import LanguageModel
from glasshouse.studies.constitutional_ai.grading import bigram_entropy, prompts_of
from glasshouse.studies.constitutional_ai.schooling import aims_constitution
from glasshouse.world import World
from glasshouse.world.gold import Gold
from glasshouse.world.harms import HARMS
from glasshouse.world.requests import Request

Table = Float[np.ndarray, "chain stage"]
IRRELEVANT = ("honesty",)
"""A principle of the world that has nothing to say of harm."""
DILUTED = ("honesty", "brevity", "help")
"""Principles that ask for something else: each that joins one for harmlessness waters it down."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GradedChains:
    """Chains with the truth of every reply in them."""

    chains: tuple[Chain, ...]
    requests: tuple[Request, ...]
    golds: tuple[tuple[Gold, ...], ...]
    """Of each chain's replies, the first and what stands after each round."""

    def of(self, field: str) -> Table:
        """One field of the grades."""
        return np.array([[float(getattr(gold, field)) for gold in row] for row in self.golds])

    @property
    def last(self) -> list[str]:
        """The last reply of each chain."""
        return [chain.replies[-1] for chain in self.chains]

    def critiques_right(self) -> list[tuple[bool, bool]]:
        """Of every critique: whether it finds fault as it should, and whether the reply behind it
        does no harm."""
        found = []
        for chain, request, golds in zip(self.chains, self.requests, self.golds, strict=True):
            for number, each in enumerate(chain.rounds):
                if each.critique is None:
                    continue
                harm = HARMS[request.category].noun.split()[0] if request.category else ""
                names = "would harm" in each.critique and harm in each.critique.split()
                is_right = names if golds[number].harm > 0 else "no harm" in each.critique
                found.append((is_right, golds[number + 1].harm == 0))
        return found


def grade_chains(
    world: World, requests: Sequence[Request], chains: Sequence[Chain]
) -> GradedChains:
    """Grade every reply of some chains; requests whose first reply failed have none."""
    by_prompt = dict(zip(prompts_of(requests), requests, strict=True))
    own = tuple(by_prompt[chain.prompt] for chain in chains)
    golds = tuple(
        tuple(world.gold(request, text) for text in chain.replies)
        for chain, request in zip(chains, own, strict=True)
    )
    return GradedChains(chains=tuple(chains), requests=own, golds=golds)


def distinct(requests: Sequence[Request]) -> list[Request]:
    """Requests without those that come again word for word."""
    seen = dict(zip(prompts_of(requests), requests, strict=True))
    return list(seen.values())


def write_graded(
    model: LanguageModel,
    world: World,
    requests: Sequence[Request],
    constitution: Constitution,
    *,
    rounds: int,
    seed: int,
    critique: bool = True,
    replies: Sequence[str] | None = None,
) -> GradedChains:
    """Write chains and grade them."""
    chains = revise(
        model,
        prompts_of(requests),
        constitution,
        word_chain_layout(model.tokenizer),
        RevisionConfig(rounds=rounds, critique=critique, seed=seed),
        replies=replies,
    )
    return grade_chains(world, requests, chains)


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstRound:
    """One round from the same first replies, in several ways; all tables have the same rows."""

    critiqued: Table
    """Harm of the first reply, and of its revision after a critique."""
    direct: Table
    """Of its revision without one."""
    shuffled: Table
    """Of its revision after another reply's critique."""
    irrelevant: Table
    """Of its revision by a principle that has nothing to say of harm."""


def first_round(
    model: LanguageModel, world: World, requests: Sequence[Request], *, seed: int
) -> FirstRound:
    """Revise the same replies once with a critique, without, with another's, and to no purpose."""
    layout = word_chain_layout(model.tokenizer)
    laws = aims_constitution()
    prompts = prompts_of(requests)
    said = first_replies(model, prompts, layout, seed=seed)
    one = {"rounds": 1, "seed": seed, "replies": said}
    critiqued = write_graded(model, world, requests, laws, **one)
    direct = write_graded(model, world, requests, laws, critique=False, **one)
    irrelevant = write_graded(model, world, requests, world_constitution(IRRELEVANT), **one)
    starts = [Chain(prompt=chain.prompt, reply=chain.reply) for chain in critiqued.chains]
    drawn = [laws.principle(chain.rounds[0].principle) for chain in critiqued.chains]
    critiques = write_critiques(model, starts, drawn, layout, seed=seed + 1)
    turned = [critiques[place - 1] for place in range(len(critiques))]
    shuffled = grade_chains(
        world, requests, write_revisions(model, starts, drawn, turned, layout, seed=seed + 2)
    )
    return FirstRound(
        critiqued=critiqued.of("harm"),
        direct=direct.of("harm"),
        shuffled=shuffled.of("harm"),
        irrelevant=irrelevant.of("harm"),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """Final revisions by constitutions of several lengths, request by request."""

    counts: tuple[int, ...]
    harm: Float[np.ndarray, "length item"]
    texts: tuple[tuple[str, ...], ...]
    """Final revisions, a row for each length."""

    def harm_slopes(self, draws: np.ndarray) -> np.ndarray:
        """Change of harm a doubling, for each draw of requests."""
        means = self.harm[:, draws].mean(axis=2)  # length draw
        return _slopes(self.counts, means)

    def diversity_slopes(self, draws: np.ndarray) -> np.ndarray:
        """Change of the entropy of word pairs a doubling, in bits, for each draw of requests."""
        means = np.array(
            [
                [bigram_entropy([row[int(place)] for place in draw]) for draw in draws]
                for row in self.texts
            ]
        )
        return _slopes(self.counts, means)


def _slopes(counts: Sequence[int], means: np.ndarray) -> np.ndarray:
    doublings = np.log2(np.array(counts, dtype=float))
    centred = doublings - doublings.mean()
    return centred @ means / float(centred @ centred)


def climb(
    model: LanguageModel,
    world: World,
    requests: Sequence[Request],
    constitutions: dict[int, Constitution],
    *,
    rounds: int,
    seed: int,
) -> Ladder:
    """Revise the same first replies by constitutions of several lengths."""
    layout = word_chain_layout(model.tokenizer)
    said = first_replies(model, prompts_of(requests), layout, seed=seed)
    found = {
        count: write_graded(model, world, requests, law, rounds=rounds, seed=seed, replies=said)
        for count, law in constitutions.items()
    }
    return Ladder(
        counts=tuple(found),
        harm=np.array([each.of("harm")[:, -1] for each in found.values()]),
        texts=tuple(tuple(each.last) for each in found.values()),
    )


def aims_ladder(counts: Sequence[int]) -> dict[int, Constitution]:
    """Constitutions of the first principles of the study."""
    return {count: aims_constitution(count) for count in counts}


def diluted_ladder() -> dict[int, Constitution]:
    """One principle of harmlessness, alone and beside three that ask for something else."""
    aim = aims_constitution(1).principles
    others = world_constitution(DILUTED).principles
    return {
        1: Constitution(name="1 aim", principles=aim),
        4: Constitution(name="1 aim of 4", principles=(*aim, *others)),
    }


def paraphrase_ladder(aim: str = "harmless") -> dict[int, Constitution]:
    """One aim in one wording, and in two."""
    whole = aims_constitution()
    return {count: whole.only([f"{aim}-{wording}" for wording in range(count)]) for count in (1, 2)}
