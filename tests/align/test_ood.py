"""Strange prompts: planted directions, and activations against the network's own."""

import numpy as np
import pytest
import torch
from tests.align.judges.test_model import judge

from glasshouse.align.ood import fit_ordinary, layer_activations
from glasshouse.errors import InputError

WIDTH = 12


def kinds(*, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ordinary values, which vary together, twice; and others, which do not."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(WIDTH, WIDTH)) / 2 + np.eye(WIDTH)
    ordinary = rng.normal(size=(1200, WIDTH)) @ mix
    strange = rng.normal(size=(300, WIDTH)) * ordinary.std(axis=0)
    return ordinary[:900], ordinary[900:], strange


def auroc(low: np.ndarray, high: np.ndarray) -> float:
    return float((high[:, None] > low[None]).mean())


def test_tells_what_goes_together_from_what_does_not():
    """Each dimension for itself looks alike in both; only together they differ."""
    fit, ordinary, strange = kinds()
    found = fit_ordinary(fit)
    assert auroc(found.score(ordinary), found.score(strange)) > 0.9
    apart = [
        ((v - fit.mean(axis=0)) ** 2 / fit.var(axis=0)).sum(axis=1) for v in (ordinary, strange)
    ]
    assert auroc(*apart) < 0.65


def test_is_the_difference_of_two_distances():
    """By hand, in two dimensions."""
    values = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0], [1.0, 2.0], [-1.0, -2.0]])
    found = fit_ordinary(values, shrink=1e-9)
    covariance = np.cov(values, rowvar=False)
    x = np.array([0.5, -1.0])
    expected = x @ np.linalg.inv(covariance) @ x - (x**2 / np.diag(covariance)).sum()
    assert found.score(x[None])[0] == pytest.approx(expected, rel=1e-6)


def test_a_few_outliers_help_where_the_kinds_only_lie_apart():
    """A shift that the covariance does not show is found by the outliers' mean."""
    fit, ordinary, _ = kinds()
    shifted = ordinary + 0.5 * fit.std(axis=0)
    plain = fit_ordinary(fit)
    shown = plain.expose(shifted[:10])
    gained = auroc(shown.score(ordinary), shown.score(shifted[10:]))
    assert gained > auroc(plain.score(ordinary), plain.score(shifted[10:])) + 0.1


def test_reads_every_layer_at_the_right_tokens():
    """The same as one prompt at a time, whatever it is padded to, and in the prompts' order."""
    model = judge().language
    prompts = [[0, 2, 4, 5], [0, 3], [0, 2, 4, 5, 8, 9, 10]]
    last = layer_activations(model, prompts, where="last", batch=2)
    mean = layer_activations(model, prompts, where="mean", batch=3)
    assert last.shape == (1, 3, 16)
    kept = []
    hook = model.network.blocks[0].register_forward_hook(lambda _, __, out: kept.append(out))
    for place, prompt in enumerate(prompts):
        with torch.no_grad():
            model.network.features(torch.tensor([prompt]))
        value = kept[-1][0].numpy()
        np.testing.assert_allclose(last[0, place], value[-1], atol=1e-5)
        np.testing.assert_allclose(mean[0, place], value.mean(axis=0), atol=1e-5)
    hook.remove()
    assert not model.network.blocks[0]._forward_hooks


def test_refuses_what_cannot_be_fitted_or_read():
    """Too few prompts, none, or one that is too long."""
    with pytest.raises(InputError, match="more prompts than"):
        fit_ordinary(np.zeros((5, 8)))
    with pytest.raises(InputError, match="no outliers"):
        fit_ordinary(kinds()[0]).expose(np.zeros((0, WIDTH)))
    for prompts in ([], [[]], [[1] * 99]):
        with pytest.raises(InputError, match="1 to 32 tokens"):
            layer_activations(judge().language, prompts)
