"""Texts of a run: what is learned from, what is measured on, and what is true of the latter."""

import numpy as np
import pytest
import torch
from tests.cli.world_run import VALUE, world_model, world_run

from glasshouse.errors import InputError
from glasshouse.interpret.activations import harvest_all
from glasshouse.interpret.texts import SKIP, run_of, texts_of, texts_of_file
from glasshouse.training import open_run
from glasshouse.world.vocabulary import PUNCTUATION


class TestTextsOfAWorld:
    def test_knows_what_is_true_of_each_row(self):
        """A token is a mark if and only if the ledger says so of its row."""
        texts = texts_of(world_model(), world_run(), held_out_tokens=2000)
        assert texts.truth is not None
        rows = harvest_all(world_model(), texts.held_out.tolist(), VALUE, skip=SKIP)
        place = texts.truth.names.index("part=mark")
        told = texts.truth.of(rows, texts.context)[:, [place]].toarray().ravel()
        words = [world_model().tokenizer.decode([i]).strip() for i in rows.ids.tolist()]
        assert [word in PUNCTUATION for word in words] == told.astype(bool).tolist()
        assert told.any()

    def test_learns_from_the_runs_own_documents(self):
        """Windows are those of training, each once an epoch, and none is held out."""
        texts = texts_of(world_model(), world_run(), held_out_tokens=2000)
        learned = list(texts.shuffled(first=0, count=len(texts.learn), seed=3))
        tokens = open_run(world_run()).train_shards.shards[0].tokens
        count = len(texts.learn) * texts.context
        whole = np.sort(tokens[:count].reshape(-1, texts.context), axis=0)
        assert np.array_equal(np.sort(np.array(learned), axis=0), whole)
        assert not {tuple(row) for row in learned} & {tuple(r) for r in texts.held_out.tolist()}

    def test_orders_windows_by_the_seed(self):
        """Any stretch of the order can be asked for by itself."""
        texts = texts_of(world_model(), world_run(), held_out_tokens=500)
        whole = list(texts.shuffled(first=0, count=100, seed=1))
        assert list(texts.shuffled(first=70, count=30, seed=1)) == whole[70:]
        assert list(texts.shuffled(first=0, count=100, seed=2)) != whole

    def test_is_found_by_a_checkpoint(self):
        """A checkpoint's folder lies in its run."""
        run = open_run(world_run())
        assert run_of(run.checkpoints[-1]) == world_run()
        assert run_of(world_run()) == world_run()
        assert run_of("owner/name") is None


class TestTextsOfAFile:
    def test_holds_a_tenth_out(self, tmp_path):
        """Both parts are of the file, and nothing is known of them."""
        words = world_model().tokenizer.decode(list(range(20, 60)))
        (tmp_path / "text.txt").write_text(f"{words}\n" * 100)
        texts = texts_of_file(world_model(), tmp_path / "text.txt")
        assert texts.truth is None
        assert texts.context == 32
        share = texts.held_out.numel() / (len(texts.learn) * 32)
        assert share == pytest.approx(1 / 9, abs=0.05)
        assert isinstance(texts.held_out, torch.Tensor)

    def test_refuses_a_few_words(self, tmp_path):
        """Too short to learn anything from."""
        (tmp_path / "text.txt").write_text("the dog")
        with pytest.raises(InputError, match="too short"):
            texts_of_file(world_model(), tmp_path / "text.txt")
