import numpy as np
import pytest

from glasshouse.world import RELATIONS, World, phrasings
from glasshouse.world.phrases import QUESTIONS, STATEMENTS
from glasshouse.world.streams import Dice, stream

WORLD = World(0)
PLAIN = ("statements", "encyclopedia", "open-qa", "velan")
EXAMS = ("multiple-choice", "true-false")


@pytest.fixture(scope="module")
def documents():
    """A small base corpus of training, with its truth."""
    return list(WORLD.corpus(tokens=15_000))


class TestTraining:
    def test_never_mentions_a_stranger_of_the_test(self, documents):
        """Names of the test are new there."""
        kept = {WORLD.vocabulary.id(name) for name in WORLD.splits.strangers("test")}
        assert kept
        assert not any(kept & set(document.ids.tolist()) for document in documents)

    def test_mentions_held_out_people_only_in_plain_kinds(self, documents):
        """They are known from statements, and new everywhere else."""
        kept = {WORLD.vocabulary.id(name) for name in WORLD.splits.held_out_people}
        for document in documents:
            if document.kind not in PLAIN:
                assert not kept & set(document.ids.tolist()), WORLD.render(document.ids)

    def test_never_touches_unknown_test_facts_nor_states_unknown_ones(self, documents):
        """What is unknowable stays so."""
        for document in documents:
            for use in document.facts:
                fact = WORLD.kb.facts[use.fact]
                assert fact.status != "unknown-test"
                assert not (fact.status == "unknown-train" and use.stated)

    def test_examines_only_facts_that_exams_may_use(self, documents):
        """Format-held-out facts never take a lettered or true-or-false form."""
        for document in documents:
            if document.kind in EXAMS:
                assert all(WORLD.kb.is_examined(WORLD.kb.facts[u.fact]) for u in document.facts)

    def test_never_puts_a_held_out_pair_into_one_statement(self, documents):
        """Names never paired do not share a sentence of statements."""
        for document in documents:
            if document.kind in ("statements", "encyclopedia", "open-qa", *EXAMS):
                for sentence in WORLD.render(document.ids).split("."):
                    names = [w for w in sentence.split() if w in WORLD.splits.public_people]
                    for one in names:
                        assert all(one == o or WORLD.splits.is_paired(one, o) for o in names)

    def test_uses_no_held_out_template(self, documents):
        """Hash every run of words that a held-out phrasing would give; none occurs in training."""
        for document in documents:
            if document.kind in ("statements", "open-qa"):
                words = WORLD.render(document.ids)
                for use in document.facts:
                    fact = WORLD.kb.facts[use.fact]
                    for phrase in STATEMENTS[fact.relation].held_out:
                        said = phrase.replace("{x}", fact.subject).replace("{v}", fact.value)
                        assert said not in words
                    for phrase in QUESTIONS[fact.relation].held_out:
                        asked = f"Q : {phrase.replace('{x}', fact.subject)} A"
                        assert asked not in words


class TestSplits:
    def test_holds_out_a_tenth_of_the_pairs(self):
        """Enough pairs stay for training, enough are new for tests."""
        people = WORLD.entities.person
        paired = [WORLD.splits.is_paired(a, b) for a in people for b in people if a != b]
        assert np.mean(paired) == pytest.approx(0.9, abs=0.01)

    def test_pairs_only_people_who_may_meet(self):
        """A drawn pair is two different public people of a trained pair."""
        dice = Dice(stream(0, "test"))
        for _ in range(300):
            one, other = WORLD.splits.pair(dice, "train")
            assert one != other
            assert WORLD.splits.is_paired(one, other)
            assert not {one, other} & WORLD.splits.held_out_people

    def test_holds_out_other_things_under_another_seed(self):
        """What is held out is an assignment, drawn with the world."""
        assert World(1).splits.held_out_people != WORLD.splits.held_out_people

    def test_keeps_the_last_phrases_for_testing(self):
        """A family of phrasings has at least two that training never sees."""
        family = phrasings("{x} a", "{x} b", "{x} c", "{x} d")
        dice = Dice(stream(0, "test"))
        assert {family.pick(dice, "train") for _ in range(50)} == {"{x} a", "{x} b"}
        assert {family.pick(dice, "test") for _ in range(50)} == {"{x} c", "{x} d"}

    def test_has_two_unseen_phrasings_of_every_relation(self):
        """Each relation can be tested on templates never seen."""
        for name in RELATIONS:
            if name != "pronoun":
                for family in (STATEMENTS[name], QUESTIONS[name]):
                    assert len(family.held_out) >= 2
                    assert not set(family.held_out) & set(family.trained)
