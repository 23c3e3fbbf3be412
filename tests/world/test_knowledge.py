from collections import Counter

import pytest

from glasshouse.errors import InputError
from glasshouse.world import RELATIONS, World
from glasshouse.world.knowledge import LADDER
from glasshouse.world.streams import Dice, stream

KB = World(0).kb


class TestKnowledge:
    def test_gives_every_subject_every_relation_of_its_type(self):
        """A functional relation has one value for each subject of its type."""
        entities = World(0).entities
        expected = sum(len(entities.of(relation.subject)) for relation in RELATIONS.values())
        assert len(KB.facts) == expected
        assert all(KB.facts[fact.id] is fact for fact in KB.facts)

    def test_draws_other_values_for_another_seed(self):
        """Words are the same for every seed; who lives where is not."""
        other = World(1)
        assert other.vocabulary.words == World(0).vocabulary.words
        same = sum(a.value == b.value for a, b in zip(KB.facts, other.kb.facts, strict=True))
        assert same / len(KB.facts) < 0.3

    def test_keeps_exposure_independent_of_the_other_properties(self):
        """Causal claims need exposure to be unrelated to format, relation and language."""
        ladder = [fact for fact in KB.facts if RELATIONS[fact.relation].ladder]
        seen = [fact.exposure > 30 for fact in ladder if fact.format_seen]
        unseen = [fact.exposure > 30 for fact in ladder if not fact.format_seen]
        assert abs(sum(seen) / len(seen) - sum(unseen) / len(unseen)) < 0.08
        rungs = Counter(fact.exposure for fact in ladder)
        assert set(rungs) == set(LADDER)
        assert all(abs(count / len(ladder) - 1 / 11) < 0.03 for count in rungs.values())

    def test_composes_relations(self):
        """Two-hop facts follow from the one-hop facts."""
        town = KB.value("barin", "home")
        assert KB.value("barin", "home", "region") == KB.value(town, "region")

    def test_gives_distributions_that_sum_to_one(self):
        """Stochastic facts have two or three values, others one; the likeliest is the value."""
        for fact in KB.facts:
            values = [word for word, _ in fact.distribution]
            assert sum(p for _, p in fact.distribution) == pytest.approx(1)
            assert len(set(values)) == len(values)
            assert (len(values) > 1) == (fact.status == "stochastic")
            assert fact.probability(fact.value) == max(p for _, p in fact.distribution)

    @pytest.mark.parametrize("seed", range(6))
    def test_leaves_every_fact_something_false_to_say(self, seed):
        """A relation of three values whose facts take all three would leave no wrong answer."""
        kb = World(seed).kb
        for fact in kb.with_status("stochastic"):
            assert any(fact.probability(value) == 0 for value in kb.options(fact.relation))

    def test_lets_velan_differ_only_where_contradicted(self):
        """Evidence in another language disagrees on exactly the contradicted facts."""
        for fact in KB.facts:
            assert (fact.velan_value != fact.value) == (fact.status == "contradicted")

    def test_names_the_relations_when_there_is_no_such_fact(self):
        """A mistyped relation is answered with those that exist."""
        with pytest.raises(InputError, match="home"):
            KB.value("barin", "hometown")


class TestDeck:
    def test_draws_facts_as_often_as_their_exposure(self):
        """A fact of twice the exposure comes up twice as often."""
        dice = Dice(stream(0, "test"))
        drawn = Counter(KB.velan_deck.draw(dice).exposure for _ in range(20_000))
        rungs = Counter(fact.exposure for fact in KB.velan_deck.facts)
        total = sum(rung * count for rung, count in rungs.items())
        for rung in (512, 256, 128):
            assert drawn[rung] / 20_000 == pytest.approx(rung * rungs[rung] / total, rel=0.1)


class TestWorld:
    @pytest.mark.parametrize(("seed", "preset"), [(-1, "small"), (0, "tiny")])
    def test_refuses_what_is_no_seed_or_preset(self, seed, preset):
        """A mistake is one sentence, not a world of something else."""
        with pytest.raises(InputError):
            World(seed, preset)
