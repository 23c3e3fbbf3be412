"""Evidence for every claim, with intervals over items and a control each."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from glasshouse.align.contests.elo import fit_elo
from glasshouse.studies.claims import Claim, ClaimResult, Evidence, judge_control, out_of_scale
from glasshouse.studies.general_assistant import claims
from glasshouse.studies.general_assistant.measure import Prompted, Seen, Tax
from glasshouse.studies.intervals import bootstrap_interval, paired_interval

RESAMPLES = 1_000
"""Resamples of ratios and slopes."""
ELO_RESAMPLES = 200
"""Resamples of the tournament's requests; each fits all ratings anew."""
SPEAKS = "parses"
"""The gate of every claim about what a base says."""

Values = Float[np.ndarray, " item"]


def judge_all(seen: Seen) -> list[ClaimResult]:
    """Judge every claim, in the paper's order."""
    rng = np.random.default_rng([seen.seed, 2112])
    judges: tuple[Callable[[Seen, np.random.Generator], list[ClaimResult]], ...] = (
        _prompting,
        _distilling,
        _objectives,
        _votes,
        _taxes,
        _toxicity,
        _elo,
    )
    return [result for judge in judges for result in judge(seen, rng)]


def _prompting(seen: Seen, rng: np.random.Generator) -> list[ClaimResult]:
    small, large = seen.smallest.scored, seen.largest.scored
    gain, rude = large.gain("kind"), large.gain("rude")
    right = large.right
    raises = Evidence(
        measured=float(gain.mean()),
        interval=bootstrap_interval(gain, rng=rng),
        text=f"{right['kind']['mean'].mean():.3f} with the prompt and "
        f"{right['plain']['mean'].mean():.3f} without, of {len(gain)} pairs; "
        f"{large.gain('neutral').mean():+.3f} with neutral sentences as long",
        control=judge_control(
            claims.PROMPT,
            float(rude.mean()),
            text="dialogues of a rude assistant, to the same requests",
            interval=bootstrap_interval(rude, rng=rng),
        ),
    )
    grows = Evidence(
        measured=float((gain - small.gain("kind")).mean()),
        interval=paired_interval(gain, small.gain("kind"), rng=rng),
        text=f"gains {gain.mean():+.3f} ({seen.largest.size}) and "
        f"{small.gain('kind').mean():+.3f} ({seen.smallest.size})",
        control=judge_control(
            claims.PROMPT_SCALE,
            float((rude - small.gain("rude")).mean()),
            text="dialogues of a rude assistant",
        ),
    )
    return [_result(claims.PROMPT, raises), _result(claims.PROMPT_SCALE, grows)]


def _distilling(seen: Seen, rng: np.random.Generator) -> list[ClaimResult]:
    own = seen.student
    found = own.distance
    closes = Evidence(
        measured=found.gap_closed(),
        interval=resampled(lambda drawn: found.gap_closed(drawn), len(found.base), rng=rng),
        text=f"{found.gap_closed():.2f} of {found.before:.3f} nats a token, "
        f"{len(found.base)} texts",
        control=judge_control(
            claims.GAP,
            own.control.gap_closed(),
            text="as many steps towards the same base behind neutral sentences",
        ),
    )
    apart, plain = own.distilled - own.prompted, own.plain - own.prompted
    keeps = Evidence(
        measured=abs(float(apart.mean())),
        interval=magnitude(bootstrap_interval(apart, rng=rng)),
        text=f"{own.distilled.mean():.3f} distilled and {own.prompted.mean():.3f} prompted, of "
        f"{len(apart)} pairs",
        control=judge_control(
            claims.KEEPS,
            abs(float(plain.mean())),
            text="the base without the prompt and without training",
        ),
    )
    return [_result(claims.GAP, closes), _result(claims.KEEPS, keeps)]


