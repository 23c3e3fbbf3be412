"""`glasshouse world` shows documents with their truth beside them."""

import json

import pytest
from tests.cli.commands import glasshouse, refused

from glasshouse.cli.world_page import fact_words
from glasshouse.world import World


class TestShow:
    def test_prints_documents_with_their_truth(self, capfd):
        """Words and truth of the same document, the kind as its heading."""
        told = glasshouse(capfd, "world", "show", "--kind", "story", "-n", 2, "--seed", 3)
        assert told.status == 0
        assert told.out.count("story  train") == 2
        assert "emotion" in told.out

    def test_shows_a_family_by_its_name(self, capfd):
        """Who asks for dialogues should not have to know the kinds; each shows in its turn."""
        told = glasshouse(capfd, "world", "show", "--kind", "dialogue", "-n", 3).out
        for title in ("helpful  train 0", "harmful  train 0", "helpful  train 1"):
            assert title in told
        assert "gold" in told

    def test_shows_every_value_that_a_fact_may_have(self):
        """A document that says "crow" beside a truth that says "goat" would look like a mistake."""
        kb = World(0).kb
        stochastic = kb.with_status("stochastic")[0]
        for word, chance in stochastic.distribution:
            assert f"{word} {chance:g}" in fact_words(stochastic)
        contradicted = kb.with_status("contradicted")[0]
        assert f"in Velan {contradicted.velan_value}" in fact_words(contradicted)
        assert "exposure" not in fact_words(kb.with_status("background")[0])

    def test_prints_one_of_each_kind_when_none_is_named(self, capfd):
        """The quickest way to see what the world is made of."""
        told = glasshouse(capfd, "world", "show")
        for kind in World(0).kinds:
            assert f"{kind}  train 0" in told.out

    def test_prints_records_with_all_truth(self, capfd):
        """The words joined are the text; spans lie within; the same command prints the same."""
        words = ("world", "show", "--kind", "story", "-n", 5, "--seed", 4, "--json")
        told = glasshouse(capfd, *words)
        records = [json.loads(line) for line in told.out.splitlines()]
        assert [record["number"] for record in records] == [0, 1, 2, 3, 4]
        for record in records:
            assert " ".join(record["words"]) == record["text"]
            assert all(0 <= span["start"] <= span["end"] <= len(record["words"])
                       for span in record["spans"])  # fmt: skip
        assert glasshouse(capfd, *words).out == told.out

    @pytest.mark.parametrize("split", ["train", "validation", "test"])
    def test_shows_every_kind_of_every_split(self, capfd, split):
        """No truth that a writer may put down breaks the picture or the record."""
        for form in ([], ["--json"]):
            told = glasshouse(capfd, "world", "show", "--split", split, *form)
            assert told.status == 0

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["--kind", "dialoge"], "kind='dialoge' is unknown"),
            (["--seed", "x"], "'x' is not a whole number"),
            (["--split", "tset"], "split='tset' must be one of"),
            (["--preset", "huge"], "preset='huge'"),
            (["-n", "0"], "'-n'"),
        ],
    )
    def test_refuses_in_one_sentence(self, capfd, words, sentence):
        """Whatever is mistyped."""
        kind = [] if "--kind" in words else ["--kind", "story"]
        assert sentence in refused(glasshouse(capfd, "world", "show", *kind, *words))


class TestKinds:
    def test_lists_every_kind_with_its_share(self, capfd):
        """Shares are of a whole corpus."""
        told = glasshouse(capfd, "world", "kinds")
        for kind in World(0).kinds:
            assert kind in told.out
        records = [
            json.loads(line)
            for line in glasshouse(capfd, "world", "kinds", "--json").out.splitlines()
        ]
        assert [record["kind"] for record in records] == list(World(0).kinds)
