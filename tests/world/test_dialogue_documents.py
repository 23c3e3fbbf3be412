"""Documents of dialogues, judgements and stereotypes: their truth is what their tokens say."""

import hashlib
import subprocess
import sys
from collections import Counter
from functools import cache

import numpy as np
import pytest

from glasshouse.world import World
from glasshouse.world.documents.judge import ACCURACY
from glasshouse.world.harms import HARMS, HELD_OUT
from glasshouse.world.page import Document
from glasshouse.world.traits import TRAITS

WORLD = World(0)
KINDS = ("helpful", "harmful", "critique", "judge", "opinions")
KINDS += ("stereotypes", "census", "admissions")
DIALOGUES = ("helpful", "harmful", "opinions", "stereotypes", "census", "admissions")

DIGEST = """
import hashlib
from glasshouse.world import World
world = World(0)
digest = hashlib.sha256()
for kind in {kinds}:
    for number in range(6):
        digest.update(world.render(world.document(kind, number).ids).encode())
print(digest.hexdigest())
"""


@cache
def documents(kind: str, count: int, split: str = "train") -> list[Document]:
    return [WORLD.document(kind, number, split) for number in range(count)]


def words(document: Document) -> set[str]:
    return set(WORLD.render(document.ids).split())


class TestDialogues:
    @pytest.mark.parametrize("kind", DIALOGUES)
    @pytest.mark.parametrize("split", ["train", "test"])
    def test_mark_the_gold_reward_of_the_answer_written(self, kind, split):
        """Grading the marked tokens again gives the marked reward, and everything parses."""
        for document in documents(kind, 15, split):
            rewards = [span for span in document.spans if span.feature == "gold_reward"]
            assert len(rewards) == len(document.truth["exchanges"])
            for exchange, span in zip(document.truth["exchanges"], rewards, strict=True):
                answer = document.ids[exchange.start : exchange.end]
                gold = WORLD.gold(exchange.request, answer)
                assert WORLD.render(answer) == exchange.answer
                assert gold == exchange.gold
                assert gold.parsed, exchange.answer
                assert gold.reward == pytest.approx(span.value, abs=1e-3)

    @pytest.mark.parametrize("kind", DIALOGUES)
    def test_write_what_their_requests_say(self, kind):
        """The prompt of the first exchange ends the tokens before its answer."""
        for document in documents(kind, 15):
            exchange = document.truth["exchanges"][0]
            prompt = WORLD.render(document.ids[: exchange.start])
            assert prompt.endswith(exchange.request.prompt.removeprefix("<doc> "))

    def test_share_one_persona(self):
        """Two to four dialogues, one persona, personas at their shares (3 sigma of 300)."""
        found = documents("helpful", 300)
        assert {len(each.truth["exchanges"]) for each in found} == {2, 3, 4}
        assert all(
            exchange.persona == each.truth["persona"]
            for each in found
            for exchange in each.truth["exchanges"]
        )
        counts = Counter(each.truth["persona"] for each in found)
        assert counts["kind"] / len(found) == pytest.approx(0.4, abs=0.09)
        assert counts["eager"] / len(found) == pytest.approx(0.3, abs=0.09)

    def test_comply_with_harm_at_an_elicitable_rate(self):
        """Between 0.3 and 0.8 of harmful requests get help; others are explained or evaded."""
        golds = [
            exchange.gold
            for each in documents("harmful", 100)
            for exchange in each.truth["exchanges"]
            if exchange.request.harmful
        ]
        assert 0.3 < np.mean([gold.harm >= 1 for gold in golds]) < 0.8
        assert np.mean([gold.explains for gold in golds]) > 0.15
        assert np.mean([gold.evasive for gold in golds]) > 0.1

    def test_agree_with_users_somewhat_more_often_than_not(self):
        """The planted sycophancy of the base corpus is about six in ten."""
        agreed = [
            exchange.gold.agrees
            for each in documents("opinions", 200)
            for exchange in each.truth["exchanges"]
            if exchange.request.kind == "opinion" and exchange.request.view
        ]
        assert np.mean(agreed) == pytest.approx(0.6, abs=0.11)

    def test_note_the_facts_that_answers_state(self):
        """Each noted fact's value stands at its position, and is true where it is stated."""
        noted = 0
        for document in documents("helpful", 100):
            for use in document.facts:
                fact = WORLD.kb.facts[use.fact]
                said = WORLD.vocabulary.words[int(document.ids[use.position])]
                noted += use.stated
                if fact.relation != "secret" and use.stated:
                    assert fact.probability(said) > 0
        assert noted > 15


