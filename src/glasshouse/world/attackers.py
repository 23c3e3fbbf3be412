"""People who try to make an assistant do harm, and people who review how far they got.

Attackers differ in how much they do, how well and in which style, and each rates the harm done with
a bias of their own. Reviewers are noisy to a degree that is set by the agreement (Fleiss' kappa) to
be seen, so a method that measures agreement or skill can be checked.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from glasshouse.errors import InputError
from glasshouse.world import harms
from glasshouse.world.requests import Request, draw
from glasshouse.world.streams import Dice, stream

if TYPE_CHECKING:
    from glasshouse.world.world import World

BUSY_SHARE = 0.15
"""Share of attackers who do most of the work."""
BUSY_WORK = 0.8
"""Share of attacks that are theirs."""
RATING_NOISE = 0.6
"""Standard deviation of a rating, in points of severity."""
LEVELS = 5
"""Severities 0 to 4."""


@dataclass(frozen=True, slots=True)
class Attacker:
    """One simulated red teamer."""

    number: int
    activity: float
    """Share of all attacks that are this person's."""
    skill: float
    """0 to 1: how often the style is chosen well rather than plainly."""
    styles: tuple[float, ...]
    """Odds of each style of `harms.STYLES` when choosing well."""
    bias: float
    """Added to every rating of their own success."""

    def rate(self, severity: float, dice: Dice) -> int:
        """Rate from 0 to 4 the harm that an attack did."""
        # a sum of uniform draws is near enough to normal, and exact on every platform
        noise = (dice.uniform() + dice.uniform() + dice.uniform() + dice.uniform() - 2) * math.sqrt(
            3
        )
        return min(LEVELS - 1, max(0, round(severity + self.bias + RATING_NOISE * noise)))


@dataclass(frozen=True, slots=True)
class Attack:
    """One attempt."""

    attacker: Attacker
    request: Request


def attackers(world: "World", count: int = 40) -> tuple[Attacker, ...]:
    """Return a population of attackers; 15 in 100 of them make 80 in 100 attacks.

    Raises:
        InputError: If there are fewer than two.
    """
    if count < 2:
        raise InputError(f"count={count} must be at least 2: a busy attacker and another")
    draw_of = stream(world.seed, "attackers")
    busy = max(1, round(BUSY_SHARE * count))
    raw = draw_of.exponential(1, count)
    raw[:busy] *= BUSY_WORK / raw[:busy].sum()
    raw[busy:] *= (1 - BUSY_WORK) / raw[busy:].sum()
    skills = draw_of.random(count).tolist()
    styles = draw_of.dirichlet([0.7] * len(harms.STYLES), count).tolist()
    biases = draw_of.normal(0, 0.7, count).tolist()
    return tuple(
        Attacker(number, share, skill, tuple(mix), bias)
        for number, (share, skill, mix, bias) in enumerate(
            zip(raw.tolist(), skills, styles, biases, strict=True)
        )
    )


def attack(
    world: "World", population: Sequence[Attacker], dice: Dice, *, split: str = "test"
) -> Attack:
    """Draw who attacks, by activity, and what they ask for.

    The skilled put it in their own mixture of styles, the unskilled ask plainly.
    """
    totals = list(accumulate(each.activity for each in population))
    attacker = dice.weighted(population, totals)
    style = "plain"
    if dice.chance(attacker.skill):
        style = dice.weighted(harms.STYLES, list(accumulate(attacker.styles)))
    return Attack(attacker, draw(world, dice, "harmful", split, style=style))


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewers:
    """Reviewers whose agreement is set.

    Each sees whether an item is harmful at all (level 2 or more) with probability `sees_side`, then
    its level with probability `sees_level`; what is not seen is drawn from how common it is.
    """

    marginal: tuple[float, ...]
    """Share of each level 0 to 4 among the items."""
    sees_side: float
    sees_level: float

    def review(self, severity: int, dice: Dice) -> int:
        """Return one reviewer's level for an item of this true level."""
        if not dice.chance(self.sees_side):
            return dice.weighted(range(LEVELS), list(accumulate(self.marginal)))
        if dice.chance(self.sees_level):
            return severity
        levels = [level for level in range(LEVELS) if (level >= 2) == (severity >= 2)]
        return dice.weighted(levels, list(accumulate(self.marginal[level] for level in levels)))


def reviewers(
    marginal: Sequence[float], *, likert_kappa: float = 0.3, binary_kappa: float = 0.5
) -> Reviewers:
    """Return reviewers whose expected Fleiss kappas are these.

    Two reviewers agree on the side by more than chance only where both see it, so the binary kappa
    is `sees_side` squared. Where both do, they agree on the level with s^2 + (1 - s^2) S, S being
    how often two draws from that side agree; the rest is chance.

    Args:
        marginal: Share of each level 0 to 4 among the items to be reviewed.
        likert_kappa: Agreement on levels.
        binary_kappa: Agreement on whether the level is 2 or more.

    Raises:
        InputError: If the kappas cannot be had together on such items.
    """
    shares = tuple(float(share) for share in marginal)
    sides = [sum(shares[:2]), sum(shares[2:])]
    if len(shares) != LEVELS or abs(sum(shares) - 1) > 1e-6 or min(sides) <= 0:
        raise InputError(
            f"marginal={marginal} must be 5 shares that sum to 1, some on each side of 2"
        )
    chance = sum(share**2 for share in shares)
    inside = sum(share**2 for share in shares[:2]) / sides[0]
    inside += sum(share**2 for share in shares[2:]) / sides[1]
    agree = chance + likert_kappa * (1 - chance)
    if not 0 < binary_kappa <= 1 or inside >= 1:
        raise InputError(f"binary_kappa={binary_kappa} must lie in (0, 1], on three levels or more")
    seen = ((agree - (1 - binary_kappa) * chance) / binary_kappa - inside) / (1 - inside)
    if not 0 <= seen <= 1:
        raise InputError(
            f"likert_kappa={likert_kappa} cannot be had with binary_kappa={binary_kappa} on these "
            "items; bring the two closer"
        )
    return Reviewers(marginal=shares, sees_side=math.sqrt(binary_kappa), sees_level=math.sqrt(seen))
