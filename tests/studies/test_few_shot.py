"""The study of learning from examples: documents, planted answers, and one tiny whole run."""

from dataclasses import replace
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from glasshouse.corpora.hidden_function import NAMES
from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot import write_prompts
from glasshouse.studies.claims import Verdict
from glasshouse.studies.few_shot import STUDY, FewShotStudyConfig, claims, paper, small
from glasshouse.studies.few_shot.evidence import delta_of, results
from glasshouse.studies.few_shot.kinds import (
    KINDS,
    SCRAMBLED,
    SUMS,
    UNNAMED,
    VOCABULARY,
    drawer,
    lexicon_of,
)
from glasshouse.studies.few_shot.planting import stands_in
from glasshouse.studies.few_shot.seen import ASKED, FEW, SHOTS, Answers, Planting, Seen, SizeSeen
from glasshouse.studies.few_shot.tasks import pairs_of, task_of
from glasshouse.studies.few_shot.texts import (
    LETTERWISE,
    mixture,
    planted,
    syllabic,
    texts_of,
    words_alone,
    write,
)
from glasshouse.studies.study import Figure, no_progress
from glasshouse.world.streams import Dice

TINY = FewShotStudyConfig(
    widths=(4, 8, 12),
    layers=(1, 1, 1),
    d_head=4,
    steps=6,
    rows=8,
    warmup_steps=1,
    words=8,
    unscrambled=8,
    word_steps=4,
    questions=20,
    sums_asked=40,
    planted_reads=1,
    extra_steps=2,
    draws=30,
)
LEXICON = lexicon_of(0, words=20, unscrambled=10)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def answers_of(draw, count: int) -> set[str]:
    dice = Dice(rng())
    return {draw(dice).answer for _ in range(count)}


class TestKinds:
    @pytest.mark.parametrize("kind", KINDS)
    def test_write_words_of_the_vocabulary(self, kind: str):
        """And every answer ends where a stop says so."""
        draw, dice = drawer(kind, LEXICON), Dice(rng())
        for _ in range(20):
            example = draw(dice)
            said = f"{example.question} {example.answer}".split()
            assert set(said) <= set(VOCABULARY)
            assert example.answer.endswith(" .")
            assert not example.choices or example.answer[0] in example.choices

    def test_never_scrambles_a_word_that_is_held_out(self):
        """What is asked is known, and was never met in pieces."""
        for kind in SCRAMBLED:
            seen, asked = (
                answers_of(drawer(kind, LEXICON, is_held_out=held), 120) for held in (False, True)
            )
            assert len(asked) == 10
            assert not seen & asked

    def test_tell_a_new_word_before_asking(self):
        """Its class is that of the question's own sentences."""
        dice = Dice(rng())
        for _ in range(30):
            example = drawer("novel", LEXICON)(dice)
            *told, asked = example.question.split(" . ")
            meanings = dict(one.split(" : ") for one in told)
            assert example.answer == f"{meanings[asked.removesuffix(' >')]} ."


class TestTexts:
    def test_tell_the_name_of_as_many_as_asked(self):
        """And count answers alone, but of sentences and words everything."""
        documents = write(200, mixture(0.5), LEXICON, rng(), length=65, named=0.5)
        texts = texts_of(documents)
        named = [text for text in texts if text.split()[1] != UNNAMED]
        assert 70 < len(named) < 130
        for text, counts in zip(texts, documents.counts.tolist(), strict=True):
            kind = text.split()[1]
            said = text.split()
            counted = [word for word, one in zip(said, counts, strict=False) if one]
            assert not any(counts[len(said) :])
            if kind in (*NAMES, *SUMS):
                assert ">" not in counted
                assert counted.count(".") == said.count(".")
            if kind == "words":
                assert counted == said[2:]

    def test_write_syllables_as_one_token(self):
        """With as many ids, so that one architecture reads both."""
        script = syllabic()
        assert len(script.vocabulary) == len(VOCABULARY)
        assert script.spelt("k o l u > k / o .") == "ko lu > k / o ."
        documents = write(50, words_alone(), LEXICON, rng(), length=65, named=0.5, script=script)
        text = script.tokenizer().decode(documents.ids[0].tolist())
        assert any(len(word) == 2 for word in text.split())


