import numpy as np
import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.evaluate import answer, by_exposure
from glasshouse.evaluate.facts import Answers
from glasshouse.models import LanguageModel, Transformer, nano, word_tokenizer
from glasshouse.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=3, preset="nano")


@pytest.fixture(scope="module")
def model(world: World) -> LanguageModel:
    network = Transformer(
        nano(len(world.vocabulary), context=64), generator=torch.Generator().manual_seed(1)
    )
    return LanguageModel(network, word_tokenizer(world.vocabulary.words), "new")


class TestAnswer:
    def test_agrees_with_the_likelihood_of_each_option(self, world: World, model: LanguageModel):
        """`logprobs` scores the options one by one and is written apart from `answer`."""
        items = world.items("open-qa", num=7)
        answers = answer(model, items, batch_size=3)
        for place, item in enumerate(items):
            scores = model.logprobs(
                [item.prompt] * len(item.options), [[option] for option in item.options]
            )
            chances = np.exp([row[0] for row in scores])
            right = item.options.index(item.answer)
            assert answers.p_true[place] == pytest.approx(chances[right], rel=1e-4)
            assert answers.p_options[place] == pytest.approx(chances.sum(), rel=1e-4)
            assert answers.is_right[place] == (int(chances.argmax()) == right)

    def test_keeps_the_order_of_the_items(self, world: World, model: LanguageModel):
        """Prompts of one length are read together, but answers come back where they belong."""
        items = world.items("multiple-choice", num=9)
        backwards = answer(model, items[::-1])
        assert answer(model, items).p_true == pytest.approx(backwards.p_true[::-1], rel=1e-4)

    def test_refuses_no_questions(self, model: LanguageModel):
        """An accuracy of nothing would be a number that nobody measured."""
        with pytest.raises(InputError, match="no questions"):
            answer(model, [])

    def test_refuses_a_prompt_beyond_the_context(self, world: World):
        """Cutting the question off would score another question."""
        network = Transformer(nano(len(world.vocabulary), context=8))
        small = LanguageModel(network, word_tokenizer(world.vocabulary.words), "new")
        with pytest.raises(InputError, match="context of 8"):
            answer(small, world.items("true-false", num=2))


class TestByExposure:
    def test_doubles_its_bounds_and_loses_nobody(self):
        """0, 1, 2, 3-4, 5-8, ...: every answer in exactly one bucket."""
        exposures = np.array([0, 1, 2, 3, 4, 5, 8, 9, 300])
        n = len(exposures)
        answers = Answers(np.ones(n), np.ones(n), np.ones(n), np.ones(n, dtype=bool), exposures)
        buckets = by_exposure(answers)
        assert [bucket.label for bucket in buckets] == [
            "0",
            "1",
            "2",
            "3-4",
            "5-8",
            "9-16",
            "257-512",
        ]
        assert sum(len(bucket.answers) for bucket in buckets) == n
