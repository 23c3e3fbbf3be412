"""Rules that stop training by what its steps tell."""

import pytest

from glasshouse.align.policies import GoldPeak, KlBudget, PolicyStep
from glasshouse.errors import InputError


def step(number: int, *, kl: float = 0.0, gold: float = 0.0, reward: float = 0.0) -> PolicyStep:
    return PolicyStep(
        step=number, reward=reward, kl=kl, kl_k3=kl, entropy=1, length=3, ended=1, clip_share=0,
        drift=0, loss=0, value_loss=None, grad_norm=1, lr=1e-3, seconds=1, watched={"gold": gold},
    )  # fmt: skip


class TestGoldPeak:
    def test_stops_when_gold_has_not_risen_for_a_while(self):
        """Three steps after the best, whatever the reward does meanwhile."""
        golds = [0, 1, 2, 3, 2, 1, 2.5, 0]
        steps = [step(n, gold=gold, reward=n) for n, gold in enumerate(golds, 1)]
        rule = GoldPeak(3, smooth=1)
        said = [bool(rule(steps[:count])) for count in range(1, 9)]
        assert said == [False] * 6 + [True] * 2
        assert "gold peaked at 3 about step 4" in rule(steps)
        assert not GoldPeak(3, of="reward", smooth=1)(steps)

    def test_averages_before_it_compares(self):
        """One lucky step is no peak."""
        golds = [0, 9, 1, 2, 3, 4, 5, 6, 7, 8]
        steps = [step(n, gold=gold) for n, gold in enumerate(golds, 1)]
        assert GoldPeak(6, smooth=1)(steps)
        assert not GoldPeak(6, smooth=4)(steps)

    def test_refuses_what_nobody_watches(self):
        """The name is told, and what there is."""
        with pytest.raises(InputError, match="'silver', and gold is watched"):
            GoldPeak(1, of="silver", smooth=1)([step(1)])
        with pytest.raises(InputError, match="patience=0"):
            GoldPeak(0)


class TestKlBudget:
    def test_stops_once_it_is_spent(self):
        """The newest step counts."""
        rule = KlBudget(2.0)
        assert not rule([])
        assert not rule([step(1, kl=1.9)])
        assert "2.10 nats, and 2 were allowed" in rule([step(1), step(2, kl=2.1)])
        with pytest.raises(InputError, match="nats=-1"):
            KlBudget(-1)
