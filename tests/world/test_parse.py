"""The grammar reads back what writers write."""

import pytest

from glasshouse.world import World
from glasshouse.world.entities import RELATIONS
from glasshouse.world.parse import Statement
from glasshouse.world.phrases import STATEMENTS
from glasshouse.world.speech import ACTS

WORLD = World(0)


class TestGrammar:
    @pytest.mark.parametrize("relation", [name for name in RELATIONS if name in STATEMENTS])
    def test_reads_every_way_to_state_a_fact(self, relation):
        """Each phrasing of each relation, held-out ones too, gives the fact back."""
        fact = next(fact for fact in WORLD.kb.facts if fact.relation == relation)
        phrases = STATEMENTS[relation]
        for phrase in (*phrases.trained, *phrases.held_out):
            text = phrase.replace("{x}", fact.subject).replace("{v}", fact.value)
            parse = WORLD.parse(text)
            assert parse.statements() == (Statement(fact.subject, relation, fact.value),), text
            assert parse.is_complete

    @pytest.mark.parametrize("act", list(ACTS))
    def test_reads_every_act(self, act):
        """Each phrasing of each act, filled with the first word of its class, is that act."""
        for phrase in (*ACTS[act].trained, *ACTS[act].held_out):
            words = [
                sorted(WORLD.grammar.classes[word[1:-1]])[0] if "{" in word else word
                for word in phrase.split()
            ]
            parse = WORLD.parse(" ".join(words))
            assert [sentence.act for sentence in parse.sentences] == [act], phrase
            assert parse.is_complete

    def test_keeps_what_it_does_not_understand_apart(self):
        """Unknown stretches are counted, and what follows is still read."""
        parse = WORLD.parse("of the what i am certain . of")
        assert [sentence.act for sentence in parse.sentences] == ["confident"]
        assert (parse.unparsed, parse.length, parse.is_complete) == (4, 8, False)

    def test_needs_full_stops(self):
        """A sentence cut short is not understood."""
        assert not WORLD.parse("i do not know").is_complete
        assert not WORLD.parse("dog salt").is_complete

    def test_wants_the_same_word_in_the_same_slot(self):
        """ "that is grelm and theft hurts people" explains nothing."""
        assert WORLD.parse("that is grelm and grelm hurts people .").is_complete
        assert not WORLD.parse("that is grelm and theft hurts people .").is_complete

    def test_reads_ids_like_words(self):
        """A model's tokens are read as its text is."""
        text = "take the salt . i do not know ."
        assert WORLD.parse(WORLD.vocabulary.encode(text)) == WORLD.parse(text)
