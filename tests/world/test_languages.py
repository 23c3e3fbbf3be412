"""Words, word order and meaning agree in all languages."""

import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.world import World
from glasshouse.world.entities import entities
from glasshouse.world.languages import (
    COMMON_ONLY,
    CONCEPT_PARTS,
    CONCEPTS,
    VELAN_FACTS,
    VELAN_QUESTION,
    Scene,
    ask_who,
    cognates,
    foreign_words,
    lexicon,
    linearise,
    mock_lexicon,
)


@pytest.fixture(scope="module")
def world() -> World:
    return World(0)


class TestLexicon:
    @pytest.mark.parametrize("language", ["common", "velan", "dorric"])
    def test_has_one_word_for_every_concept(self, language):
        """Two concepts with one word would make the ledger ambiguous."""
        words = lexicon(language).words
        assert tuple(words) == CONCEPTS
        assert len(set(words.values())) == len(CONCEPTS)

    def test_invents_words_that_mean_nothing_elsewhere(self, world):
        """A foreign word that is also a name or an English word would carry two meanings."""
        english = {word for kind in world.kinds.values() for word in kind.words}
        english -= set(foreign_words())
        assert not set(foreign_words()) & (set(entities("large").words()) | set(COMMON_ONLY))
        assert not set(lexicon("velan").words.values()) & english

    def test_shares_a_tenth_of_dorric_with_common(self):
        """Cognates, and only they, have the same word."""
        same = {concept for concept, word in lexicon("dorric").words.items() if word == concept}
        assert same == set(cognates())
        assert len(same) / len(CONCEPTS) == pytest.approx(0.1, abs=0.005)

    def test_gives_mock_the_words_of_velan_with_other_meanings(self):
        """The control has the same words and parts of speech, and no meaning in common."""
        mock, velan = mock_lexicon().words, lexicon("velan")
        assert set(mock.values()) == set(velan.words.values())
        for concept, word in mock.items():
            assert velan.concepts[word] != concept
            assert CONCEPT_PARTS[velan.concepts[word]] == CONCEPT_PARTS[concept]

    def test_refuses_unknown_languages(self):
        """A typing mistake must not make a fourth language."""
        with pytest.raises(InputError, match="velan"):
            lexicon("latin")


class TestLinearise:
    scene = Scene("baker", "sees", "dog", "red", "market")

    def test_orders_words_as_the_language_does(self):
        """Common S V O, Velan S O V with postpositions, Dorric S V O with the adjective last."""
        assert linearise(self.scene, "common") == "the baker sees the red dog in the market ."
        velan = lexicon("velan").say("baker market in red dog sees .")
        assert linearise(self.scene, "velan") == velan
        dorric = lexicon("dorric").say("the baker sees the dog red in the market .")
        assert linearise(self.scene, "dorric") == dorric

    def test_ends_velan_questions_with_their_particle(self):
        """The particle comes last, before the mark."""
        assert ask_who(self.scene, "velan").split()[-2:] == [VELAN_QUESTION, "?"]


class TestVelanDocuments:
    def test_state_the_velan_value_where_the_ledger_says(self, world):
        """The marked token is the Velan word of the value that Velan gives the fact."""
        words = world.vocabulary.words
        for number in range(60):
            document = world.document("velan", number)
            for use in document.facts:
                fact = world.kb.facts[use.fact]
                value = lexicon("velan").words.get(fact.velan_value, fact.velan_value)
                assert words[document.ids[use.position]] == value
                assert use.language == "velan"
                assert use.stated

    def test_state_nothing_that_common_alone_states(self, world):
        """Transfer between languages can be measured only if facts keep to their language."""
        for number in range(50):
            for use in world.document("velan", number).facts:
                fact = world.kb.facts[use.fact]
                assert fact.language == "velan" or fact.status == "contradicted"

    def test_can_state_every_relation_on_the_ladder(self, world):
        """A Velan-only fact without a sentence could never be learnt."""
        relations = {fact.relation for fact in world.kb.stated_in_velan}
        assert relations <= set(VELAN_FACTS)


class TestParallelDocuments:
    def test_mean_the_same_on_both_sides(self, world):
        """The two languages of a pair say the same concepts, whatever the order."""
        features = world.features
        names = np.array(features.names)
        for number in range(50):
            document = world.document("parallel", number)
            spans = [span for span in document.spans if span.feature == "language"]
            held = features.of(document)
            sides: list[list[str]] = []
            for span in spans:
                found = held.indices[held.indptr[span.start] : held.indptr[span.end]]
                concepts = [n for n in names[found] if n.startswith("concept=")]
                sides.append(sorted(c for c in concepts if c not in _ARTICLES))
            assert sides[0::2] == sides[1::2]

    def test_keep_velan_and_dorric_apart_in_training(self, world):
        """Their pair is the test of translation that was never shown."""
        for number in range(60):
            assert "common" in world.document("parallel", number).truth["languages"]
            assert "common" not in world.document("parallel", number, "test").truth["languages"]


_ARTICLES = ("concept=the",)
"""Velan has none, so they drop out of the comparison."""
