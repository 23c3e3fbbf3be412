"""Preference models: what they read, learn, keep and refuse."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.align.pairs.test_comparisons import REAL

from glasshouse.align.judges.model import (
    PreferenceModel,
    agreement,
    load_preference_model,
    save_preference_model,
)
from glasshouse.align.judges.training import JudgeTrainingConfig, num_steps, train_judge
from glasshouse.align.pairs.comparisons import Comparison, split_comparisons
from glasshouse.align.talks.dialogues import LAYOUTS, Dialogue, Turn, word_layout
from glasshouse.errors import InputError, RunError
from glasshouse.models import LanguageModel, Transformer, train_bpe, word_tokenizer
from glasshouse.models.config import AttentionConfig, MlpConfig, TransformerConfig
from glasshouse.training.schedule import ScheduleConfig

WORDS = ("<doc>", "<end>", "Human", "Assistant", ":", "hi", "good", "bad", "sun", "rain", ".")
TRAINING = JudgeTrainingConfig(batch=16, schedule=ScheduleConfig(peak_lr=3e-3, warmup_steps=5))


def judge(*, context: int = 32, seed: int = 0) -> PreferenceModel:
    tokenizer = word_tokenizer(list(WORDS), end_token="<end>")
    config = TransformerConfig(
        vocab_size=len(WORDS),
        context=context,
        num_layers=1,
        d_model=16,
        attention=AttentionConfig(num_heads=2),
        mlp=MlpConfig(d_mlp=32),
    )
    network = Transformer(config, generator=torch.Generator().manual_seed(seed))
    return PreferenceModel(LanguageModel(network, tokenizer, "a test"), word_layout(tokenizer))


def talk(reply: str, *, asked: str = "hi") -> Dialogue:
    return (Turn("human", asked), Turn("assistant", reply))


def comparisons(count: int, *, seed: int, informed: bool = True) -> list[Comparison]:
    """Replies of one to five words, of which the one with "good" in it is preferred."""
    chance = np.random.default_rng(seed)

    def words(extra: str) -> str:
        said = [*chance.choice(["sun", "rain", "."], size=chance.integers(1, 5)), extra]
        return " ".join(chance.permutation(said))

    found = []
    for _ in range(count):
        good, bad = words("good"), words("bad")
        if not informed and chance.random() < 0.5:
            good, bad = bad, good
        found.append(Comparison(prompt=(Turn("human", "hi"),), first=good, second=bad))
    return found


class TestScores:
    def test_begin_without_an_opinion(self):
        """All replies are as good, and a comparison surprises as a coin does."""
        own, pairs = judge(), comparisons(8, seed=0)
        margins = own.margins(pairs)
        assert not margins.any()
        found = agreement(margins, pairs)
        assert found.accuracy == 0.5
        assert found.loss == pytest.approx(np.log(2))

    def test_do_not_depend_on_who_stands_beside(self):
        """Padding is behind what is read."""
        own = judge()
        torch.nn.init.normal_(own.head.weight, generator=torch.Generator().manual_seed(0))
        talks = [talk("sun"), talk("rain good . sun rain ."), talk("bad sun")]
        together = own.score(talks)
        alone = torch.cat([own.score([one]) for one in talks])
        torch.testing.assert_close(together, alone)
        assert len(set(together.tolist())) == 3
        torch.testing.assert_close(own.score(talks, batch=1), together)

    def test_are_read_at_the_end_of_the_reply(self):
        """The whole dialogue is seen, its first word too."""
        own = judge()
        torch.nn.init.normal_(own.head.weight, generator=torch.Generator().manual_seed(0))
        first, second = own.score([talk("sun", asked="hi"), talk("sun", asked="rain")]).tolist()
        assert first != second

    def test_leave_out_the_oldest_of_what_is_long(self):
        """But refuse a reply that leaves no room for what it answers."""
        own = judge(context=12)
        long = own.encode(talk("sun good", asked="rain " * 20))
        assert len(long) == 12
        assert own.language.tokenizer.decode(long).endswith("Assistant : sun good <end>")
        with pytest.raises(InputError, match="reply has 13 tokens and the context holds 12"):
            own.encode(talk("sun " * 12))
        with pytest.raises(InputError, match="ends with none"):
            own.encode((Turn("human", "hi"),))


class TestAgreement:
    def test_is_held_to_the_best_there_is(self):
        """Nobody can foretell a coin."""
        labels = zip(comparisons(3, seed=1), (0.9, 0.2, 0.5), strict=True)
        soft = [replace(one, p_first=p) for one, p in labels]
        found = agreement(torch.tensor([2.0, -1.0, 0.0]), soft)
        assert found.ceiling == pytest.approx((0.9 + 0.8 + 0.5) / 3)
        assert found.accuracy == pytest.approx(found.ceiling)
        worst = agreement(torch.tensor([-2.0, 1.0, 0.0]), soft)
        assert worst.accuracy == pytest.approx((0.1 + 0.2 + 0.5) / 3)
        with pytest.raises(InputError, match="not as many"):
            agreement(torch.zeros(2), soft)


class TestTraining:
    def test_learns_what_is_preferred(self):
        """On comparisons that it has not seen; from labels dealt by a coin it learns nothing."""
        held_out = comparisons(100, seed=9)
        for informed, low, high in ((True, 0.95, 1.0), (False, 0.25, 0.75)):
            own = judge()
            steps = list(train_judge(own, comparisons(400, seed=0, informed=informed), TRAINING))
            assert len(steps) == num_steps(400, TRAINING) == 25
            assert low <= agreement(own.margins(held_out), held_out).accuracy <= high
            assert not own.training

    def test_learns_probabilities(self):
        """A soft label ends in a margin of its log-odds, not in certainty."""
        pairs = [replace(one, p_first=0.75) for one in comparisons(400, seed=0)]
        own = judge()
        list(train_judge(own, pairs, replace(TRAINING, epochs=3)))
        margins = own.margins(comparisons(50, seed=9))
        assert margins.mean().item() == pytest.approx(np.log(3), abs=0.35)

    def test_is_the_same_run_bit_for_bit(self):
        """Same seed, same machine."""
        first, second = judge(), judge()
        told = [
            list(train_judge(one, comparisons(64, seed=0), TRAINING)) for one in (first, second)
        ]
        assert told[0] == told[1]
        assert torch.equal(first.head.weight, second.head.weight)

    def test_refuses_nothing_and_stops_at_nonsense(self):
        """With the step."""
        with pytest.raises(InputError, match="no comparisons"):
            next(train_judge(judge(), [], TRAINING))
        own = judge()
        with torch.no_grad():
            own.head.bias.fill_(torch.inf)
        with pytest.raises(InputError, match=r"step 1: the loss is nan; lower schedule\.peak_lr"):
            next(train_judge(own, comparisons(4, seed=0), TRAINING))

    @pytest.mark.skipif(not REAL.is_dir(), reason="the released comparisons are not here")
    def test_reads_released_comparisons(self):
        """End to end with a network of a GPT-2's kind: some steps, and finite margins."""
        good, _ = split_comparisons(REAL / "train.jsonl")
        texts = [one.first for one in good[:50]]
        tokenizer = train_bpe(texts, vocab_size=400)
        config = TransformerConfig(
            vocab_size=tokenizer.vocab_size,
            context=64,
            num_layers=1,
            d_model=16,
            attention=AttentionConfig(num_heads=2),
            mlp=MlpConfig(d_mlp=32),
        )
        language = LanguageModel(Transformer(config), tokenizer, "a test")
        own = PreferenceModel(language, LAYOUTS["human-assistant"](tokenizer))
        short = [one for one in good if max(len(one.first), len(one.second)) < 60][:24]
        steps = list(train_judge(own, short, replace(TRAINING, batch=8)))
        assert all(np.isfinite(step.loss) for step in steps)
        assert own.margins(short[:4]).isfinite().all()