class TestTasks:
    def test_put_examples_of_the_same_function_behind_its_mark(self):
        """Misleading ones are of others, and the questions are the same."""
        plain = task_of("reverse", LEXICON, count=20, seed=0)
        misled = task_of("reverse", LEXICON, count=20, seed=0, is_misled=True)
        named = task_of("reverse", LEXICON, count=20, seed=0, is_named=True)
        assert plain.samples == misled.samples == named.samples
        prompt = write_prompts(plain, num_fewshot=2, seed=0)[0].text
        assert prompt.startswith("<begin> some ")
        first = prompt.split()[2:9]
        assert first[:3] == first[4:][::-1]
        assert write_prompts(named, num_fewshot=0, seed=0)[0].text.startswith("<begin> reverse ")
        known = set(pairs_of(plain.shots[:]))
        assert sum(pair in known for pair in pairs_of(misled.shots[:])) < 10

    def test_fit_the_context_with_the_most_examples(self):
        """Nothing that is claimed rests on prompts that were cut."""
        most = {**{kind: numbers[-1] for kind, numbers in ASKED.items()}, "sort": SHOTS[-1]}
        for kind, shots in most.items():
            task = task_of(kind, LEXICON, count=20, seed=0)
            prompts = write_prompts(task, num_fewshot=shots, seed=0)
            whole = [
                f"{prompt.text} {sample.target}"
                for prompt, sample in zip(prompts, task.samples, strict=True)
            ]
            assert max(len(text.split()) for text in whole) <= small().context + 1


class TestPlanting:
    def test_knows_what_stands_in_a_text(self):
        """Whole examples, the first behind the opening with them, and nothing else."""
        task = task_of("add3", LEXICON, count=12, seed=0)
        pages = planted(pairs_of(task.samples[:8]), length=65, each=4)
        assert stands_in(task.samples[:], texts_of(pages)) == [True] * 8 + [False] * 4

    def test_tells_all_less_clean(self):
        """Worked by hand."""
        assert delta_of(np.array([1, 1, 0, 0]), np.array([1, 1, 0, 0])) == 0.5
        assert np.isnan(delta_of(np.array([1.0]), np.array([1])))


def answered(kind: str, shots: int, share: float, *, count: int, way: str = "unnamed") -> Answers:
    right = tuple(int(number < share * count) for number in range(count))
    return Answers(kind=kind, shots=shots, way=way, right=right)


def invented(*, as_told: bool) -> Seen:
    """Answers that are as the paper has them, or the same whatever is asked."""
    config = replace(small(), draws=100)
    ends = {"add1": 0.9, "add2": 0.6, "add3": 0.3, "insertion": 0.9, "anagram2": 0.6}
    ends |= {"cycle": 0.6, "anagram1": 0.4, "reversed": 0.1, "novel": 0.9, "blanks": 0.9}
    ends |= {"sentences": 0.4, "analogies": 0.9}
    sizes = []
    for place, width in enumerate(config.widths):
        skill = (0.05, 0.1, 1.0)[place]
        answers = [
            answered("functions", n, 0.1 + as_told * skill * 0.15 * n, count=400) for n in SHOTS
        ]
        answers += [
            answered("functions", 0, 0.3, count=400, way="named"),
            answered("functions", FEW, 0.3, count=400, way="named"),
            answered("functions", 1, 0.1, count=400, way="misled"),
            answered("functions", FEW, 0.1, count=400, way="misled"),
        ]
        for kind, numbers in ASKED.items():
            level = (0.3 + 0.3 * place) / 0.9 if kind == "analogies" else skill
            usual = 0.5 if kind == "novel" else 0.3
            share = ends[kind] * level if as_told else usual
            answers += [answered(kind, n, share, count=200) for n in numbers]
        sizes.append(SizeSeen(width=width, answers=tuple(answers)))
    few = ASKED["reversed"][-1]
    letters = answered("reversed", few, 0.8, count=200)
    syllables = answered("reversed", few, 0.1 if as_told else 0.8, count=200)
    is_planted = tuple(int(number < 120) for number in range(600))
    base = (0,) * 600
    known = tuple(int(number < 120 and number % 6 == 1) for number in range(600))
    planting = Planting(
        is_planted=is_planted,
        was_read=(0,) * 600,
        found=is_planted if as_told else (0,) * 600,
        found_clean=(0,) * 600,
        right=known if as_told else base,
        right_clean=base,
        delta=delta_of(np.array(known), np.array(is_planted)) if as_told else 0.0,
    )
    sizes[-1] = replace(
        sizes[-1], by_letter=(letters,), by_syllable=(syllables,), planting=planting
    )
    return Seen(config=config, sizes=tuple(sizes), ideal=dict.fromkeys(SHOTS, 1.0))


