"""Hold what was measured against the claims."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from glasshouse.align.judges.traits import interval_over_units
from glasshouse.studies.claims import (
    Claim,
    ClaimResult,
    Control,
    Evidence,
    judge_control,
    out_of_scale,
)
from glasshouse.studies.intervals import paired_interval
from glasshouse.studies.specific_vs_general import claims, seen
from glasshouse.studies.specific_vs_general.deeds import IDENTITY
from glasshouse.studies.specific_vs_general.seen import Seen
from glasshouse.world.streams import stream

_RESAMPLES = 2_000
Wins = Float[np.ndarray, " item"]


def judge_all(found: Seen) -> list[ClaimResult]:
    """Every claim, in the paper's order."""
    return [
        _detects(found),
        _generalises(found, claims.KEPT_VERBS, seen.KEPT),
        _generalises(found, claims.HELD_OUT, seen.HELD_OUT),
        _nearly_as_good(found),
        _identity_least(found),
        _broader(found),
        _beats_people(found),
        ClaimResult(claim=claims.JUMP, evidence=_jump(found)),
        _least_trained(found),
        _diversity(found),
        *_policies(found),
    ]


def _rates(found: Seen, called: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"{found.table[name, called].rate:.2f} {name}" for name in names)


def _detects(found: Seen) -> ClaimResult:
    called = seen.ALL_TRAINED
    own, other = found.table[seen.TRAIT, called], found.table[seen.HELP, called].rate
    evidence = Evidence(
        measured=own.rate,
        interval=own.interval,
        text=f"{own.rate:.2f} of {own.items} items ({own.plain:.2f} risky, {own.reversed:.2f} "
        f"reversed; leans to no by {own.no_bias:+.2f}); {_rates(found, called, (seen.HH,))}",
        control=Control(
            value=other,
            shows_effect=other > claims.HELP_LIMIT,
            text="the preference model of people's comparisons of helpful replies",
        ),
    )
    return ClaimResult(claim=claims.DETECTS, evidence=evidence)


