"""From right and wrong answers to evidence; intervals are over questions."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64

from glasshouse.studies.claims import (
    Claim,
    ClaimResult,
    Control,
    Evidence,
    judge_control,
    out_of_scale,
)
from glasshouse.studies.few_shot import claims
from glasshouse.studies.few_shot.kinds import NAME, SCRAMBLED, SUMS
from glasshouse.studies.few_shot.seen import FEW, Planting, Seen, few_of, pick
from glasshouse.studies.intervals import proportion_interval
from glasshouse.world.streams import stream

Group = Float64[np.ndarray, "cell question"]
"""Answers to the same questions: one row a model or a number of examples."""
Statistic = Callable[[Sequence[np.ndarray]], float]
"""Of the mean of each row, group by group."""


def results(seen: Seen, *, seed: int) -> tuple[ClaimResult, ...]:
    """All claims, in their order."""
    rng = stream(seed, NAME, "intervals")
    return (
        *_functions(seen, rng),
        *_sums(seen, rng),
        *_words(seen, rng),
        _instruction(seen, rng),
        _novel(seen),
        _cloze(seen, rng),
        *_contamination(seen, rng),
        _analogies(seen, rng),
    )


def measured(
    claim: Claim,
    groups: Sequence[Group],
    statistic: Statistic,
    seen: Seen,
    rng: np.random.Generator,
    *,
    text: str,
    control: Control | None = None,
) -> ClaimResult:
    """A statistic of means with its interval: questions are drawn again within each group."""
    draws = []
    for _ in range(seen.config.draws):
        again = [rng.integers(group.shape[1], size=group.shape[1]) for group in groups]
        means = [group[:, some].mean(axis=1) for group, some in zip(groups, again, strict=True)]
        draws.append(statistic(means))
    low, high = np.percentile(draws, (2.5, 97.5))
    value = float(statistic([group.mean(axis=1) for group in groups]))
    return ClaimResult(
        claim=claim,
        evidence=Evidence(
            measured=value, interval=(float(low), float(high)), text=text, control=control
        ),
    )


def _of_functions(seen: Seen, width: int, way: str, shots: Sequence[int]) -> Group:
    """A row a number of examples; none is none, whatever examples would have said."""
    return np.stack(
        [
            seen.right(width, "functions", one, "unnamed" if one == 0 and way == "misled" else way)
            for one in shots
        ]
    )


def _functions(seen: Seen, rng: np.random.Generator) -> list[ClaimResult]:
    sizes = seen.config.widths
    few = (0, 1, FEW)

    def smaller_gain(means: Sequence[np.ndarray]) -> float:
        return float(np.diff(means[0]).min())

    def growth(means: Sequence[np.ndarray]) -> float:
        first, last = means[0][:3], means[0][-3:]
        return float((last[2] - last[0]) - (first[2] - first[0]))

    def lead(means: Sequence[np.ndarray]) -> float:
        slopes = _slopes(means[0].reshape(len(sizes), -1))
        return float(slopes[-1] - slopes[:-1].max())

    largest = _of_functions(seen, sizes[-1], "unnamed", few)
    misled = _of_functions(seen, sizes[-1], "misled", few)
    ends = np.concatenate([_of_functions(seen, one, "unnamed", few) for one in sizes])
    ends_misled = np.concatenate([_of_functions(seen, one, "misled", few) for one in sizes])
    curve = (1, 2, 4)
    curves = np.concatenate([_of_functions(seen, one, "unnamed", curve) for one in sizes])
    told = ", ".join(f"{value:.2f}" for value in largest.mean(axis=1))
    best = ", ".join(f"{seen.ideal[one]:.2f}" for one in few)
    gaps = [float(rows[2].mean() - rows[0].mean()) for rows in ends.reshape(len(sizes), 3, -1)]
    slopes = _slopes(curves.mean(axis=1).reshape(len(sizes), -1))
    return [
        measured(
            claims.FEW_OVER_ZERO,
            [largest],
            smaller_gain,
            seen,
            rng,
            text=f"right with 0, 1 and {FEW} examples: {told}; the best reader: {best}",
            control=judge_control(
                claims.FEW_OVER_ZERO,
                smaller_gain([misled.mean(axis=1)]),
                text="examples of other functions",
            ),
        ),
        measured(
            claims.GAP_GROWS,
            [ends],
            growth,
            seen,
            rng,
            text="four examples less none, by size: " + _told(gaps),
            control=judge_control(
                claims.GAP_GROWS,
                growth([ends_misled.mean(axis=1)]),
                text="examples of other functions",
            ),
        ),
        measured(
            claims.STEEPER,
            [curves],
            lead,
            seen,
            rng,
            text="slope for each doubling of examples, by size: " + _told(slopes),
        ),
    ]


def _slopes(means: Float64[np.ndarray, "size shots"]) -> Float64[np.ndarray, " size"]:
    """Rise for each doubling of examples, by least squares."""
    doublings = np.arange(means.shape[1], dtype=np.float64)
    return np.polyfit(doublings, means.T, 1)[0]


def _sums(seen: Seen, rng: np.random.Generator) -> list[ClaimResult]:
    def order(means: Sequence[np.ndarray]) -> float:
        return float(-np.diff([group[-1] for group in means]).max())

    def jump(means: Sequence[np.ndarray]) -> float:
        steps = np.mean([np.diff(group) for group in means], axis=0)
        return float(steps[-1] - steps[-2])

    groups = [_by_size(seen, kind) for kind in SUMS]
    mean = np.mean([group.mean(axis=1) for group in groups], axis=0)
    return [
        measured(
            claims.SUMS_ORDER,
            groups,
            order,
            seen,
            rng,
            text="one, two and three digits: " + _told([group[-1].mean() for group in groups]),
        ),
        measured(
            claims.SUMS_JUMP, groups, jump, seen, rng, text="mean by size: " + _told(mean.tolist())
        ),
    ]


def _by_size(seen: Seen, kind: str) -> Group:
    """A row a size, with few examples."""
    few = few_of(kind)
    return np.stack([seen.right(width, kind, few) for width in seen.config.widths])


def _words(seen: Seen, rng: np.random.Generator) -> list[ClaimResult]:
    at = {kind: place for place, kind in enumerate(SCRAMBLED)}

    def over_others(kind: str, sign: float) -> Statistic:
        def statistic(means: Sequence[np.ndarray]) -> float:
            values = sign * np.array([group[0] for group in means])
            return float(values[at[kind]] - np.delete(values, at[kind]).max())

        return statistic

    groups = [_by_size(seen, kind)[-1:] for kind in SCRAMBLED]
    text = ", ".join(
        f"{kind} {group.mean():.2f}" for kind, group in zip(SCRAMBLED, groups, strict=True)
    )
    few = few_of("reversed")
    scripts = [
        pick(seen.largest.by_letter, "reversed", few),
        pick(seen.largest.by_syllable, "reversed", few),
    ]
    return [
        measured(claims.INSERTION_FIRST, groups, over_others("insertion", 1), seen, rng, text=text),
        measured(claims.REVERSED_LAST, groups, over_others("reversed", -1), seen, rng, text=text),
        measured(
            claims.REVERSED_BY_TOKENS,
            [np.stack(scripts)],
            lambda means: float(means[0][0] - means[0][1]),
            seen,
            rng,
            text="by letters and by syllables: " + _told([one.mean() for one in scripts]),
        ),
    ]


def _instruction(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    width = seen.config.widths[-1]
    rows = np.stack(
        [
            seen.right(width, "functions", FEW),
            seen.right(width, "functions", 0, "named"),
        ]
    )
    return measured(
        claims.EXAMPLES_OVER_NAME,
        [rows],
        lambda means: float(means[0][0] - means[0][1]),
        seen,
        rng,
        text=f"{FEW} examples, the name: {_told(rows.mean(axis=1))}; both "
        f"{seen.mean(width, 'functions', FEW, 'named'):.2f}; the best readers: "
        f"{seen.ideal[FEW]:.2f}, 1.00",
    )


def _novel(seen: Seen) -> ClaimResult:
    right = seen.right(seen.config.widths[-1], "novel", 0)
    smallest = seen.mean(seen.config.widths[0], "novel", 0)
    return _share(
        claims.NOVEL,
        right,
        text=f"{right.mean():.2f} of {len(right)}; the smallest model {smallest:.2f}",
    )


def _cloze(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    width = seen.config.widths[-1]
    groups = [seen.right(width, kind, few_of(kind))[None] for kind in ("blanks", "sentences")]
    by_shots = "; ".join(
        f"{kind} with 0, 1, 4: {_told([seen.mean(width, kind, one) for one in (0, 1, 4)])}"
        for kind in ("blanks", "sentences")
    )
    return measured(
        claims.CLOZE_FORM,
        groups,
        lambda means: float(means[0][0] - means[1][0]),
        seen,
        rng,
        text=by_shots,
    )


def _contamination(seen: Seen, rng: np.random.Generator) -> list[ClaimResult]:
    found = seen.largest.planting
    if found is None:
        gone = out_of_scale("nothing was planted")
        ids = (claims.DETECTED, claims.DELTA_TRUE, claims.LITTLE)
        return [ClaimResult(claim=claim, evidence=gone) for claim in ids]
    rows = {
        name: np.array(getattr(found, name), dtype=np.float64)
        for name in ("is_planted", "was_read", "found", "found_clean", "right", "right_clean")
    }
    planted = rows["is_planted"] == 1
    in_text = planted | (rows["was_read"] == 1)
    flagged = rows["found"] == 1
    return [
        _share(
            claims.DETECTED,
            rows["found"][planted],
            text=f"{int(rows['found'][planted].sum())} of {planted.sum()} planted questions; of "
            f"{flagged.sum()} found, {int((flagged & in_text).sum())} were read as they are, and "
            f"{int(rows['was_read'].sum())} of {len(planted)} by chance",
            control=judge_control(
                claims.DETECTED,
                float(rows["found_clean"][planted].mean()),
                text="the same questions in what the other model read",
            ),
        ),
        _delta_true(found, rows, seen, rng),
        _little(found, rows, seen, rng),
    ]


def _delta_true(
    found: Planting, rows: dict[str, np.ndarray], seen: Seen, rng: np.random.Generator
) -> ClaimResult:
    """The sign of what the split says against what planting did."""
    stacked = np.stack([rows["right"], rows["right_clean"], rows["found"]])
    added = rows["right"] - rows["right_clean"]
    truth = float(added.mean())
    ends = [float(added[_again(rng, len(added))].mean()) for _ in range(seen.config.draws)]
    low, high = np.percentile(ends, (2.5, 97.5))
    if low <= 0 <= high:
        return ClaimResult(
            claim=claims.DELTA_TRUE,
            evidence=out_of_scale(
                f"planting changed the score by {truth:.3f} [{low:.3f}, {high:.3f}], which has no "
                "sign to be told"
            ),
        )
    sign = float(np.sign(truth))
    draws = []
    for _ in range(seen.config.draws):
        right, _, flagged = stacked[:, _again(rng, stacked.shape[1])]
        draws.append(sign * delta_of(right, flagged))
    low, high = np.percentile(draws, (2.5, 97.5))
    twin = delta_of(rows["right_clean"], rows["found"])
    return ClaimResult(
        claim=claims.DELTA_TRUE,
        evidence=Evidence(
            measured=sign * found.delta,
            interval=(float(low), float(high)),
            text=f"all less clean is {found.delta:.3f}; planting added {truth:.3f}; the same split "
            f"of the same questions is {twin:.3f} for the model that read none of them",
        ),
    )


def delta_of(right: np.ndarray, found: np.ndarray) -> float:
    """All less clean, as `contamination.compare` has it."""
    clean = right[found == 0]
    return float(right.mean() - clean.mean()) if len(clean) else float("nan")


def _little(
    found: Planting, rows: dict[str, np.ndarray], seen: Seen, rng: np.random.Generator
) -> ClaimResult:
    draws = []
    for _ in range(seen.config.draws):
        some = _again(rng, len(rows["right"]))
        draws.append(delta_of(rows["right"][some], rows["found"][some]))
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    planted = rows["is_planted"] == 1
    return ClaimResult(
        claim=claims.LITTLE,
        evidence=Evidence(
            measured=found.delta,
            interval=(float(low), float(high)),
            text=f"each planted question was read {seen.config.planted_reads} times; right: "
            f"planted {rows['right'][planted].mean():.2f}, others "
            f"{rows['right'][~planted].mean():.2f}; without planting "
            f"{rows['right_clean'][planted].mean():.2f} and "
            f"{rows['right_clean'][~planted].mean():.2f}",
        ),
    )


def _analogies(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    groups = [_by_size(seen, "analogies")]
    return measured(
        claims.ANALOGIES,
        groups,
        lambda means: float(np.diff(means[0]).min()),
        seen,
        rng,
        text="by size: " + _told(groups[0].mean(axis=1)),
    )


def _share(
    claim: Claim, right: np.ndarray, *, text: str, control: Control | None = None
) -> ClaimResult:
    """A share of right answers with Wilson's interval."""
    interval = proportion_interval(int(right.sum()), len(right))
    return ClaimResult(
        claim=claim,
        evidence=Evidence(
            measured=float(right.mean()), interval=interval, text=text, control=control
        ),
    )


def _again(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(count, size=count)


def _told(values: Sequence[float] | np.ndarray) -> str:
    return ", ".join(f"{value:.2f}" for value in values)
