import subprocess
import sys

import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.world import World
from glasshouse.world.card import documents_hash
from glasshouse.world.documents.encyclopedia import TWO_HOP_PHRASES, two_hops

WORLD = World(0)
FACT_KINDS = ("statements", "encyclopedia", "open-qa", "multiple-choice", "true-false")


class TestDocuments:
    @pytest.mark.parametrize("preset", ["nano", "small", "large"])
    def test_are_of_known_words_in_every_kind_and_split(self, preset):
        """Nobody can write a word that the vocabulary lacks, whatever the preset or split."""
        world = World(1, preset)
        for kind in world.kinds:
            for split in ("train", "validation", "test"):
                for number in range(1 if preset == "large" else 3):
                    document = world.document(kind, number, split)
                    assert document.ids.max() < len(world.vocabulary)
                    assert document.ids[0] == world.vocabulary.id("<doc>")

    def test_are_the_same_in_another_process(self):
        """No document depends on hash seeds, on order of writing, or on the process."""
        code = (
            "from glasshouse.world import World; from glasshouse.world.card import documents_hash;"
            "print(documents_hash(World(7)))"
        )
        other = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert other.stdout.strip() == documents_hash(World(7))

    def test_do_not_depend_on_what_was_written_before(self):
        """(kind, split, number) names a document."""
        again = World(0)
        for kind in reversed(tuple(again.kinds)):
            first, second = WORLD.document(kind, 5), again.document(kind, 5)
            assert np.array_equal(first.ids, second.ids), kind
            assert first.spans == second.spans

    @pytest.mark.parametrize("kind", FACT_KINDS)
    def test_carry_the_value_where_they_say_a_fact_is_stated(self, kind):
        """The word at a stated fact's position is one of its values."""
        for number in range(60):
            document = WORLD.document(kind, number)
            for use in document.facts:
                word = WORLD.vocabulary.words[document.ids[use.position]]
                fact = WORLD.kb.facts[use.fact]
                if use.stated:
                    assert fact.probability(word) > 0
                else:
                    assert word in WORLD.kb.options(fact.relation)

    @pytest.mark.parametrize("kind", FACT_KINDS)
    def test_write_what_they_expect(self, kind):
        """An exact distribution gives the written word a chance, and sums to one."""
        for number in range(60):
            document = WORLD.document(kind, number)
            for position, chances in document.expectations:
                assert sum(chances.values()) == pytest.approx(1)
                assert chances[int(document.ids[position])] > 0

    def test_of_an_unknown_kind_or_split_are_refused(self):
        """The sentence lists the kinds that there are."""
        with pytest.raises(InputError, match="statements"):
            WORLD.document("poem")
        with pytest.raises(InputError, match="validation"):
            WORLD.document("statements", split="dev")


class TestExpectations:
    def test_match_how_often_stochastic_facts_take_each_value(self):
        """Over many open questions the mean chance of what was said equals what was expected."""
        expected, happened = [], []
        for number in range(1000):
            document = WORLD.document("open-qa", number)
            for position, chances in document.expectations:
                if len(chances) > 1:
                    top = max(chances, key=lambda token: chances[token])
                    expected.append(chances[top])
                    happened.append(int(document.ids[position]) == top)
        assert len(expected) > 80
        assert np.mean(happened) == pytest.approx(np.mean(expected), abs=0.12)


class TestEncyclopedia:
    def test_tells_two_hops_that_follow_from_the_facts(self):
        """A two-step remark is the composition of two plain facts, of the told half only."""
        told = two_hops(WORLD.kb)
        assert set(told) == set(WORLD.kb.told_two_hops)
        for person, hops in told.items():
            for path, value in hops:
                assert path in TWO_HOP_PHRASES
                assert WORLD.kb.value(person, *path) == value


class TestProse:
    def test_reads_like_text(self):
        """Spaces and capitals change, words do not."""
        document = WORLD.document("open-qa")
        text = WORLD.text(document.ids)
        assert " ?" not in text
        assert "<doc>" not in text
        assert text.lower().replace("?", " ?").replace(":", " :").replace(".", " .").split() == (
            WORLD.render(document.ids[1:]).lower().split()
        )
