import numpy as np
import pytest
import torch

from glasshouse.evaluate import by_kind, read, where_exact
from glasshouse.models import LanguageModel, Transformer, nano, word_tokenizer
from glasshouse.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=3, preset="nano")


def untrained(world: World, *, context: int) -> LanguageModel:
    network = Transformer(
        nano(len(world.vocabulary), context=context), generator=torch.Generator().manual_seed(1)
    )
    return LanguageModel(network, word_tokenizer(world.vocabulary.words), "new")


class TestRead:
    def test_agrees_with_logprobs(self, world: World):
        """Padding the shorter documents of a batch must change nothing."""
        model = untrained(world, context=128)
        documents = [world.document("statements", n) for n in range(3)]
        documents += [world.document("encyclopedia", n) for n in range(3)]
        for reading in read(model, documents, batch_size=4):
            ids = reading.document.ids.tolist()
            [expected] = model.logprobs([ids[:1]], [ids[1:]])
            assert -reading.loss[1:] == pytest.approx(np.array(expected), abs=1e-4)

    def test_says_nothing_beyond_the_context(self, world: World):
        """What the model cannot see it has not read: NaN, not zero."""
        model = untrained(world, context=8)
        [reading] = read(model, [world.document("encyclopedia")])
        assert not np.isnan(reading.loss[1:9]).any()
        assert np.isnan(reading.loss[9:]).all()


class TestWhereExact:
    def test_finds_the_tokens_that_leave_no_doubt(self, world: World):
        """In a repeated sequence, what is copied is known; the first pass is not."""
        readings = read(untrained(world, context=128), [world.document("repeat")])
        sure, _ = where_exact(readings, lambda entropy: entropy < 0.3)
        open_, _ = where_exact(readings, lambda entropy: entropy > 3)
        assert len(sure) >= 2
        assert len(open_) >= 2


class TestByKind:
    def test_knows_the_perfect_reader_only_where_the_world_does(self, world: World):
        """Sums are exact after the equals sign; an untrained model is near uniform there."""
        model = untrained(world, context=128)
        kinds = by_kind(read(model, [world.document("sums", n) for n in range(4)]))
        assert 0 < kinds["sums"].known_share < 1
        assert kinds["sums"].known_loss > kinds["sums"].entropy
        assert kinds["sums"].loss == pytest.approx(np.log(len(world.vocabulary)), rel=0.1)