class TestVerdicts:
    def test_finds_what_answers_say(self):
        """Everything that the paper says is in these answers, and is reproduced."""
        found = {one.claim.id: one for one in results(invented(as_told=True), seed=0)}
        assert list(found) == [claim.id for claim in claims.CLAIMS]
        missed = {name: one.reason for name, one in found.items() if one.verdict != "reproduced"}
        assert not missed

    def test_finds_nothing_where_nothing_is(self):
        """Models that are all the same reproduce no claim but that contamination does little."""
        found = results(invented(as_told=False), seed=0)
        there = [one.claim.id for one in found if one.verdict is Verdict.REPRODUCED]
        assert there == ["contamination-changes-little"]

    def test_asks_for_no_sign_where_planting_did_nothing(self):
        """Nothing can be told of nothing."""
        found = {one.claim.id: one for one in results(invented(as_told=False), seed=0)}
        assert found["clean-split-tells-the-sign"].verdict is Verdict.OUT_OF_SCALE
        assert "no sign" in found["clean-split-tells-the-sign"].reason


class TestStudy:
    def test_runs_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """All claims are judged, figures draw, and what is kept is not grown again.

        Three functions are asked for instead of ten: each is asked in the same way.
        """
        room = "glasshouse.studies.few_shot.measure"
        monkeypatch.setattr(f"{room}.NAMES", ("reverse", "shift-up", "sort"))
        monkeypatch.setattr(f"{room}._IDEAL_DOCUMENTS", 200)
        first = STUDY.run(TINY, seed=101, progress=no_progress, workspace=tmp_path)
        assert len(first.claims) == len(claims.CLAIMS)
        found = {one.claim.id: one for one in first.claims}
        assert found["planted-questions-are-found"].evidence.measured == 1
        with matplotlib.rc_context():
            for section in first.sections:
                for item in section.items:
                    if isinstance(item, Figure):
                        plt.close(item.draw())
        monkeypatch.setattr(
            f"{room}.train",
            lambda *given, **more: pytest.fail("what was kept is grown again"),
        )
        again = STUDY.run(TINY, seed=101, progress=no_progress, workspace=tmp_path)
        assert [one.as_json() for one in again.claims] == [one.as_json() for one in first.claims]


class TestConfig:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"widths": (24, 12, 48)}, "must rise"),
            ({"layers": (1, 1)}, "layers="),
            ({"context": 32}, "context=32"),
            ({"planted": 1.0}, "between 0 and 1"),
            ({"warmup_steps": 300}, "warmup_steps=300"),
            ({"lr": 0.0}, "positive"),
            ({"words": 600}, "500 words"),
            ({"draws": 3}, "at least 20"),
            ({"planted_reads": 400}, "plant fewer"),
            ({"widths": (12, 24, 50)}, "multiple of d_head"),
        ],
    )
    def test_refuses_what_cannot_be(self, changes: dict, message: str):
        """One sentence says what to change."""
        with pytest.raises(InputError, match=message):
            replace(small(), **changes)

    def test_presets_can_be_made(self):
        """The paper's too."""
        assert paper().widths[-1] > small().widths[-1]
        assert LETTERWISE.vocabulary == VOCABULARY
