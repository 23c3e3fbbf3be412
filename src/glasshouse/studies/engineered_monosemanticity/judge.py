"""Hold what was measured against the claims."""

from collections.abc import Sequence

import numpy as np

from glasshouse.interpret.monosemanticity import Biases
from glasshouse.studies.claims import ClaimResult, Evidence, judge_control
from glasshouse.studies.engineered_monosemanticity.claims import (
    EQUAL_LOSS,
    LEARNING_RATE,
    LEVER,
    LEVER_COST,
    MONO_BIAS,
    NEURONS,
    POLY_BIAS,
    RESIDUAL,
    VARIANT_CLAIMS,
)
from glasshouse.studies.engineered_monosemanticity.evidence import (
    in_order,
    known_mean,
    over_draws,
    resampled,
)
from glasshouse.studies.engineered_monosemanticity.seen import Seen
from glasshouse.studies.engineered_monosemanticity.settings import WIDTHS
from glasshouse.world.streams import stream

TOP = 3
"""Singular values that may hold most of a correction of low rank."""


def judge_all(seen: Seen) -> list[ClaimResult]:
    """Every claim, in the paper's order."""
    return [
        _learning_rate(seen),
        _lever(seen),
        _lever_cost(seen),
        _mono_bias(seen),
        _poly_bias(seen),
        _neurons(seen),
        _residual(seen),
        *(_variant(seen, name) for name in VARIANT_CLAIMS),
    ]


def gap_at_equal_loss(mono: Sequence[float], loss: Sequence[float]) -> float:
    """Largest difference in monosemanticity between two models of equal loss; NaN if none are.

    Args:
        mono: Monosemantic neurons by feature, one entry a learning rate.
        loss: Loss at each rate.
    """
    gaps = [
        abs(mono[i] - mono[j])
        for i in range(len(loss))
        for j in range(i)
        if max(loss[i], loss[j]) < (1 + EQUAL_LOSS) * min(loss[i], loss[j])
    ]
    return float(max(gaps)) if gaps else float("nan")


def _learning_rate(seen: Seen) -> ClaimResult:
    rates = seen.config.training.rates
    plain = [seen.models("decoder", "plain", rate) for rate in rates]
    draws = seen.config.few_draws
    mono = np.stack([models.mono()[:draws] for models in plain])  # rate draw
    loss = np.stack([models.loss[:draws] for models in plain])

    def gap(drawn: np.ndarray) -> float:
        return gap_at_equal_loss(
            mono[:, drawn].mean(axis=1).tolist(), loss[:, drawn].mean(axis=1).tolist()
        )

    between_draws = float(np.ptp(mono, axis=1).max())
    evidence = Evidence(
        measured=gap(np.arange(draws)),
        interval=resampled(gap, draws, rng=stream(seen.seed, "engineered-monosemanticity", "gap")),
        text=f"monosemantic neurons by feature {in_order(mono.mean(axis=1))}, loss "
        f"{', '.join(f'{one:.4f}' for one in loss.mean(axis=1))} at rates "
        f"{', '.join(f'{rate:g}' for rate in rates)}",
        control=judge_control(
            LEARNING_RATE,
            between_draws,
            text="largest difference between projections at one learning rate",
        ),
    )
    return ClaimResult(claim=LEARNING_RATE, evidence=evidence)


def _lever(seen: Seen) -> ClaimResult:
    gained = seen.gain("decoder", "lever")
    others = {
        "the decay alone": seen.gain("decoder", "decay alone"),
        "a positive initial bias": seen.gain("decoder", "positive"),
    }
    worst = max(others, key=lambda name: float(others[name].mean()))
    wins = int((gained > 0).sum())
    return over_draws(
        LEVER,
        gained,
        seed=seen.seed,
        text=f"{seen.models('decoder', 'plain').mono().mean():.2f} plain, "
        f"{seen.models('decoder', 'lever').mono().mean():.2f} with the lever, higher behind "
        f"{wins} of {len(gained)} projections; gain",
        control=others[worst],
        control_text=f"gain of {worst}",
    )


def _lever_cost(seen: Seen) -> ClaimResult:
    changed = seen.loss_change("decoder", "lever")
    return over_draws(
        LEVER_COST,
        changed,
        seed=seen.seed,
        text=f"loss {seen.models('decoder', 'plain').loss.mean():.4f} plain, "
        f"{seen.models('decoder', 'lever').loss.mean():.4f} with the lever; change",
        control=seen.loss_change("decoder", "published decay"),
        control_text="change where the biases keep their offset",
    )


