"""Argument 1: in-context learning and induction heads come at the same moment, and it shows."""

import numpy as np

from glasshouse.interpret.icl import PhaseWindow
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.induction_heads.claims import (
    ABRUPT,
    ABRUPT_MLP,
    BUMP,
    NOT_IN_ONE_LAYER,
    PIVOT,
    TOGETHER,
)
from glasshouse.studies.induction_heads.course import Course
from glasshouse.studies.induction_heads.evidence import listed, not_grown, over_models
from glasshouse.studies.induction_heads.grow import Nursery
from glasshouse.studies.induction_heads.measures import (
    bend,
    bump,
    distance_from,
    first_above,
    icl,
    largest_share,
    principal_paths,
    turn,
    window_of,
)

DEEP = ("two_layers", "three_layers")
"""Kinds without feed-forward parts in which heads can compose."""

DEEP_MLP = ("two_layers_mlp", "three_layers_mlp")
"""Those with."""

FORMED = 0.5
"""Prefix matching from which on a head counts as an induction head that has formed."""


def claims(nursery: Nursery) -> list[ClaimResult]:
    """Judge argument 1."""
    return [
        _abrupt(nursery),
        _abrupt_mlp(nursery),
        _together(nursery),
        _not_in_one_layer(nursery),
        _bump(nursery),
        _pivot(nursery),
    ]


def gain(course: Course, shallow: Course, nursery: Nursery) -> np.ndarray:
    """How much lower a model's ICL is than a 1-layer model's at the same look, in nats."""
    return icl(shallow.losses, nursery.config) - icl(course.losses, nursery.config)


def final_gain(course: Course, shallow: Course, nursery: Nursery) -> float:
    """The same when both are trained, however long that took each."""
    last = (icl(seen.losses[-1], nursery.config) for seen in (shallow, course))
    one, other = (float(score) for score in last)
    return one - other


def with_shallow(nursery: Nursery, *names: str) -> list[tuple[Course, Course]]:
    """Models of some kinds, each with the 1-layer model that saw the same texts."""
    pairs = []
    for name in names:
        shallow = "one_layer_mlp" if name.endswith("mlp") else "one_layer"
        courses = nursery.courses.get(name, ()), nursery.courses.get(shallow, ())
        pairs += list(zip(*courses, strict=False))
    return pairs


def _abrupt(nursery: Nursery) -> ClaimResult:
    pairs = with_shallow(nursery, *DEEP)
    if not pairs:
        return not_grown(ABRUPT, nursery, "one_layer", "two_layers")
    values = [largest_share(c.steps, gain(c, one, nursery)) for c, one in pairs]
    flat = [largest_share(c.steps, icl(c.losses, nursery.config)) for c in nursery.of("one_layer")]
    return over_models(
        ABRUPT,
        values,
        nursery,
        text=f"{np.mean(values):.0%} of the gain within a quarter of the steps "
        f"(models of 2 and 3 layers: {listed(values)})",
        control=flat,
        control_text=f"1 layer: {np.mean(flat):.0%} of its whole score",
    )


def _abrupt_mlp(nursery: Nursery) -> ClaimResult:
    pairs = with_shallow(nursery, *DEEP_MLP)
    if not pairs:
        return not_grown(ABRUPT_MLP, nursery, "one_layer_mlp", *DEEP_MLP)
    values = [largest_share(c.steps, gain(c, one, nursery)) for c, one in pairs]
    shallow = nursery.of("one_layer_mlp")
    flat = [largest_share(c.steps, icl(c.losses, nursery.config)) for c in shallow]
    return over_models(
        ABRUPT_MLP,
        values,
        nursery,
        text=f"{np.mean(values):.0%} of the gain within a quarter of the steps ({listed(values)})",
        control=flat,
        control_text=f"1 layer with MLP: {np.mean(flat):.0%} of its whole score",
    )


