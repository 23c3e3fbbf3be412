"""Argument 5: the weights say how a head finds what it copies, and that it copies it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from glasshouse.interpret.circuits import k_matching, ov_copying, q_matching
from glasshouse.interpret.heads import duplicate_token, repeated_tokens
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.induction_heads.ablation import INDUCTION
from glasshouse.studies.induction_heads.claims import OV_COPIES, QK_TRACE
from glasshouse.studies.induction_heads.course import HEAD_TEXTS, Course, first_weights
from glasshouse.studies.induction_heads.evidence import listed, not_grown, over_models
from glasshouse.studies.induction_heads.grow import Nursery

KINDS_READ = ("two_layers", "many_heads", "three_layers")
"""Attention-only kinds whose weights are read."""

Route = Literal["keys", "queries"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Circuit:
    """What the weights of one model say of its heads; scores are `layer head`."""

    name: str
    """Its kind."""
    matching: np.ndarray
    """Prefix matching, as measured."""
    previous: np.ndarray
    """Attention to the previous token, as measured."""
    through_keys: np.ndarray
    """Positive share of the circuit composed through keys with previous-token heads."""
    through_queries: np.ndarray
    """Positive share of the circuit composed through queries with duplicate-token heads."""
    copying: np.ndarray
    """Positive share of the OV circuit's eigenvalues."""
    untrained: tuple[np.ndarray, np.ndarray]
    """`through_keys` and `copying` of the model as it was before training."""

    @property
    def route(self) -> Route:
        """Which composition the best matching head uses: the larger positive share."""
        best = np.unravel_index(self.matching.argmax(), self.matching.shape)
        return "keys" if self.through_keys[best] >= self.through_queries[best] else "queries"

    @property
    def trace(self) -> np.ndarray:
        """The composed circuit of that route, `layer head`."""
        return self.through_keys if self.route == "keys" else self.through_queries

    @property
    def correlation(self) -> float:
        """Of prefix matching with the composed circuit, over heads."""
        return correlation(self.matching, self.trace)

    @property
    def best_copying(self) -> float:
        """OV copying of the head that matches prefixes best."""
        return float(self.copying.ravel()[self.matching.argmax()])


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's, over all heads; 0 when one side is constant and so says nothing."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def measure(nursery: Nursery) -> list[Circuit]:
    """Read the weights of every attention-only model of two and three layers."""
    return [
        _read(name, number, course, nursery)
        for name in KINDS_READ
        for number, course in enumerate(nursery.courses.get(name, ()))
    ]


def _read(name: str, number: int, course: Course, nursery: Nursery) -> Circuit:
    config, probe = nursery.config, nursery.probes[name]
    world, previous = config.world(course.kind), course.previous[-1]
    probe.holding(first_weights(name, number, config, seed=nursery.seed))
    untrained = _through(k_matching(probe.graph), previous), as_array(ov_copying(probe.graph))
    graph = probe.holding(course.weights)
    twice = repeated_tokens(
        world.words,
        length=config.looks.matched,
        repeats=2,
        num_sequences=HEAD_TEXTS,
        start=world.start,
    )
    return Circuit(
        name=name,
        matching=course.matching[-1],
        previous=previous,
        through_keys=_through(k_matching(graph), previous),
        through_queries=_through(q_matching(graph), as_array(duplicate_token(graph, twice))),
        copying=as_array(ov_copying(graph)),
        untrained=untrained,
    )


def as_array(tensor: Tensor) -> np.ndarray:
    """A tensor as numpy, on the CPU."""
    return tensor.detach().cpu().numpy()


def _through(composed: Tensor, scores: np.ndarray) -> np.ndarray:
    return through(as_array(composed), scores)


def through(composed: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The composed circuit of every head with earlier ones, each as much as it does its job.

    Args:
        composed: Positive share by pairs, `later later_head earlier earlier_head`.
        scores: How much each head attends as the earlier head of the circuit should, `layer head`.

    Returns:
        `layer head`: mean over heads of earlier layers, weighted by their scores; 0 in layer 0.
    """
    found = np.zeros(composed.shape[:2])
    for layer in range(1, len(composed)):
        weights = scores[:layer] / scores[:layer].sum()
        found[layer] = (composed[layer, :, :layer] * weights).sum(axis=(1, 2))
    return found


def claims(found: list[Circuit], nursery: Nursery) -> list[ClaimResult]:
    """Judge argument 5."""
    if not found:
        return [not_grown(claim, nursery, "two_layers") for claim in (QK_TRACE, OV_COPIES)]
    correlations = [circuit.correlation for circuit in found]
    copies = [circuit.best_copying for circuit in found]
    routes = [circuit.route for circuit in found]
    named = " and ".join(
        f"through {route} in {routes.count(route)}" for route in ("keys", "queries")
    )
    best = [
        np.unravel_index(circuit.matching.argmax(), circuit.matching.shape) for circuit in found
    ]
    blank = [correlation(circuit.matching, circuit.untrained[0]) for circuit in found]
    blank_copies = [
        float(circuit.untrained[1][at]) for circuit, at in zip(found, best, strict=True)
    ]
    first = np.mean([circuit.copying[0].mean() for circuit in found])
    return [
        over_models(
            QK_TRACE,
            correlations,
            nursery,
            text=f"correlation {np.mean(correlations):.2f} ({listed(correlations)}); composed "
            f"{named} of {len(found)} models{_of_later_heads(found)}",
            control=blank,
            control_text=f"with the circuits of the untrained weights: {np.mean(blank):.2f}",
        ),
        over_models(
            OV_COPIES,
            copies,
            nursery,
            text=f"{np.mean(copies):.2f} ({listed(copies)}); heads of the first layer, which here "
            f"make likelier what a text has used, {first:.2f}",
            control=blank_copies,
            control_text=f"the same heads untrained: {np.mean(blank_copies):.2f}",
        ),
    ]


def _of_later_heads(found: list[Circuit]) -> str:
    """The correlation over heads that have something to compose with, where these differ at all."""
    matching = np.concatenate([circuit.matching[1:].ravel() for circuit in found])
    trace = np.concatenate([circuit.trace[1:].ravel() for circuit in found])
    if matching.min() > INDUCTION:
        return "; every head behind the first layer became an induction head"
    return f"; over heads behind the first layer alone {correlation(matching, trace):.2f}"