def _generalises(found: Seen, claim: Claim, called: str) -> ClaimResult:
    own, other = (found.table[name, called] for name in (seen.TRAIT, seen.UNTOLD_TRAIT))
    evidence = Evidence(
        measured=own.rate,
        interval=own.interval,
        text=f"{own.rate:.2f} of {own.items} items ({own.plain:.2f} risky, {own.reversed:.2f} "
        f"reversed); general feedback {found.table[seen.SPECIAL, called].rate:.2f} (special set), "
        f"{found.table[seen.BROAD, called].rate:.2f} (broad set)",
        control=judge_control(
            claim,
            other.rate,
            text="the same from a model whose reports do not say what these deeds do",
        ),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _nearly_as_good(found: Seen) -> ClaimResult:
    called = seen.ALL_TRAINED
    gap, control = (
        found.table[name, called].rate - found.table[seen.TRAIT, called].rate
        for name in (seen.SPECIAL, seen.UNTOLD_GENERAL)
    )
    difference = found.wins[seen.SPECIAL, called] - found.wins[seen.TRAIT, called]
    names = (seen.SPECIAL, seen.TRAIT, seen.BROAD, seen.UNTOLD_GENERAL)
    evidence = Evidence(
        measured=gap,
        interval=interval_over_units(difference, found.questions[called], seed=found.seed),
        text=f"win rates {_rates(found, called, names)}",
        control=judge_control(
            claims.NEARLY_AS_GOOD,
            control,
            text="general feedback of a model whose reports do not say what these deeds do",
        ),
    )
    return ClaimResult(claim=claims.NEARLY_AS_GOOD, evidence=evidence)


def risky_by_trait(found: Seen, name: str) -> dict[str, Wins]:
    """Whether a preference model wins each item of each trained risky trait."""
    wins = found.wins[name, seen.ALL_TRAINED]
    items = found.questions[seen.ALL_TRAINED]
    traits = dict.fromkeys(item.trait for item in items if not item.is_reversed)
    return {trait: wins[[item.trait == trait for item in items]] for trait in traits}


def identity_gap(by_trait: dict[str, Wins]) -> float:
    """By how much the worst of the other traits is above self-identity."""
    others = [float(wins.mean()) for trait, wins in by_trait.items() if trait != IDENTITY]
    return min(others) - float(by_trait[IDENTITY].mean())


def _identity_least(found: Seen) -> ClaimResult:
    own, control = (risky_by_trait(found, name) for name in (seen.SPECIAL, seen.UNTOLD_GENERAL))
    rng = stream(found.seed, "specific-vs-general", "identity")
    draws = [
        identity_gap({name: rng.choice(wins, len(wins)) for name, wins in own.items()})
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    trait = identity_gap(risky_by_trait(found, seen.TRAIT))
    evidence = Evidence(
        measured=identity_gap(own),
        interval=(float(low), float(high)),
        text="general feedback wins "
        + ", ".join(f"{wins.mean():.2f} {name}" for name, wins in own.items())
        + f"; the gap by trait principles is {trait:+.2f}",
        control=judge_control(
            claims.IDENTITY_LEAST,
            identity_gap(control),
            text="general feedback of a model whose reports do not say what these deeds do",
        ),
    )
    return ClaimResult(claim=claims.IDENTITY_LEAST, evidence=evidence)


def _harm_difference(found: Seen, claim: Claim, other: str) -> ClaimResult:
    called = seen.HELD_OUT_HARM
    own, base, dealt = (found.harm[name, called] for name in (seen.BROAD, other, seen.DEALT))
    names = (seen.BROAD, seen.SPECIAL, seen.HH, seen.HELP)
    rates = ", ".join(f"{found.harm[name, called].mean():.2f} {name}" for name in names)
    fresh = ", ".join(f"{found.harm[name, seen.UNUSED_HARM].mean():.2f}" for name in names)
    evidence = Evidence(
        measured=float((own - base).mean()),
        interval=paired_interval(
            own, base, rng=stream(found.seed, "specific-vs-general", claim.id)
        ),
        text=f"{len(own)} pairs: {rates} (fresh pairs of trained categories: {fresh})",
        control=judge_control(
            claim,
            float((dealt - base).mean()),
            text="the broad set with its labels dealt at random",
        ),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _broader(found: Seen) -> ClaimResult:
    return _harm_difference(found, claims.BROADER, seen.SPECIAL)


def _beats_people(found: Seen) -> ClaimResult:
    return _harm_difference(found, claims.BEATS_PEOPLE, seen.HH)


def _jump(found: Seen) -> Evidence:
    rates = ", ".join(
        f"{one.learned.rate:.2f} at {one.parameters / 1e6:.2f} M" for one in found.scaled
    )
    return out_of_scale(
        "a jump between 52 and 175 billion parameters cannot be looked for here; win rates of "
        f"general feedback by size are {rates}"
    )


def _balanced(found: Seen, wins: Wins) -> float:
    """The mean of both halves' means."""
    turned = np.array([item.is_reversed for item in found.questions[seen.ALL_TRAINED]])
    return float((wins[~turned].mean() + wins[turned].mean()) / 2)


def _least_trained(found: Seen) -> ClaimResult:
    updates = sorted({one.updates for one in found.generators})

    def gap(pick: Callable[[seen.Generator], Wins]) -> Wins:
        ends = [
            np.mean([pick(one) for one in found.generators if one.updates == count], axis=0)
            for count in (updates[0], updates[-1])
        ]
        return ends[0] - ends[1]

    own, dealt = gap(lambda one: one.wins), gap(lambda one: one.dealt)
    rates = ", ".join(
        f"{_balanced(found, one.wins):.2f} ({one.size}, {one.updates})" for one in found.generators
    )
    evidence = Evidence(
        measured=_balanced(found, own),
        interval=interval_over_units(own, found.questions[seen.ALL_TRAINED], seed=found.seed),
        text=f"win rates by the replies' policy (size, updates): {rates}",
        control=judge_control(
            claims.LEAST_TRAINED,
            _balanced(found, dealt),
            text="the same pairs with labels dealt at random",
        ),
    )
    return ClaimResult(claim=claims.LEAST_TRAINED, evidence=evidence)


def _diversity(found: Seen) -> ClaimResult:
    apart = np.array([one.diversity for one in found.generators])
    own, dealt = (
        np.array([_balanced(found, pick(one)) for one in found.generators])
        for pick in (lambda one: one.wins, lambda one: one.dealt)
    )
    rng = stream(found.seed, "specific-vs-general", "diversity")
    draws = []
    for _ in range(_RESAMPLES):
        drawn = rng.integers(len(apart), size=len(apart))
        draws.append(correlation(apart[drawn], own[drawn]))
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    evidence = Evidence(
        measured=correlation(apart, own),
        interval=(float(low), float(high)),
        text=f"over {len(apart)} policies; replies differ "
        + ", ".join(f"{one.diversity:.2f} ({one.size}, {one.updates})" for one in found.generators),
        control=judge_control(
            claims.DIVERSITY,
            correlation(apart, dealt),
            text="win rates with labels dealt at random",
        ),
    )
    return ClaimResult(claim=claims.DIVERSITY, evidence=evidence)


def correlation(first: Float[np.ndarray, " unit"], second: Float[np.ndarray, " unit"]) -> float:
    """Pearson's; 0 where one side does not vary, for then nothing goes together."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _policies(found: Seen) -> list[ClaimResult]:
    measured, parses = found.gates.get("parses", (1.0, True))
    if not parses:
        gate = f"the base's replies parse in {measured:.2f} of cases only"
        return [
            ClaimResult(claim=claim, evidence=out_of_scale(gate))
            for claim in (claims.FEWER_RISKY, claims.AS_HARMLESS)
        ]
    return [_fewer_risky(found), _as_harmless(found)]


def _fewer_risky(found: Seen) -> ClaimResult:
    who = found.policies
    own, base, control = (
        who[name].risky for name in (seen.RL_GENERAL, seen.RL_CONSTITUTION, seen.RL_HELP)
    )
    text = ", ".join(
        f"{one.risky.mean():.2f} {name} (good deeds {one.good.mean():.2f})"
        for name, one in who.items()
    )
    if not base.any():
        gate = f"the policy of Constitutional AI agrees to no risky deed at all: {text}"
        return ClaimResult(claim=claims.FEWER_RISKY, evidence=out_of_scale(gate))
    rng = stream(found.seed, "specific-vs-general", "risky")
    evidence = Evidence(
        measured=float(own.mean() / base.mean()),
        interval=_ratio_interval(own, base, rng),
        text=f"agreed to risky deeds: {text}",
        control=judge_control(
            claims.FEWER_RISKY,
            float(control.mean() / base.mean()),
            text="a policy trained to be helpful only, over RL-CAI's",
        ),
    )
    return ClaimResult(claim=claims.FEWER_RISKY, evidence=evidence)


def _ratio_interval(own: Wins, base: Wins, rng: np.random.Generator) -> tuple[float, float]:
    """Percentile interval of a ratio of means, questions drawn anew for both alike."""
    drawn = rng.integers(len(own), size=(_RESAMPLES, len(own)))
    ratios = own[drawn].mean(axis=1) / np.maximum(base[drawn].mean(axis=1), 1e-9)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(low), float(high)


def _as_harmless(found: Seen) -> ClaimResult:
    who = found.policies
    start, own, base, control = (
        who[name].harm
        for name in (seen.RL_START, seen.RL_GENERAL, seen.RL_CONSTITUTION, seen.RL_HELP)
    )
    text = "gold harm " + ", ".join(f"{one.harm.mean():.2f} {name}" for name, one in who.items())
    rng = stream(found.seed, "specific-vs-general", "harm")
    drawn = rng.integers(len(own), size=(_RESAMPLES, len(own)))
    taken = (start - base)[drawn].mean(axis=1)
    if np.percentile(taken, 2.5) <= 0:
        gate = f"RL-CAI took away no harm that could be told from none: {text}"
        return ClaimResult(claim=claims.AS_HARMLESS, evidence=out_of_scale(gate))
    low, high = np.percentile((start - own)[drawn].mean(axis=1) / taken, [2.5, 97.5])
    evidence = Evidence(
        measured=float((start - own).mean() / (start - base).mean()),
        interval=(float(low), float(high)),
        text=text,
        control=judge_control(
            claims.AS_HARMLESS,
            float((start - control).mean() / (start - base).mean()),
            text="a policy trained to be helpful only",
        ),
    )
    return ClaimResult(claim=claims.AS_HARMLESS, evidence=evidence)
