"""Requests, the people who compare replies to them, and the comparisons of a study."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from glasshouse.align import Comparison, Interface, collect, model_writer
from glasshouse.align.pairs.collect import Collected, ask
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.studies.rlhf.config import CollectingConfig
from glasshouse.world import World
from glasshouse.world.crowd import Crowd
from glasshouse.world.requests import Request
from glasshouse.world.streams import Dice, stream

HELPFUL_KINDS = ("helpful",) * 12 + ("lookalike",) * 3 + ("opinion", "claim") * 2 + ("persona",)
"""What people who want help ask for, twentieths each."""


def helpful_requests(world: World, count: int, split: str, *, first: int = 0) -> list[Request]:
    """Requests of people who want help; look-alikes of harmful ones are among them."""
    return [
        world.request(HELPFUL_KINDS[n % len(HELPFUL_KINDS)], n, split)
        for n in range(first, first + count)
    ]


def harmful_requests(world: World, count: int, split: str, *, first: int = 0) -> list[Request]:
    """Requests of people who try to have harm done."""
    return [world.request("harmful", n, split) for n in range(first, first + count)]


def both_requests(world: World, count: int, split: str, *, first: int = 0) -> list[Request]:
    """One of each in turn."""
    half = -(-count // 2)
    helpful = helpful_requests(world, half, split, first=first)
    harmful = harmful_requests(world, half, split, first=first)
    return [one for pair in zip(helpful, harmful, strict=True) for one in pair][:count]


def interface_of(request: Request) -> Interface:
    """Whoever asks for harm attacks."""
    return "red-team" if request.harmful else "helpful"


def hire(world: World, config: CollectingConfig, *, evade: float | None = None) -> Crowd:
    """The study's annotators; with `evade` those who like turning away so much."""
    return world.crowd(
        bias={"evade": config.evade if evade is None else evade}, temperature=config.temperature
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Comparisons:
    """Comparisons of one kind, with what is known of them."""

    collected: tuple[Collected, ...]
    """In order."""

    @property
    def pairs(self) -> list[Comparison]:
        """What a preference model learns from."""
        return [one.comparison for one in self.collected]

    @property
    def p_crowd(self) -> Float[np.ndarray, " pair"]:
        """True probability that somebody prefers the first reply."""
        return np.array([one.p_crowd for one in self.collected])

    @property
    def p_label(self) -> Float[np.ndarray, " pair"]:
        """What was said: 1 where the first reply was preferred."""
        return np.array([one.comparison.p_first for one in self.collected])

    @property
    def ceiling(self) -> float:
        """Mean accuracy of the best possible judge."""
        return float(np.maximum(self.p_crowd, 1 - self.p_crowd).mean())

    def judged_by(self, crowd: Crowd, *, seed: int) -> "Comparisons":
        """The same replies compared by other people."""
        dice = Dice(stream(crowd.world.seed, "judged again", seed))
        return Comparisons(
            collected=tuple(
                replace(
                    ask(
                        crowd,
                        one.request,
                        (one.comparison.first, one.comparison.second),
                        interface=one.interface,
                        dice=dice,
                    ),
                    writers=one.writers,
                )
                for one in self.collected
            )
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Data:
    """All comparisons that do not depend on a policy."""

    crowd: Crowd
    """Who compared."""
    plain: Crowd
    """The control's people, who do not care for evasion."""
    helpful: Comparisons
    """To learn from."""
    harmless: Comparisons
    """To learn from, by attackers."""
    helpful_test: Comparisons
    """To be measured on; other requests."""
    harmless_test: Comparisons
    """To be measured on, by attackers."""

    def mixed(self, start: int, end: int) -> list[Comparison]:
        """Helpful and harmless comparisons in turn, from and up to a place."""
        both = zip(self.helpful.pairs, self.harmless.pairs, strict=True)
        return [one for pair in both for one in pair][start:end]


def collect_data(
    writer: LanguageModel, world: World, config: CollectingConfig, *, seed: int
) -> Data:
    """Have a base's replies compared by people with a taste for evasion."""
    crowd = hire(world, config)

    def gather(interface: Interface, count: int, split: str) -> Comparisons:
        ask_for = helpful_requests if interface == "helpful" else harmful_requests
        found: list[Collected] = []
        first = 0
        while len(found) < count:
            refuse_silence(first, len(found), count)
            # Ties and unfinished replies are left out, so that more are asked than are kept.
            requests = ask_for(world, count, split, first=first)
            first += count
            found += collect(
                {"base": model_writer(writer, max_new_tokens=config.max_new_tokens)},
                requests,
                crowd,
                interface=interface,
                seed=1_000 * seed + first,
                stronger_than=config.stronger_than,
            )
        return Comparisons(collected=tuple(found[:count]))

    return Data(
        crowd=crowd,
        plain=hire(world, config, evade=0.0),
        helpful=gather("helpful", config.pairs, "train"),
        harmless=gather("red-team", config.pairs, "train"),
        helpful_test=gather("helpful", config.test_pairs, "validation"),
        harmless_test=gather("red-team", config.test_pairs, "validation"),
    )


def refuse_silence(asked: int, found: int, wanted: int) -> None:
    """Give up on a writer of whose replies hardly any can be compared.

    Raises:
        InputError: If twenty times as many requests as comparisons are wanted did not do.
    """
    if asked >= 20 * wanted:
        raise InputError(
            f"{asked} requests gave {found} of {wanted} comparisons: replies do not end, or all "
            "are alike; train the base for longer, or raise collecting.max_new_tokens"
        )
