"""Sheets as records of the notebook, where they are found by words and by likeness."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from glasshouse.interpret.features import Example
from glasshouse.notebook import ActivationExample, Feature, derived_id
from glasshouse.report.features.page import Words
from glasshouse.report.features.sheet import FeatureSheet

EXPLAINER = "rule"
"""Who says what a latent means: the best mechanical rule."""


def feature_id(dictionary: str, latent: int) -> str:
    """What a latent is called in the notebook."""
    return derived_id("feature", dictionary, latent)


def feature_records(
    sheets: Sequence[FeatureSheet],
    directions: Float[Tensor, "latent d_out"],
    words: Words,
    *,
    dictionary: str,
    model: str,
    value: str,
    num_examples: int = 6,
) -> Iterator[Feature | ActivationExample]:
    """Each latent as a feature, followed by its strongest examples.

    Args:
        sheets: What is known of each.
        directions: A unit vector for every latent of the dictionary.
        words: The model's.
        dictionary: The id of what found them, which all of one dictionary share.
        model: As the notebook calls it.
        value: The name of the value that the dictionary writes.
        num_examples: Examples of each.
    """
    for sheet in sheets:
        own = feature_id(dictionary, sheet.latent)
        tokens = (*sheet.raised, *sheet.lowered)
        score = None if sheet.score is None else sheet.score.simulation
        yield Feature(
            id=own,
            dictionary=dictionary,
            number=sheet.latent,
            run=dictionary,
            model=model,
            site=value,
            layer=layer_of(value),
            direction=vector_bytes(directions[sheet.latent]),
            explanation=sheet.explanation,
            explainer=EXPLAINER if sheet.explanation else "",
            score=None if score is None or score != score else score,
            density=sheet.report.density,
            strongest=sheet.report.maximum,
            effects={words.plain(one.token): one.effect for one in tokens},
            truth=None if sheet.match is None else sheet.match.name,
            match=None if sheet.match is None else sheet.match.f1,
        )
        for number, example in enumerate(sheet.report.top[:num_examples]):
            yield _example(own, number, example, words)


def vector_bytes(vector: Float[Tensor, " d_out"]) -> bytes:
    """A vector as the notebook keeps it."""
    return np.asarray(vector.detach().cpu().float().numpy(), "<f4").tobytes()


def layer_of(value: str) -> int | None:
    """The block that a value's name speaks of."""
    return next((int(part) for part in value.split(".") if part.isdecimal()), None)


def _example(feature: str, number: int, example: Example, words: Words) -> ActivationExample:
    return ActivationExample(
        feature=feature,
        number=number,
        tokens=[words.plain(int(token)) for token in example.ids],
        activations=[float(one) for one in example.activations],
        strongest=float(example.activations.max()),
        peak=int(example.activations.argmax()),
        quantile="top",
        document=f"held-out window {example.document}",
        token_ids=[int(token) for token in example.ids],
    )