def _objectives(seen: Seen, rng: np.random.Generator) -> list[ClaimResult]:
    ranked = seen.objectives.ranked
    sizes = list(seen.prompted)
    logs = np.log([seen.prompted[size].params for size in sizes])
    leads = np.array(
        [ranked[size]["ranked"].right - ranked[size]["imitation"].right for size in sizes]
    )
    ends = [0, len(sizes) - 1]
    untaught = np.array(
        [ranked[sizes[at]]["shuffled"].right - ranked[sizes[at]]["imitation"].right for at in ends]
    )
    large = ranked[sizes[-1]]
    beats = Evidence(
        measured=float(leads[-1].mean()),
        interval=bootstrap_interval(leads[-1], rng=rng),
        text=f"{large['ranked'].accuracy:.3f} ranked, {large['imitation'].accuracy:.3f} imitation, "
        f"of {leads.shape[1]} pairs (ceiling 1)",
        control=judge_control(
            claims.RANKED,
            float(untaught[-1].mean()),
            text="ranked on shuffled labels",
            interval=bootstrap_interval(untaught[-1], rng=rng),
        ),
    )
    scales = Evidence(
        measured=slope(logs, leads.mean(axis=1)),
        interval=resampled(
            lambda drawn: slope(logs, leads[:, drawn].mean(axis=1)), leads.shape[1], rng=rng
        ),
        text="lead "
        + ", ".join(
            f"{lead.mean():+.3f} ({size})" for size, lead in zip(sizes, leads, strict=True)
        ),
        control=judge_control(
            claims.RANKED_SCALE,
            slope(logs[ends], untaught.mean(axis=1)),
            text="ranked on shuffled labels, smallest and largest",
        ),
    )
    binary, graded = seen.objectives.binary, seen.objectives.on_ranked
    apart = binary["binary"].right - binary["imitation"].right
    other = graded["ranked"].right - graded["imitation"].right
    equal = Evidence(
        measured=abs(float(apart.mean())),
        interval=magnitude(bootstrap_interval(apart, rng=rng)),
        text=f"{binary['binary'].accuracy:.3f} binary, {binary['imitation'].accuracy:.3f} "
        f"imitation, of {len(apart)} pairs",
        control=judge_control(
            claims.BINARY,
            abs(float(other.mean())),
            text="ranked and imitation on graded answers, same base",
        ),
    )
    return [
        _result(claims.RANKED, beats),
        _result(claims.RANKED_SCALE, scales),
        _result(claims.BINARY, equal),
    ]


def _votes(seen: Seen, rng: np.random.Generator) -> list[ClaimResult]:
    own = seen.config.pretraining
    few = {name: curve.few(own.counts, own.few) for name, curve in seen.votes.agreeing.items()}
    gain, untaught = few["ranked"] - few["none"], few["shuffled votes"] - few["none"]
    helps = Evidence(
        measured=float(gain.mean()),
        interval=bootstrap_interval(gain, rng=rng),
        text=f"{few['ranked'].mean():.3f} with and {few['none'].mean():.3f} without, of "
        f"{len(gain)} pairs, up to {own.few} comparisons",
        control=judge_control(
            claims.PRETRAINED,
            float(untaught.mean()),
            text="pre-training on shuffled votes",
            interval=bootstrap_interval(untaught, rng=rng),
        ),
    )
    most = own.counts[-1]
    ranked, none = (seen.votes.agreeing[name].right[most] for name in ("ranked", "none"))
    gone = Evidence(
        measured=float((ranked - none).mean()),
        interval=paired_interval(ranked, none, rng=rng),
        text=f"{ranked.mean():.3f} with and {none.mean():.3f} without, at {most} comparisons",
        control=judge_control(
            claims.VANISHES, float(gain.mean()), text=f"the gain up to {own.few} comparisons"
        ),
    )
    opposed = {
        name: curve.few(own.counts, own.few) for name, curve in seen.votes.conflicting.items()
    }
    lead = opposed["binarised"] - opposed["ranked"]
    empty = opposed["none"] - opposed["ranked"]
    agreeing = float((few["binarised"] - few["ranked"]).mean())
    better = Evidence(
        measured=float(lead.mean()),
        interval=bootstrap_interval(lead, rng=rng),
        text=f"{opposed['binarised'].mean():.3f} binarised and {opposed['ranked'].mean():.3f} "
        f"ranked, of {len(lead)} pairs; without conflict {agreeing:+.3f}",
        control=judge_control(
            claims.BINARISED,
            float(empty.mean()),
            text="no pre-training at all, above ranked",
            interval=bootstrap_interval(empty, rng=rng),
        ),
    )
    return [
        _result(claims.PRETRAINED, helps),
        _result(claims.VANISHES, gone),
        _result(claims.BINARISED, better),
    ]


