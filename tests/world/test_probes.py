import pytest

from glasshouse.errors import InputError
from glasshouse.world import FORMATS, World

WORLD = World(0)


class TestItems:
    @pytest.mark.parametrize("form", FORMATS)
    @pytest.mark.parametrize("axis", ["none", "template", "unknown-test", "stranger"])
    def test_offers_the_right_answer_among_options_with_true_chances(self, form, axis):
        """Every item can be graded, and its chances are a distribution where the format's are."""
        for item in WORLD.items(form, axis=axis, num=200):
            assert item.answer in item.options
            assert len(set(item.options)) == len(item.options) == len(item.chances)
            assert sum(item.chances) == pytest.approx(1)
            assert (item.fact is None) == (axis == "stranger")

    def test_asks_what_the_fact_says(self):
        """The answer of an open question is the fact's value, about the fact's subject."""
        for item in WORLD.items("open-qa", num=100):
            assert item.fact is not None
            fact = WORLD.kb.facts[item.fact]
            assert WORLD.vocabulary.words[item.answer] == fact.value
            assert fact.subject in WORLD.vocabulary.decode(item.prompt).split()

    def test_names_the_letter_that_follows_the_right_option(self):
        """The letter is after its option in the prompt."""
        for item in WORLD.items("multiple-choice", num=100):
            assert item.fact is not None
            words = WORLD.vocabulary.decode(item.prompt).split()
            letter = WORLD.vocabulary.words[item.answer]
            place = len(words) - 1 - words[::-1].index(letter)
            assert words[place - 1] == WORLD.kb.facts[item.fact].value

    def test_reads_like_the_documents(self):
        """A prompt on trained axes is a prefix that training documents have too."""
        item = WORLD.items("true-false", num=1)[0]
        words = WORLD.vocabulary.decode(item.prompt)
        assert words.startswith("<doc> Q :")
        assert words.endswith(". true or false ?")

    def test_counts_exposures_by_the_ledger(self):
        """With a ledger, the number is what the corpus said, not what was planned."""
        ledger = WORLD.corpus(tokens=5_000, mix={"open-qa": 1.0}).ledger
        for item in WORLD.items("open-qa", num=50, ledger=ledger):
            assert item.fact is not None
            assert item.exposures == ledger.exposures()[item.fact]

    def test_asks_each_fact_once_unless_told_how_many(self):
        """The whole knowledge base is the default examination."""
        items = WORLD.items("open-qa", axis="unknown-test")
        assert len(items) == len({item.fact for item in items})

    @pytest.mark.parametrize(
        ("form", "wrong"),
        [("essay", {}), ("open-qa", {"axis": "format-fact"}), ("open-qa", {"num": 0})],
    )
    def test_refuses_what_it_cannot_ask(self, form, wrong):
        """An unknown format, an axis the format lacks, no items."""
        with pytest.raises(InputError):
            WORLD.items(form, **wrong)
