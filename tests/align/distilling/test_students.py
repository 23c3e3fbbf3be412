"""Context distillation: what is kept of a teacher, and what a student makes of it."""

import copy
from dataclasses import replace

import pytest
import torch
from tests.align.judges.test_model import judge, talk

from glasshouse.align.distilling.prompts import Prefix, make_prefix
from glasshouse.align.distilling.store import TeacherStore, open_store, store_teacher
from glasshouse.align.distilling.students import (
    DistillationConfig,
    gap_closed,
    kept_divergence,
    mean_divergence,
    train_student,
)
from glasshouse.errors import InputError, RunError
from glasshouse.models import LanguageModel
from glasshouse.training.schedule import ScheduleConfig

OWN = judge(seed=3)
TEACHER, LAYOUT = OWN.language, OWN.layout
PREFIX = make_prefix("kind", [talk("good sun")], LAYOUT)
WORDS = ("good", "bad", "sun", "rain", ".")
TEXTS = [LAYOUT(talk(f"{one} {other}")).ids for one in WORDS for other in WORDS]
CONFIG = DistillationConfig(
    steps=60,
    batch=8,
    schedule=ScheduleConfig(peak_lr=5e-3, warmup_steps=2),
    checkpoint_every=20,
)


def taught(folder, *, prefix: Prefix = PREFIX, kept: int = 4, part: int = 10) -> TeacherStore:
    told = store_teacher(TEACHER, prefix, TEXTS, folder, kept=kept, part=part)
    try:
        while True:
            next(told)
    except StopIteration as end:
        return end.value


def student() -> LanguageModel:
    return LanguageModel(copy.deepcopy(TEACHER.network), TEACHER.tokenizer, "a student")


class TestDivergence:
    def test_is_that_of_all_tokens_where_all_are_kept(self):
        """And less where the others are merged, by hand for one of three."""
        teacher, student = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.5, 0.1, 0.4])
        whole = (teacher * (teacher / student).log()).sum().item()
        for kept, expected in (
            (3, whole),
            (1, 0.7 * torch.tensor(1.4).log().item() + 0.3 * torch.tensor(0.6).log().item()),
        ):
            found = teacher.topk(kept)
            divergence = kept_divergence(
                student.log()[None] + 2, found.indices[None], found.values.log()[None]
            )
            assert divergence.item() == pytest.approx(expected, abs=1e-6)

    def test_stays_finite_where_nothing_is_left_for_the_others(self):
        """A teacher that is sure has no rest, and its gradient is a number."""
        logits = torch.tensor([[50.0, 0.0, 0.0]], requires_grad=True)
        divergence = kept_divergence(logits, torch.tensor([[0]]), torch.zeros(1, 1))
        divergence.sum().backward()
        assert divergence.isfinite().all()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()


class TestStore:
    def test_keeps_what_the_teacher_expects_behind_the_prompt(self, tmp_path):
        """By hand for one text: its likeliest tokens, from the first word of the text on."""
        store = taught(tmp_path)
        batch = store.batch([7, 3])
        assert batch.ids[0, : len(TEXTS[7])].tolist() == list(TEXTS[7])
        assert batch.is_taught.sum(dim=1).tolist() == [len(TEXTS[7]) - 2, len(TEXTS[3]) - 2]
        whole = torch.tensor([[*PREFIX.ids, *TEXTS[7][1:]]])
        logprobs = TEACHER.network(whole)[0, len(PREFIX) : -1].log_softmax(dim=-1)
        expected = logprobs.topk(4)
        torch.testing.assert_close(batch.logprobs[: len(expected.values)], expected.values)
        assert torch.equal(batch.top[: len(expected.indices)], expected.indices)

    def test_goes_on_where_it_was_killed(self, tmp_path):
        """Parts that are there are not made again, and the result is the same."""
        told = store_teacher(TEACHER, PREFIX, TEXTS, tmp_path / "a", kept=4, part=10)
        assert next(told) == 10
        told.close()
        with pytest.raises(RunError, match="holds 1 of 3 parts"):
            open_store(tmp_path / "a")
        first = tmp_path / "a" / "part-00000.safetensors"
        stamp = first.stat().st_mtime_ns
        store, other = taught(tmp_path / "a"), taught(tmp_path / "b")
        assert first.stat().st_mtime_ns == stamp
        for one, two in zip(store.batch(range(25)), other.batch(range(25)), strict=True):
            assert torch.equal(one, two)

    def test_refuses_another_teacher_and_what_does_not_fit(self, tmp_path):
        """A folder belongs to one teacher, one prompt and one list of texts."""
        taught(tmp_path)
        with pytest.raises(InputError, match="made by another teacher, prompt or list"):
            taught(tmp_path, prefix=make_prefix("rude", [talk("bad")], LAYOUT))
        with pytest.raises(InputError, match="39 tokens together, and the context holds 32"):
            next(store_teacher(TEACHER, PREFIX, [[3] * 30], tmp_path / "long"))
        with pytest.raises(InputError, match="nothing is left to foretell"):
            next(store_teacher(TEACHER, PREFIX, [[0, 1]], tmp_path / "short"))
        with pytest.raises(RunError, match="no store of a teacher"):
            open_store(tmp_path / "nowhere")


class TestStudent:
    def test_comes_near_the_teacher_without_the_prompt(self, tmp_path):
        """It closes most of the gap; a teacher with nothing to say closes none."""
        store = taught(tmp_path, kept=20)
        own, base = student(), student()
        steps = list(train_student(own, store, CONFIG))
        assert steps[0].divergence > 2 * steps[-1].divergence
        assert gap_closed(own, base, store) > 0.5
        assert gap_closed(base, base, store) == 0
        assert not own.network.training
        silent = replace(PREFIX, ids=PREFIX.ids[:1])
        with pytest.raises(InputError, match="no gap to close"):
            gap_closed(own, base, taught(tmp_path / "silent", prefix=silent, kept=len(WORDS) + 6))

    def test_goes_on_bit_for_bit(self, tmp_path):
        """From its newest checkpoint, as if it had never been stopped."""
        store = taught(tmp_path / "store")
        whole, killed, resumed = student(), student(), student()
        list(train_student(whole, store, CONFIG))
        for step in train_student(killed, store, CONFIG, folder=tmp_path / "run"):
            if step.step == 45:
                break
        rest = list(train_student(resumed, store, CONFIG, folder=tmp_path / "run"))
        assert [step.step for step in rest] == list(range(41, 61))
        assert mean_divergence(resumed, store) == mean_divergence(whole, store)

    def test_reads_every_text_before_any_comes_again(self, tmp_path):
        """However many a step reads."""
        from glasshouse.align.distilling.students import _places

        config = replace(CONFIG, batch=6)
        read = [place for step in range(25) for place in _places(25, config, step)]
        for start in range(0, 150, 25):
            assert sorted(read[start : start + 25]) == list(range(25))

    def test_refuses_what_says_nothing(self):
        """A config without a step."""
        with pytest.raises(InputError, match="steps=0"):
            DistillationConfig(steps=0)
