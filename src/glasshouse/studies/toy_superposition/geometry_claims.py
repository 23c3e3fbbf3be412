"""The claims on plateaus, shapes and robustness, judged on `Geometry`. (Claims 3, 4, 8.)"""

import numpy as np

from glasshouse.studies.claims import Claim, ClaimResult, Evidence, judge_control
from glasshouse.studies.intervals import rank_correlation
from glasshouse.studies.toy_superposition.experiment import (
    SOURCE,
    Bench,
    mean_over_shuffles,
    resample_replicas,
    resampled_interval,
)
from glasshouse.studies.toy_superposition.geometry import (
    LINES,
    Geometry,
    flatness,
    line_excess,
    line_share,
    smooth_twin,
)

_GEOMETRY = f"{SOURCE}, The Geometry of Superposition"
_ATTACKS = f"{SOURCE}, Superposition and Adversarial Examples"


def claims(found: Geometry, bench: Bench) -> list[ClaimResult]:
    """Judge plateaus, shapes, their order and the vulnerability that comes with them."""
    return [
        _sticky_half(found, bench),
        _on_the_lines(found, bench),
        _digons_rule(found, bench),
        _lines_in_order(found, bench),
        _vulnerable(found, bench),
        _vulnerability_tracks(found, bench),
    ]