def _together(nursery: Nursery) -> ClaimResult:
    courses = nursery.of(*DEEP, *DEEP_MLP)
    if not courses:
        return not_grown(TOGETHER, nursery, "two_layers")
    values = [looks_apart(course, course, nursery) for course in courses]
    smeared = nursery.of("two_layers_smeared")
    plain = nursery.of("two_layers")
    apart = [looks_apart(c, other, nursery) for c, other in zip(plain, smeared, strict=False)]
    return over_models(
        TOGETHER,
        values,
        nursery,
        text=f"{np.mean(values):.1f} looks apart ({len(values)} models: {listed(values, '.1f')})",
        control=apart,
        control_text=f"heads of one model, score of another (smeared keys): "
        f"{np.mean(apart):.1f} looks apart"
        if apart
        else "",
    )


def looks_apart(heads: Course, scores: Course, nursery: Nursery) -> float:
    """Looks between one model's best head passing 0.5 and another's steepest change of ICL.

    If no head passes it the whole course lies between.
    """
    formed = first_above(heads.steps, heads.best_matching, FORMED)
    if np.isnan(formed):
        return float(len(heads.steps))
    steepest = window_of(scores, nursery.config).steepest
    return float(abs(formed - steepest) / nursery.config.looks.every)


def _not_in_one_layer(nursery: Nursery) -> ClaimResult:
    shallow = nursery.of("one_layer", "one_layer_mlp")
    if not shallow:
        return not_grown(NOT_IN_ONE_LAYER, nursery, "one_layer")
    values = [float(course.best_matching.max()) for course in shallow]
    deep = [float(course.best_matching.max()) for course in nursery.of(*DEEP)]
    return over_models(
        NOT_IN_ONE_LAYER,
        values,
        nursery,
        text=f"best head of any look {max(values):.2f} ({len(values)} models, mean "
        f"{np.mean(values):.2f})",
        control=deep,
        control_text=f"2 and 3 layers: {np.mean(deep):.2f}" if deep else "",
    )


def _bump(nursery: Nursery) -> ClaimResult:
    pairs = with_shallow(nursery, *DEEP)
    if not pairs:
        return not_grown(BUMP, nursery, "one_layer", "two_layers")
    windows = [window_of(course, nursery.config) for course, _ in pairs]
    deep, shallow = (
        [bump_inside(c, window) for c, window in zip(courses, windows, strict=True)]
        for courses in zip(*pairs, strict=True)
    )
    apart = [
        distance_from(window, bend(c.steps, c.loss))
        for window, (c, _) in zip(windows, pairs, strict=True)
    ]
    return over_models(
        BUMP,
        deep,
        nursery,
        text=f"{np.mean(deep):.0%} of the fall ({listed(deep)}); the bend lies "
        f"{np.mean(apart):.2f} half-widths from the window's middle",
        control=shallow,
        control_text=f"1-layer models: {np.mean(shallow):.0%}",
    )


def bump_inside(course: Course, window: PhaseWindow) -> float:
    """Height of the loss curve's bump, if the curve bends inside a window; else 0."""
    bends = bend(course.steps, course.loss)
    is_inside = not np.isnan(bends) and distance_from(window, bends) < 1
    return bump(course.steps, course.loss) if is_inside else 0.0


def _pivot(nursery: Nursery) -> ClaimResult:
    pairs = with_shallow(nursery, *DEEP)
    if not pairs:
        return not_grown(PIVOT, nursery, "one_layer", "two_layers")
    deep, shallow = [], []
    for course, one in pairs:
        window = window_of(course, nursery.config)
        paths, _ = principal_paths(course.single, one.single)
        deep.append(turn(course.steps, paths[0], window))
        shallow.append(turn(one.steps, paths[1], window))
    excess = [two - one for two, one in zip(deep, shallow, strict=True)]
    return over_models(
        PIVOT,
        excess,
        nursery,
        text=f"{np.mean(excess):.0f} degrees more ({listed(excess, '.0f')}): models of 2 and 3 "
        f"layers turn by {np.mean(deep):.0f}, of one by {np.mean(shallow):.0f}",
    )