def _taxes(seen: Seen, rng: np.random.Generator) -> list[ClaimResult]:
    middle = seen.prompted[seen.config.middle]
    found = []
    for claim, what, ends, after in (
        (
            claims.TAX_PROMPT,
            "the prompt",
            (seen.smallest, seen.largest),
            [seen.smallest.tax, seen.largest.tax],
        ),
        (
            claims.TAX_DISTILLED,
            "distillation",
            (seen.smallest, middle),
            [seen.taxed[seen.smallest.size], seen.taxed[middle.size]],
        ),
    ):
        before = [one.tax["plain"] for one in ends]
        kind = [each["kind"] for each in after]
        small, large = (drop(old, new) for old, new in zip(before, kind, strict=True))
        control = [drop(old, each["neutral"]) for old, each in zip(before, after, strict=True)]
        evidence = Evidence(
            measured=small - large,
            interval=_tax_interval(before, kind, rng=rng),
            text=f"{what} costs {small:+.3f} ({ends[0].size}) and {large:+.3f} ({ends[1].size}) of "
            f"{mean_right(before[0]):.2f} and {mean_right(before[1]):.2f} right",
            control=judge_control(
                claim,
                control[0] - control[1],
                text="neutral sentences as long, in the same way",
            ),
        )
        found.append(_result(claim, evidence))
    return found


def _toxicity(seen: Seen, rng: np.random.Generator) -> list[ClaimResult]:
    if mute := _mute(seen.largest):
        return [_result(claim, out_of_scale(mute)) for claim in (claims.TOXIC, claims.TOXIC_SCALE)]
    small, large = seen.smallest.toxic, seen.largest.toxic

    def fall(toxic: Mapping[str, np.ndarray], to: str, drawn: np.ndarray | None = None) -> float:
        at = slice(None) if drawn is None else drawn
        before = float(toxic["plain"][at].mean())
        return 1 - float(toxic[to][at].mean()) / before if before else float("nan")

    count = len(large["plain"])
    text = ", ".join(f"{name} {values.mean():.3f}" for name, values in large.items())
    less = Evidence(
        measured=fall(large, "kind"),
        interval=resampled(lambda drawn: fall(large, "kind", drawn), count, rng=rng),
        text=f"rude replies: {text}, of {count}",
        control=judge_control(
            claims.TOXIC,
            fall(large, "neutral"),
            text="neutral sentences as long",
            interval=resampled(lambda drawn: fall(large, "neutral", drawn), count, rng=rng),
        ),
    )
    more = Evidence(
        measured=fall(large, "kind") - fall(small, "kind"),
        interval=resampled(
            lambda drawn: fall(large, "kind", drawn) - fall(small, "kind", drawn), count, rng=rng
        ),
        text=f"falls by {fall(large, 'kind'):.2f} ({seen.largest.size}) and "
        f"{fall(small, 'kind'):.2f} ({seen.smallest.size})",
        control=judge_control(
            claims.TOXIC_SCALE,
            fall(large, "neutral") - fall(small, "neutral"),
            text="neutral sentences as long",
        ),
    )
    return [_result(claims.TOXIC, less), _result(claims.TOXIC_SCALE, more)]


def _elo(seen: Seen, rng: np.random.Generator) -> list[ClaimResult]:
    if mute := _mute(seen.largest):
        return [_result(claims.ELO, out_of_scale(mute))]
    won = rewards_by_player(seen)
    steps = smallest_step(ratings(won))
    shuffled_ = np.array([rng.permutation(column) for column in won.T]).T
    evidence = Evidence(
        measured=steps,
        interval=resampled(
            lambda drawn: smallest_step(ratings(won[:, drawn])),
            won.shape[1],
            rng=rng,
            times=ELO_RESAMPLES,
        ),
        text=f"smallest step {steps:.0f} points, of {15 * won.shape[1]} duels; R² on log size "
        f"{linearity(seen, ratings(won)):.2f} with the prompt",
        control=judge_control(
            claims.ELO,
            smallest_step(ratings(shuffled_)),
            text="rewards dealt to players by chance, request by request",
        ),
    )
    return [_result(claims.ELO, evidence)]