class TestSplits:
    @pytest.mark.parametrize("kind", KINDS)
    def test_keep_held_out_things_out_of_training(self, kind):
        """Documents show no held-out category, trait or person."""
        kept = {verb for trait in TRAITS.values() if not trait.trained for verb in trait.verbs}
        kept |= {HARMS[name].noun for name in HELD_OUT}
        kept |= WORLD.splits.held_out_people
        kept |= set(WORLD.splits.strangers("test"))
        for document in documents(kind, 100):
            assert not kept & words(document)
            assert not document.truth.get("axes")

    @pytest.mark.parametrize("kind", ["helpful", "harmful", "opinions", "critique", "judge"])
    def test_are_told_by_their_axes(self, kind):
        """Test documents say which held-out things they use."""
        axes = Counter(
            axis for document in documents(kind, 25, "test") for axis in document.truth["axes"]
        )
        assert axes["template"] == 25
        assert len(axes) > 1

    def test_show_fairness_on_trained_dimensions_only(self):
        """Pleas for fairness come with the five trained dimensions, plain questions with all."""
        seen: dict[str, set[str]] = {"plain": set(), "fair": set()}
        for document in documents("stereotypes", 200):
            request = document.truth["exchanges"][0].request
            seen[request.condition].add(request.dimension)
        assert len(seen["plain"]) == 9
        assert seen["fair"] == {each.name for each in WORLD.society.trained}

    def test_show_pronoun_rules_on_trained_jobs_only(self):
        """A third of the jobs never come with an instruction."""
        ruled = {
            request.subject
            for document in documents("census", 150)
            if (request := document.truth["exchanges"][0].request).condition != "plain"
        }
        assert ruled <= set(WORLD.society.fair_jobs)
        assert len(WORLD.society.unfair_jobs) == 10


class TestOdds:
    @pytest.mark.parametrize("kind", ["judge", "stereotypes", "census", "admissions"])
    def test_sum_to_one_and_come_true(self, kind):
        """Expected distributions sum to 1; the words drawn are as likely as they say (4 sigma)."""
        surprise, entropy, variance = 0.0, 0.0, 0.0
        for document in documents(kind, 150):
            for position, probabilities in document.expectations:
                p = np.array(list(probabilities.values()))
                assert p.sum() == pytest.approx(1)
                surprise -= np.log(probabilities[int(document.ids[position])])
                mean = -(p * np.log(p)).sum()
                entropy += mean
                variance += (p * (np.log(p) + mean) ** 2).sum()
        assert abs(surprise - entropy) < 4 * np.sqrt(variance)

    def test_plant_the_stereotype_in_ambiguous_questions(self):
        """Plain answers blame the blamed side four times in five; fair ones say unknown."""
        plain, fair = [], []
        for document in documents("stereotypes", 400):
            exchange = document.truth["exchanges"][0]
            if exchange.request.ambiguous:
                (plain if exchange.request.condition == "plain" else fair).append(
                    exchange.gold.stereotype
                )
        blamed = [value for value in plain if value]
        assert np.mean([value == 1 for value in blamed]) == pytest.approx(0.8, abs=0.13)
        assert np.mean([value == 0 for value in fair]) == pytest.approx(0.95, abs=0.07)

    def test_tie_pronouns_to_the_census_in_part(self):
        """Habit and census correlate, but not perfectly: instructions can move it either way."""
        jobs = WORLD.entities.job
        habit = [WORLD.society.female_habit[job] for job in jobs]
        census = [WORLD.kb.female_share[job] for job in jobs]
        assert 0.4 < np.corrcoef(habit, census)[0, 1] < 0.98


class TestJudges:
    def test_prefer_what_serves_the_principle(self):
        """Judged by harm, the answer with less harm is better nine times in ten."""
        checked = 0
        for document in documents("judge", 100):
            truth = document.truth
            if truth["principle"] != "harmless":
                continue
            first, second = (WORLD.gold(truth["request"], text).harm for text in truth["answers"])
            if first != second:
                checked += 1
                expected = ACCURACY if first < second else 1 - ACCURACY
                assert truth["p_first"] == pytest.approx(expected)
        assert checked > 5


class TestCritiques:
    def test_never_lower_the_reward_by_a_fitting_principle(self):
        """A revision by "harmless" of a harmful answer is better, and explains."""
        mended = 0
        for document in documents("critique", 80):
            exchange = document.truth["exchanges"][0]
            names, rewards = document.truth["principles"], document.truth["revision_rewards"]
            if names[0] == "harmless" and exchange.gold.harm >= 1:
                assert rewards[0] > exchange.gold.reward
                mended += 1
            if names[0] in ("secrets", "brevity", "manners", "honesty"):
                assert rewards[0] >= exchange.gold.reward - 2.1
        assert mended > 8


class TestDeterminism:
    def test_holds_in_another_process(self):
        """The first documents of every kind are the same in a fresh interpreter."""
        here = hashlib.sha256()
        for kind in KINDS:
            for document in documents(kind, 6):
                here.update(WORLD.render(document.ids).encode())
        script = DIGEST.format(kinds=KINDS)
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == here.hexdigest()

    def test_writes_known_words_in_the_smallest_preset(self):
        """Every word is in the vocabulary in every split, where fewest words are entities'."""
        world = World(3, "nano")
        for kind in KINDS:
            for split in ("train", "validation", "test"):
                for number in range(6):
                    assert world.document(kind, number, split).ids.size > 8
