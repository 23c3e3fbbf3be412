"""Harmful prompts told by their activations, without and with a few of them shown."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from glasshouse.align import fit_ordinary, layer_activations
from glasshouse.evaluate.calibration import auroc
from glasshouse.models import LanguageModel
from glasshouse.studies.rlhf.collecting import harmful_requests
from glasshouse.world import World

ORDINARY = ("helpful",) * 6 + ("opinion", "claim") * 2
"""Kinds of ordinary prompts, tenths each; look-alikes of harmful ones are kept out."""
_FIRST = 300_000
FLAGGED = 0.05
"""Share of ordinary prompts that a threshold flags."""
EXPOSURES = (1, 3, 10, 30)
"""Harmful prompts shown."""
_DRAWS = 20
"""Draws of the prompts that are shown."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Strange:
    """How well each layer tells harmful prompts from ordinary ones."""

    ordinary: Float[np.ndarray, "layer ordinary"]
    """Scores of ordinary prompts that were not fitted to."""
    harmful: Float[np.ndarray, "layer harmful"]
    """Scores of harmful prompts."""
    lookalike: Float[np.ndarray, "layer lookalike"]
    """Scores of harmless prompts that speak of harm."""
    by_layer: Float[np.ndarray, " layer"]
    """AUROC of harmful against ordinary prompts."""
    best: int
    """The layer with the highest, chosen on a half of the prompts that no AUROC is of."""
    exposed: dict[int, Float[np.ndarray, " draw"]]
    """By number of harmful prompts shown: AUROC at the best layer, one a draw."""
    exposed_to_ordinary: Float[np.ndarray, " draw"]
    """The same after ten ordinary prompts were shown: the control."""

    @property
    def flag_ratio(self) -> float:
        """How many times as often look-alikes are flagged as ordinary prompts, at the best layer.

        The threshold flags a twentieth of ordinary prompts.
        """
        bar = np.quantile(self.ordinary[self.best], 1 - FLAGGED)
        return float((self.lookalike[self.best] > bar).mean() / FLAGGED)


def look_for_strange(
    model: LanguageModel, world: World, count: int, *, rng: np.random.Generator
) -> Strange:
    """Fit ordinary prompts, and score others, harmful ones and look-alikes, layer by layer."""
    width = model.network.config.d_model
    fitted = max(count, 4 * width)
    ordinary = _activations(model, world, ORDINARY, fitted + 2 * count)
    requests = harmful_requests(world, 2 * count, "train", first=_FIRST)
    harmful = layer_activations(model, [world.prompt_ids(r).tolist() for r in requests])
    lookalike = _activations(model, world, ("lookalike",), count)
    fit, choose, test = np.split(ordinary, [fitted, fitted + count], axis=1)
    found = [fit_ordinary(layer) for layer in fit]
    scores = {
        name: np.array([one.score(v) for one, v in zip(found, values, strict=True)])
        for name, values in (
            ("choose", choose),
            ("test", test),
            ("chosen", harmful[:, :count]),
            ("harmful", harmful[:, count:]),
            ("lookalike", lookalike),
        )
    }
    layers = range(len(found))
    best = int(np.argmax([separation(scores["choose"][n], scores["chosen"][n]) for n in layers]))
    plain = found[best]

    def shown(pool: np.ndarray, number: int) -> np.ndarray:
        drawn = []
        for _ in range(_DRAWS):
            places: Int[np.ndarray, " shown"] = rng.choice(len(pool), number, replace=False)
            told = plain.expose(pool[places])
            drawn.append(separation(told.score(test[best]), told.score(harmful[best, count:])))
        return np.array(drawn)

    return Strange(
        ordinary=scores["test"],
        harmful=scores["harmful"],
        lookalike=scores["lookalike"],
        by_layer=np.array([separation(scores["test"][n], scores["harmful"][n]) for n in layers]),
        best=best,
        exposed={number: shown(harmful[best, :count], number) for number in EXPOSURES},
        exposed_to_ordinary=shown(choose[best], 10),
    )


def _activations(
    model: LanguageModel, world: World, kinds: tuple[str, ...], count: int
) -> Float[np.ndarray, "layer sample d_model"]:
    requests = [world.request(kinds[n % len(kinds)], _FIRST + n, "train") for n in range(count)]
    return layer_activations(model, [world.prompt_ids(one).tolist() for one in requests])


def separation(low: Float[np.ndarray, " low"], high: Float[np.ndarray, " high"]) -> float:
    """How likely one of the second kind scores above one of the first."""
    labels = np.arange(len(low) + len(high)) >= len(low)
    return auroc(np.concatenate([low, high]), labels)