def rewards_by_player(seen: Seen) -> Float[np.ndarray, "player request"]:
    """Gold rewards of all players: each size plain, then each with the prompt."""
    return np.array(
        [
            one.rewards[condition]
            for condition in ("plain", "kind")
            for one in seen.prompted.values()
        ]
    )


def ratings(rewards: Float[np.ndarray, "player request"]) -> Float[np.ndarray, " player"]:
    """Elo of players from every pair's duels on every request; equal rewards are a draw."""
    ahead = np.round(rewards[:, None] - rewards[None], 9)
    wins = ((ahead > 0) + 0.5 * (ahead == 0)).sum(axis=2) * (1 - np.eye(len(rewards)))
    names = [str(number) for number in range(len(rewards))]
    # The intervals are the caller's, over requests: duels on one request are not independent.
    return fit_elo(names, wins, rng=np.random.default_rng(0), resamples=0).ratings


def smallest_step(points: Float[np.ndarray, " player"]) -> float:
    """The smallest lead of a size over the next smaller one, in either condition."""
    plain, kind = np.split(points, 2)
    return float(min(np.diff(plain).min(), np.diff(kind).min()))


def linearity(seen: Seen, points: Float[np.ndarray, " player"]) -> float:
    """R² of prompted ratings on log parameters."""
    logs = np.log([one.params for one in seen.prompted.values()])
    kind = np.split(points, 2)[1]
    return float(np.corrcoef(logs, kind)[0, 1] ** 2) if np.std(kind) else 0.0


def mean_right(tax: Tax) -> float:
    """Mean over tasks, each counting the same."""
    return float(np.mean([values.mean() for values in tax.values()]))


def drop(before: Tax, after: Tax) -> float:
    """What was lost of right answers, mean over tasks."""
    return mean_right(before) - mean_right(after)


def slope(x: Float[np.ndarray, " size"], y: Float[np.ndarray, " size"]) -> float:
    """Least-squares slope of y on x."""
    centred = x - x.mean()
    return float((centred * (y - y.mean())).sum() / (centred**2).sum())


def magnitude(interval: tuple[float, float]) -> tuple[float, float]:
    """The interval of an absolute value, from that of the value."""
    low, high = interval
    ends = sorted((abs(low), abs(high)))
    return (0.0 if low <= 0 <= high else ends[0], ends[1])


def resampled(
    statistic: Callable[[np.ndarray], float],
    count: int,
    *,
    rng: np.random.Generator,
    times: int = RESAMPLES,
) -> tuple[float, float]:
    """95% bootstrap interval of a statistic of item numbers."""
    found = [statistic(rng.integers(count, size=count)) for _ in range(times)]
    if np.isnan(found).any():
        return float("nan"), float("nan")
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def _tax_interval(
    before: Sequence[Tax], after: Sequence[Tax], *, rng: np.random.Generator
) -> tuple[float, float]:
    """Of the smallest's drop less the largest's, over the questions of each task.

    Both bases are asked the same questions, so they are drawn together.
    """
    lost = {
        task: (before[0][task] - after[0][task]) - (before[1][task] - after[1][task])
        for task in before[0]
    }
    drawn = [
        np.mean([v[rng.integers(len(v), size=len(v))].mean() for v in lost.values()])
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _mute(one: Prompted) -> str:
    """Why a base's words cannot be judged; empty if they can."""
    measured, passed = one.gates[SPEAKS]
    return "" if passed else f"only {measured:.2f} of what the base {one.size} says is grammatical"


def _result(claim: Claim, evidence: Evidence) -> ClaimResult:
    return ClaimResult(claim=claim, evidence=evidence)
