"""Windows and their order."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.errors import InputError
from glasshouse.training import EncodedDocument, TokenShards, shuffled_windows
from glasshouse.training.batches import Windows, shuffled_order


class TestShuffledOrder:
    @settings(deadline=None)
    @given(st.integers(1, 40), st.integers(0, 5), st.integers(0, 3))
    def test_has_every_window_once_an_epoch(self, num_windows, epoch, seed):
        """Nothing is trained on twice before all was trained on once."""
        order = shuffled_order(num_windows, first=epoch * num_windows, count=num_windows, seed=seed)
        assert sorted(order) == list(range(num_windows))

    @settings(deadline=None)
    @given(st.integers(1, 20), st.integers(0, 60), st.integers(1, 30), st.integers(1, 30))
    def test_does_not_depend_on_how_it_is_read(self, num_windows, first, one, other):
        """Two reads side by side are one read, across the ends of epochs as well."""
        whole = shuffled_order(num_windows, first=first, count=one + other, seed=3)
        parts = [
            shuffled_order(num_windows, first=first, count=one, seed=3),
            shuffled_order(num_windows, first=first + one, count=other, seed=3),
        ]
        assert whole.tolist() == np.concatenate(parts).tolist()

    def test_changes_with_epoch_and_seed(self):
        """Every epoch is shuffled afresh, and another seed shuffles otherwise."""
        orders = [
            tuple(shuffled_order(50, first=first, count=50, seed=seed))
            for first, seed in ((0, 0), (50, 0), (0, 1))
        ]
        assert len(set(orders)) == 3


class TestWindows:
    def test_has_each_token_followed_by_the_next(self):
        """By hand: ten tokens, context 3: three windows, which share their border tokens."""
        shards = TokenShards.pack([EncodedDocument(ids=np.arange(10), kind="x")])
        batch = Windows(shards, 3).batch(np.array([2, 0]))
        assert batch.inputs.tolist() == [[6, 7, 8], [0, 1, 2]]
        assert batch.targets.tolist() == [[7, 8, 9], [1, 2, 3]]
        assert batch.mask is None

    def test_does_not_cross_shards(self):
        """The last tokens of a shard that fill no window are left out."""
        some = [EncodedDocument(ids=np.arange(i, i + 6), kind="x") for i in (0, 100)]
        windows = Windows(TokenShards.pack(some, shard_tokens=6), 4)
        assert len(windows) == 2
        assert windows.batch(np.array([1])).inputs.tolist() == [[100, 101, 102, 103]]

    def test_aligns_masks_and_kinds_with_the_targets(self):
        """What counts, and of what kind it is, is a matter of the predicted token."""
        some = [
            EncodedDocument(ids=np.array([1, 2]), kind="a", mask=np.array([True, False])),
            EncodedDocument(ids=np.array([3, 4, 5]), kind="b"),
        ]
        shards = TokenShards.pack(some)
        windows = Windows(shards, 4)
        mask = windows.batch(np.array([0])).mask
        assert mask is not None
        assert mask.tolist() == [[0.0, 1.0, 1.0, 1.0]]
        kinds = windows.target_kinds(np.array([0]))
        assert [shards.kinds[k] for k in kinds[0]] == ["a", "b", "b", "b"]

    def test_refuses_fewer_tokens_than_a_window(self):
        """A window needs one token more than its context."""
        shards = TokenShards.pack([EncodedDocument(ids=np.arange(8), kind="x")])
        with pytest.raises(InputError, match="fewer than one window"):
            Windows(shards, 8)


class TestShuffledWindows:
    def test_is_a_pure_function_of_the_position(self):
        """Reading elsewhere in between changes nothing."""
        shards = TokenShards.pack([EncodedDocument(ids=np.arange(100), kind="x")])
        source = shuffled_windows(shards, context=4, seed=5)
        before = source(7, 6)
        source(0, 3)
        assert torch.equal(source(7, 6).inputs, before.inputs)