class TestFiles:
    def test_keep_a_model_with_its_head(self, tmp_path):
        """Whole: the same scores."""
        own = judge()
        list(train_judge(own, comparisons(32, seed=0), TRAINING))
        save_preference_model(own, tmp_path / "pm", layout="words")
        found = load_preference_model(tmp_path / "pm")
        talks = [talk("good sun"), talk("bad rain")]
        assert torch.equal(found.score(talks), own.score(talks))
        assert LanguageModel.load(tmp_path / "pm" / "model").network.config.d_model == 16
        with pytest.raises(InputError, match="exists already"):
            save_preference_model(own, tmp_path / "pm", layout="words")

    def test_may_be_of_checkpoints_in_bf16(self, tmp_path):
        """The head and the scores are float32, whatever the network is; there and back."""
        language = judge().language
        language.network.to(torch.bfloat16)
        own = PreferenceModel(language, word_layout(language.tokenizer))
        pairs = comparisons(16, seed=0)
        for _ in train_judge(own, pairs, TRAINING):
            pass
        margins = own.margins(pairs)
        assert margins.any()
        assert own.head.weight.dtype == torch.float32
        save_preference_model(own, tmp_path / "pm", layout="words")
        torch.testing.assert_close(load_preference_model(tmp_path / "pm").margins(pairs), margins)

    def test_are_refused_when_damaged_or_of_a_stranger(self, tmp_path):
        """In a sentence each."""
        with pytest.raises(RunError, match="holds no preference model"):
            load_preference_model(tmp_path)
        save_preference_model(judge(), tmp_path / "pm", layout="words")
        with pytest.raises(InputError, match="layout 'words'; known are human-assistant"):
            load_preference_model(tmp_path / "pm", {"human-assistant": LAYOUTS["human-assistant"]})
        about = tmp_path / "pm" / "preference_model.json"
        about.write_text(about.read_text().replace('"format": 1', '"format": 9'))
        with pytest.raises(RunError, match="not of format 1"):
            load_preference_model(tmp_path / "pm")