def _sticky_half(found: Geometry, bench: Bench) -> ClaimResult:
    claim = Claim(
        id="sticky-half",
        claim="Dimensions per feature stick at 1/2 while sparsity grows.",
        source=_GEOMETRY,
        paper="plateaus of D* at 1 and 1/2",
        threshold=0.5,
        direction="below",
        no_effect=1.0,
        threshold_text="slope near D*=1/2 under half of its mean slope on both sides",
    )
    k, stars = found.inverse_density, found.stars
    measured = flatness(k, stars.mean(axis=1))
    near = int((np.abs(stars.mean(axis=1) - 0.5) < 0.05).sum())
    smooth = flatness(k, smooth_twin(k, stars.mean(axis=1)))
    evidence = Evidence(
        measured=measured,
        interval=resampled_interval(
            lambda rng: flatness(k, resample_replicas(stars, rng).mean(axis=1)),
            rng=bench.rng("geometry", "flatness"),
        ),
        text=f"slope ratio {measured:.2f}; {near} grid points within 0.05 of 1/2",
        control=judge_control(
            claim, smooth, text=f"smooth curve through the same points: {smooth:.2f}"
        ),
        gate=None if near >= 2 else f"{near} grid points lie within 0.05 of 1/2, 2 are needed",
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _on_the_lines(found: Geometry, bench: Bench) -> ClaimResult:
    claim = Claim(
        id="features-on-lines",
        claim="Feature dimensionalities cluster at 3/4, 2/3, 1/2, 2/5 and 3/8.",
        source=_GEOMETRY,
        paper="points line up on five horizontal lines",
        threshold=2.0,
        direction="above",
        no_effect=1.0,
        threshold_text="over twice the share that a smoothed histogram expects within 0.015",
        note="Off the lines the paper's own plot shows clusters without a name, one near 4/9.",
    )
    values = found.active[1:]
    measured = line_excess(values)
    random = line_excess(found.random_active[1:])
    evidence = Evidence(
        measured=measured,
        interval=resampled_interval(
            lambda rng: line_excess(resample_replicas(values, rng)),
            rng=bench.rng("geometry", "lines"),
            num_resamples=200,
        ),
        text=f"{measured:.2f} times the smoothed share, {(values > 0).sum()} features",
        control=judge_control(
            claim, random, text=f"same lengths in random directions: {random:.2f} times"
        ),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _digons_rule(found: Geometry, bench: Bench) -> ClaimResult:
    claim = Claim(
        id="digons",
        claim="At the 1/2 plateau most features sit in antipodal pairs.",
        source=_GEOMETRY,
        paper="features at D=1/2 over a wide range of sparsity",
        threshold=0.6,
        direction="above",
        no_effect=0.2,
        threshold_text="over 60% of active features within 0.015 of 1/2 at the density whose D* is "
        "nearest 1/2; a smooth bump there would give 20%",
    )
    share = line_share(found.active, LINES["digon"])
    row = int(np.abs(found.stars.mean(axis=1) - 0.5).argmin())
    random = float(line_share(found.random_active, LINES["digon"]).max())
    evidence = Evidence(
        measured=float(share[row]),
        interval=resampled_interval(
            lambda rng: float(
                line_share(resample_replicas(found.active[row : row + 1], rng), LINES["digon"])[0]
            ),
            rng=bench.rng("geometry", "digons"),
        ),
        text=f"{share[row]:.0%} at 1/(1-S) = {found.inverse_density[row]:g}",
        control=judge_control(claim, random, text=f"random directions: at most {random:.0%}"),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _lines_in_order(found: Geometry, bench: Bench) -> ClaimResult:
    claim = Claim(
        id="shapes-in-order",
        claim="As sparsity grows, triangles give way to digons, and digons to pentagons and square "
        "antiprisms.",
        source=_GEOMETRY,
        paper="2/3 left of 1/2, and 2/5 and 3/8 right of it",
        threshold=1.0,
        direction="above",
        no_effect=1.0,
        threshold_text="mean 1/(1-S) of each shape over 1 times that of the shape before it",
    )
    k, values = found.inverse_density, found.active
    control = mean_over_shuffles(
        lambda dealt: shapes_in_order(dealt, values), k, rng=bench.rng("geometry", "shuffle")
    )
    measured = shapes_in_order(k, values)
    interval = resampled_interval(
        lambda rng: shapes_in_order(k, resample_replicas(values, rng)),
        rng=bench.rng("geometry", "order"),
    )
    is_rare = bool(np.isnan([measured, *interval]).any())
    evidence = Evidence(
        measured=measured,
        interval=interval,
        gate="too few features lie on one of these lines to resample" if is_rare else None,
        text="mean 1/(1-S): "
        + ", ".join(f"{name} {centre:.2f}" for name, centre in _centres(k, values).items()),
        control=judge_control(claim, control, text=f"densities shuffled: {control:.2f}"),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def shapes_in_order(inverse_density: np.ndarray, dimensionality: np.ndarray) -> float:
    """The smaller of two ratios of mean 1/(1-S): digon to triangle, pentagon to digon."""
    triangle, digon, pentagon = _centres(inverse_density, dimensionality).values()
    return min(digon / triangle, pentagon / digon)


def _centres(inverse_density: np.ndarray, dimensionality: np.ndarray) -> dict[str, float]:
    """Mean 1/(1-S) of the features on each line, weighted by their share of the active ones."""
    groups = {
        "triangle": [LINES["triangle"]],
        "digon": [LINES["digon"]],
        "pentagon or antiprism": [LINES["pentagon"], LINES["square antiprism"]],
    }
    centres = {}
    for name, lines in groups.items():
        share = np.sum([line_share(dimensionality, line) for line in lines], axis=0)
        total = share.sum()
        centres[name] = float((share * inverse_density).sum() / total) if total else np.nan
    return centres


def _vulnerable(found: Geometry, bench: Bench) -> ClaimResult:
    claim = Claim(
        id="adversarial-ratio",
        claim="Superposition makes a model far more vulnerable to adversarial examples.",
        source=_ATTACKS,
        paper="over 3 times more vulnerable than without superposition",
        threshold=3.0,
        direction="above",
        no_effect=1.0,
        threshold_text="over 3 times the loss of the dense model per squared attack length",
    )
    measured = relative(found.vulnerability)[-1]
    random = relative(found.random_vulnerability, found.vulnerability)[-1]
    evidence = Evidence(
        measured=float(measured),
        interval=resampled_interval(
            lambda rng: float(relative(resample_replicas(found.vulnerability, rng))[-1]),
            rng=bench.rng("geometry", "attack"),
        ),
        text=f"{measured:.1f} times at 1/(1-S) = {found.inverse_density[-1]:g}",
        control=judge_control(
            claim,
            float(random),
            text=f"worst of {found.config.features} random directions: {random:.1f} times",
        ),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _vulnerability_tracks(found: Geometry, bench: Bench) -> ClaimResult:
    claim = Claim(
        id="adversarial-tracks-superposition",
        claim="Vulnerability follows the number of features per dimension.",
        source=_ATTACKS,
        paper="the two curves lie on each other",
        threshold=0.9,
        direction="above",
        no_effect=0.0,
        threshold_text="rank correlation over 0.9 across densities",
    )
    both = np.stack([found.vulnerability, 1 / found.stars], axis=-1)
    measured = _rank_correlation(both)
    means = both.mean(axis=1)
    control = mean_over_shuffles(
        lambda dealt: rank_correlation(means[:, 0], dealt),
        means[:, 1],
        rng=bench.rng("geometry", "permute"),
    )
    evidence = Evidence(
        measured=measured,
        interval=resampled_interval(
            lambda rng: _rank_correlation(resample_replicas(both, rng)),
            rng=bench.rng("geometry", "tracks"),
        ),
        text=f"rank correlation {measured:.2f} over {len(both)} densities",
        control=judge_control(claim, control, text=f"densities shuffled: {control:.2f}"),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def relative(vulnerability: np.ndarray, baseline: np.ndarray | None = None) -> np.ndarray:
    """Mean vulnerability of each density over that of the densest, of `baseline` if given."""
    base = vulnerability if baseline is None else baseline
    return vulnerability.mean(axis=1) / base[0].mean()


def _rank_correlation(both: np.ndarray) -> float:
    means = both.mean(axis=1)
    return rank_correlation(means[:, 0], means[:, 1])
