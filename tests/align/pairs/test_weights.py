"""Weights of comparisons: 0 is absent, 2 is twice, in whatever learns from them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.align.judges.test_model import TRAINING, comparisons, judge
from tests.align.test_direct import CONFIG, PAIRS, make_policy
from tests.align.test_judge_objectives import graded_either

from glasshouse.align import reply_logprobs, train_dpo, word_layout
from glasshouse.align.judges.training import JudgeTrainingConfig, train_judge
from glasshouse.align.pairs.comparisons import Comparison, comparison_of, write_comparisons
from glasshouse.align.pairs.weights import relative_weights
from glasshouse.errors import InputError
from glasshouse.training import OptimizerConfig

# One batch a step, and so large an epsilon that AdamW follows the gradient itself.
WHOLE = replace(
    TRAINING, batch=64, epochs=3, precision="fp32", optimizer=OptimizerConfig(epsilon=1.0)
)
JUDGES = {
    "ranked": replace(WHOLE, centre=0.1, lm_weight=0.5),
    "binary": replace(WHOLE, objective="binary"),
    "l2": replace(WHOLE, objective="l2"),
    "imitation": replace(WHOLE, objective="imitation"),
}


def judged(pairs: list[Comparison], config: JudgeTrainingConfig):
    """What a preference model tells while it learns, and ends as."""
    own = judge()
    torch.nn.init.normal_(own.head.weight, generator=torch.Generator().manual_seed(0))
    return list(train_judge(own, pairs, config)), list(own.parameters())


def taught(pairs: list[Comparison]):
    """The same of a policy."""
    policy = make_policy()
    config = replace(CONFIG, batch=64, epochs=3)
    steps = list(train_dpo(policy, pairs, word_layout(policy.tokenizer), config))
    return steps, list(policy.network.parameters())


def uneven(count: int, *, seed: int = 0) -> list[Comparison]:
    """Replies of several lengths, preferred in either order."""
    pairs = comparisons(count, seed=seed)
    return graded_either([one if at % 3 else one.swapped for at, one in enumerate(pairs)])


class TestAWeight:
    @pytest.mark.parametrize("objective", JUDGES)
    def test_of_two_is_as_twice_to_a_preference_model(self, objective):
        """In loss, accuracy, margin and gradient; to the rounding of sums in another order."""
        pairs = uneven(7)
        heavy = [replace(one, weight=2.0) if at < 3 else one for at, one in enumerate(pairs)]
        same(
            judged(heavy, JUDGES[objective]),
            judged([*pairs[:3], *pairs], JUDGES[objective]),
            but_for=judged(pairs, JUDGES[objective]),
        )

    def test_of_two_is_as_twice_to_a_policy(self):
        """By direct preference optimisation."""
        heavy = [replace(PAIRS[0], weight=2.0), *PAIRS[1:]]
        same(taught(heavy), taught([PAIRS[0], *PAIRS]), but_for=taught(PAIRS))

    def test_of_zero_is_as_absent(self):
        """To the last bit, in batches of the same comparisons; its reference is left out too."""
        pairs = uneven(20)
        mixed = [replace(uneven(1, seed=9)[0], weight=0.0), *pairs]
        config = replace(JUDGES["ranked"], batch=4)
        assert judged(mixed, config)[0] == judged(pairs, config)[0]
        policy = make_policy()
        layout = word_layout(policy.tokenizer)
        light = [replace(PAIRS[2], weight=0.0), *PAIRS[:2]]
        given = reply_logprobs(policy, light, layout)
        steps = list(train_dpo(policy, light, layout, CONFIG, reference=given))
        assert steps == list(
            train_dpo(make_policy(), PAIRS[:2], layout, CONFIG, reference=given[1:])
        )

    def test_of_all_alike_changes_nothing(self):
        """To the last bit, over several batches."""
        config = replace(JUDGES["ranked"], batch=4)
        heavy = [replace(one, weight=3.0) for one in uneven(10)]
        assert judged(heavy, config)[0] == judged(uneven(10), config)[0]

    def test_is_over_the_mean_of_all_and_not_of_a_batch(self):
        """Else comparisons that stand alone in a batch would all move a model alike."""
        config = replace(JUDGES["binary"], batch=1, epochs=1)
        pairs = uneven(2)
        light, even = (
            judged([pairs[0], replace(pairs[1], weight=weight)], config)[1] for weight in (0.01, 1)
        )
        assert not all(torch.equal(a, b) for a, b in zip(light, even, strict=True))

    def test_goes_through_a_file_and_a_swap(self):
        """It is read, checked, turned round, and written where it is not 1."""
        record = {"prompt": "hi", "chosen": "a", "rejected": "b"}
        one = comparison_of(record | {"weight": 0.5})
        assert one.weight == one.swapped.weight == 0.5
        assert comparison_of(json.loads(next(write_comparisons([one])))) == one
        assert "weight" not in next(write_comparisons([comparison_of(record)]))
        both = {
            "chosen": "\n\nHuman: hi\n\nAssistant: a",
            "rejected": "\n\nHuman: hi\n\nAssistant: b",
        }
        assert comparison_of(both | {"weight": 2}).weight == 2.0
        with pytest.raises(InputError, match="weight='much' must be a number"):
            comparison_of(record | {"weight": "much"})
        with pytest.raises(InputError, match="finite and not negative"):
            replace(one, weight=-1.0)

    def test_of_zero_for_all_is_refused(self):
        """There is nothing to learn from."""
        pairs = [replace(one, weight=0.0) for one in uneven(2)]
        with pytest.raises(InputError, match="every comparison has weight 0"):
            next(train_judge(judge(), pairs, WHOLE))
        with pytest.raises(InputError, match="there are no comparisons"):
            next(train_judge(judge(), [], WHOLE))


class TestRelativeWeights:
    def test_are_over_their_mean(self):
        """By hand: 1 and 3 over 2; by tokens, 3 of the one and 1 of the other, over 6/4."""
        assert relative_weights([1.0, 3.0]).tolist() == [0.5, 1.5]
        found = relative_weights([1.0, 3.0], [3, 1])
        np.testing.assert_allclose(found, [2 / 3, 2])
        assert relative_weights([0.3, 0.3]).tolist() == [1.0, 1.0]


def same(one, other, *, but_for) -> None:
    """What was told and the weights agree; without the weights they would not."""
    for own, twice in zip(one[0], other[0], strict=True):
        for name in type(own).__dataclass_fields__:
            assert getattr(own, name) == pytest.approx(getattr(twice, name), rel=1e-4, abs=1e-6)
    assert one[0][-1].loss != pytest.approx(but_for[0][-1].loss, rel=1e-4)
    for a, b in zip(one[1], other[1], strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)
