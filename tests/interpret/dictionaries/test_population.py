"""Several dictionaries at once: what each learns is what it learns alone."""

import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.interpret.activations import shuffled_batches
from glasshouse.interpret.dictionaries import (
    Dictionary,
    DictionaryConfig,
    DictionaryPopulation,
    DictionaryTrainer,
    DictionaryTrainingConfig,
    Gated,
    JumpReLU,
    ReLU,
    TopK,
    population,
    train_dictionaries,
    train_dictionary,
)

KINDS = {
    "decoder-norm": lambda penalty: ReLU(penalty=penalty),
    "unit": lambda penalty: ReLU(penalty=penalty, decoder="unit"),
    "tied": lambda penalty: ReLU(penalty=penalty, decoder="tied", reduction="mean"),
    "jumprelu": lambda penalty: JumpReLU(penalty=penalty, bandwidth=0.5),
    "gated": lambda penalty: Gated(penalty=penalty),
}
WIDTH = 12


def rows() -> torch.Tensor:
    """Sparse mixtures of twenty directions."""
    chance = torch.Generator().manual_seed(0)
    directions = torch.randn(20, WIDTH, generator=chance)
    active = torch.rand(2048, 20, generator=chance) < 0.1
    return (active * torch.rand(2048, 20, generator=chance)) @ directions


def make(kind, seed: int = 0, latents: int = 24) -> Dictionary:
    config = DictionaryConfig(d_in=WIDTH, num_latents=latents, kind=kind)
    dictionary = Dictionary(config, generator=torch.Generator().manual_seed(seed))
    # As if fitted to other rows each, so that one member's scale is not taken for another's.
    dictionary.fit_scale(rows()[seed * 100 : 1000])
    return dictionary


def batches():
    return shuffled_batches(rows(), 128, seed=0)


@pytest.mark.parametrize("name", KINDS)
def test_learns_what_each_would_alone(name):
    """Other penalties and starts, one step after another, up to rounding."""
    penalties = (0.1, 0.4, 1.5)
    together = [make(KINDS[name](p), seed) for seed, p in enumerate(penalties)]
    alone = [make(KINDS[name](p), seed) for seed, p in enumerate(penalties)]
    config = DictionaryTrainingConfig(steps=25, lr=5e-3, clip=0.5, dead_rows=256)
    told = list(train_dictionaries(together, batches(), config))
    for number, one in enumerate(alone):
        steps = list(train_dictionary(one, batches(), config))
        for key, value in one.state_dict().items():
            torch.testing.assert_close(together[number].state_dict()[key], value, msg=key)
        for mine, theirs in zip((step[number] for step in told), steps, strict=True):
            assert mine.loss == pytest.approx(theirs.loss, rel=1e-4)
            assert mine.l0 == pytest.approx(theirs.l0, abs=0.02)
            assert mine.explained_variance == pytest.approx(theirs.explained_variance, abs=1e-4)
            assert mine.dead_share == pytest.approx(theirs.dead_share, abs=0.05)
            assert (mine.step, mine.lr) == (theirs.step, theirs.lr)


def test_rebuilds_another_value_together():
    """Transcoders are members like any other."""
    config = DictionaryConfig(d_in=WIDTH, d_out=5, num_latents=16, kind=ReLU(penalty=0.2))
    pair = [Dictionary(config, generator=torch.Generator().manual_seed(s)) for s in (0, 1)]
    alone = Dictionary(config, generator=torch.Generator().manual_seed(1))
    options = DictionaryTrainingConfig(steps=10)
    given = [(batch, batch[:, :5] * 2) for _, batch in zip(range(10), batches(), strict=False)]
    list(train_dictionaries(pair, given, options))
    list(train_dictionary(alone, given, options))
    torch.testing.assert_close(pair[1].decoder, alone.decoder)


def test_puts_together_what_is_alike():
    """Other sizes and kinds are trained beside them, and places stay."""
    config = DictionaryTrainingConfig(steps=1)
    mixed = [make(ReLU(penalty=1)), make(TopK(k=3)), make(ReLU(penalty=2)), make(Gated())]
    groups = population.grouped(mixed, config, rows=128)
    assert [places for places, _ in groups] == [[0, 2], [1], [3]]
    assert isinstance(groups[0][1], DictionaryPopulation)
    assert isinstance(groups[1][1], DictionaryTrainer)
    (steps,) = train_dictionaries(mixed, batches(), config)
    assert steps[1].l0 <= 3 < steps[0].l0


def test_keeps_to_the_memory(monkeypatch):
    """Five that do not fit at once are trained in parts."""
    monkeypatch.setattr(population, "LARGEST", 2 * 128 * 24)
    group = population.grouped(
        [make(ReLU(), seed) for seed in range(5)], DictionaryTrainingConfig(steps=1), rows=128
    )
    assert [places for places, _ in group] == [[0, 1], [2, 3], [4]]


def test_leaves_resampling_to_single_trainers():
    """New directions need the rows that one dictionary rebuilds badly."""
    config = DictionaryTrainingConfig(steps=1, resample_every=5)
    groups = population.grouped([make(ReLU()), make(ReLU(), 1)], config, rows=128)
    assert [places for places, _ in groups] == [[0], [1]]
    with pytest.raises(InputError, match="one by one"):
        DictionaryPopulation([make(ReLU())], config)


def test_refuses_strangers_and_ruinous_rows():
    """Other shapes, other widths, and NaN, each in a sentence."""
    config = DictionaryTrainingConfig(steps=1)
    with pytest.raises(InputError, match="alike"):
        DictionaryPopulation([make(ReLU()), make(ReLU(), latents=16)], config)
    with pytest.raises(InputError, match="alike"):
        DictionaryPopulation([make(TopK(k=2)), make(TopK(k=2))], config)
    own = DictionaryPopulation([make(ReLU()), make(ReLU(), 1)], config)
    before = own.members[0].decoder.clone()
    with pytest.raises(InputError, match="width 3"):
        own.train_on(torch.ones(4, 3))
    with pytest.raises(InputError, match="NaN"):
        own.train_on(torch.full((4, WIDTH), torch.nan))
    assert torch.equal(own.members[0].decoder, before)
