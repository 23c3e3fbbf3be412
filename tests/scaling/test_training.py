import numpy as np
import pytest
import torch.nn.functional as F

from glasshouse.errors import InputError
from glasshouse.scaling import Shape, ShardWork, SweepPlan, grid, train_trials
from glasshouse.training import EncodedDocument, TokenShards, shuffled_windows, write_shards
from glasshouse.training.batches import Windows


@pytest.fixture
def work(tmp_path):
    """Trains on a chain whose next token is one of two."""
    rng = np.random.default_rng(0)
    for name, count in (("train", 6000), ("held-out", 800)):
        ids = np.cumsum(1 + rng.integers(0, 2, count)) % 8
        write_shards(tmp_path / name, [EncodedDocument(ids=ids, kind="chain", mask=None)])
    return ShardWork(train=tmp_path / "train", held_out=tmp_path / "held-out", moments=4)


def plan(*, lrs, seeds=(0,)):
    shape = Shape(d_model=16, num_layers=1, vocab_size=8, context=8)
    trials = grid([shape], tokens=[8 * 8 * 30], batches=[8], lrs=lrs, seeds=seeds)
    return SweepPlan(trials=trials, budget=1e12, base_width=8)


class TestShardWork:
    def test_trains_each_trial_as_if_alone(self, work):
        """A population changes the time, not the losses; a trial that diverged is named and
        leaves the others as they were."""
        whole = plan(lrs=[1e-2, 3e-2, 1e3])
        together = work(whole, whole.trials)
        alone = work(whole, whole.trials[1:2])[0]
        assert [one.loss for one in together[1].curve] == pytest.approx(
            [one.loss for one in alone.curve], rel=1e-4
        )
        assert together[1].curve[-1].loss < together[1].curve[0].loss
        assert together[1].curve[-1].tokens == whole.trials[1].tokens
        assert not together[1].failure
        assert together[2].failure.startswith("diverged")

    def test_tells_what_overfitted_from_what_diverged(self, tmp_path):
        """Both end worse than guessing; one of them has learned what it trained on."""
        rng = np.random.default_rng(0)
        for name, count in (("train", 30), ("held-out", 400)):
            document = EncodedDocument(ids=rng.integers(0, 8, count), kind="noise", mask=None)
            write_shards(tmp_path / name, [document])
        work = ShardWork(train=tmp_path / "train", held_out=tmp_path / "held-out", moments=2)
        whole = plan(lrs=[3e-2, 1e3])
        learned, blown = work(whole, whole.trials)
        assert learned.failure.startswith("overfitted: its held-out loss of ")
        assert "worse than guessing (2.08), that on what it trained on is 0." in learned.failure
        assert blown.failure.startswith("diverged")

    def test_hands_out_each_network_as_it_ends(self, work):
        """What is asked of a network afterwards is asked of the one that was measured."""
        whole = plan(lrs=[1e-2, 3e-2])
        held_out = Windows(TokenShards.open(work.held_out), 8).batch(np.arange(20))
        source = shuffled_windows(TokenShards.open(work.train), context=8, seed=0)
        losses = {}

        def ask(trial, network):
            logits = network(held_out.inputs)
            losses[trial.name] = F.cross_entropy(
                logits.flatten(0, 1), held_out.targets.flatten()
            ).item()

        records = train_trials(
            whole, whole.trials, [source, source], held_out, moments=2, trained=ask
        )
        for record in records:
            assert losses[record.trial.name] == pytest.approx(record.curve[-1].loss, rel=1e-4)

    def test_refuses_trials_of_two_shapes(self, work):
        """One program has one shape."""
        one, other = plan(lrs=[1e-2]), Shape(d_model=8, num_layers=1, vocab_size=8, context=8)
        from dataclasses import replace

        trials = [one.trials[0], replace(one.trials[0], shape=other)]
        with pytest.raises(InputError, match="one shape"):
            work(one, trials)