def shuffled_means(
    found: Sequence[Biases], rng: np.random.Generator, *, shuffles: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """Mean bias of neurons that are called mono and poly at random, as many as there are of each.

    Returns:
        Both means, by projection, over all shuffles.
    """
    called = []
    for biases in found:
        every = np.concatenate([biases.mono, biases.poly])
        dealt = np.stack([rng.permutation(every) for _ in range(shuffles)])
        parts = np.split(dealt, [len(biases.mono)], axis=1)
        called.append([part.mean() if part.size else np.nan for part in parts])
    first, second = np.array(called, dtype=float).T
    return first, second


def _mono_bias(seen: Seen) -> ClaimResult:
    models = seen.models("decoder", "plain")
    rng = stream(seen.seed, "engineered-monosemanticity", "mono bias")
    lever = known_mean([one.mono_mean for one in seen.models("decoder", "lever").biases])
    return over_draws(
        MONO_BIAS,
        np.array([one.mono_mean for one in models.biases]),
        seed=seen.seed,
        text=f"mean bias of monosemantic neurons, plain models ({lever:.2f} with the lever)",
        control=shuffled_means(models.biases, rng)[0],
        control_text="as many neurons that fire, at random",
    )


def _poly_bias(seen: Seen) -> ClaimResult:
    models = seen.models("decoder", "plain")
    rng = stream(seen.seed, "engineered-monosemanticity", "poly bias")
    mono, poly = shuffled_means(models.biases, rng)
    mean = known_mean([one.poly_mean for one in models.biases])
    return over_draws(
        POLY_BIAS,
        np.array([one.poly_mean - one.mono_mean for one in models.biases]),
        seed=seen.seed,
        text=f"polysemantic neurons at {mean:.2f}; above monosemantic ones by",
        control=poly - mono,
        control_text="neurons called so at random",
    )


def smallest_step(values: np.ndarray) -> float:
    """The smallest rise from one entry to the next; negative where they fall."""
    return float(np.diff(values).min())


def _neurons(seen: Seen) -> ClaimResult:
    models = [seen.models(name, "lever") for name in WIDTHS]
    draws = seen.config.few_draws
    mono = np.stack([one.mono()[:draws] for one in models])  # width draw
    rng = stream(seen.seed, "engineered-monosemanticity", "neurons")
    dealt = [smallest_step(rng.permuted(mono, axis=0).mean(axis=1)) for _ in range(500)]
    distinct = [float(one.distinct.mean()) for one in models]
    loss = ", ".join(f"{one.loss.mean():.4f}" for one in models)
    plain = [float(seen.models(name, "plain").mono().mean()) for name in WIDTHS]
    evidence = Evidence(
        measured=smallest_step(mono.mean(axis=1)),
        interval=resampled(
            lambda drawn: smallest_step(mono[:, drawn].mean(axis=1)), draws, rng=rng
        ),
        text=f"with the lever {in_order(mono.mean(axis=1))} monosemantic neurons by feature "
        f"({in_order(distinct)} of features owned, loss {loss}) with "
        f"{', '.join(map(str, seen.config.widths))} neurons a feature; plain {in_order(plain)}",
        control=judge_control(
            NEURONS,
            float(np.mean(dealt)),
            text="widths dealt anew within each projection",
        ),
    )
    return ClaimResult(claim=NEURONS, evidence=evidence)


def _residual(seen: Seen) -> ClaimResult:
    models = seen.models("wide", "lever")
    left = [one.left[models.place] for one in models.grown]
    blind = {
        "as many monosemantic neurons": [one.owners[models.place] for one in models.grown],
        "the same neurons, readouts exchanged": [
            one.shuffled[models.place] for one in models.grown
        ],
    }
    shares = {name: np.array([one.top_share(TOP) for one in some]) for name, some in blind.items()}
    worst = max(shares, key=lambda name: float(shares[name].mean()))
    cosine = np.mean([one.alignment for one in left])
    neurons = np.mean([biases.poly.size for biases in models.biases])
    return over_draws(
        RESIDUAL,
        np.array([one.top_share(TOP) for one in left]),
        seed=seen.seed,
        text=f"share of the three largest singular values of {neurons:.0f} neurons; the first "
        f"meets the sum of all features at a cosine of {cosine:.2f}",
        control=shares[worst],
        control_text=worst,
    )


def _variant(seen: Seen, name: str) -> ClaimResult:
    changed = seen.loss_change(name, "lever").mean()
    return over_draws(
        VARIANT_CLAIMS[name],
        seen.gain(name, "lever"),
        seed=seen.seed,
        text=f"{seen.models(name, 'plain').mono().mean():.2f} plain, "
        f"{seen.models(name, 'lever').mono().mean():.2f} with the lever, loss {changed:+.0%}; gain",
        control=seen.gain(name, "decay alone"),
        control_text="gain of the decay alone",
    )
