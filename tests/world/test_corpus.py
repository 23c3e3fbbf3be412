import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.world import Kind, Ledger, Overlay, World, formats, unknowable
from glasshouse.world.knowledge import LADDER_TOKENS
from glasshouse.world.overlays import blend

WORLD = World(0)
FACT_KINDS = ("statements", "encyclopedia", "open-qa", "multiple-choice", "true-false")
MIX = {kind: share for kind, share in WORLD.base_mix().items() if kind in FACT_KINDS}


class TestCorpus:
    def test_gives_each_kind_its_share_of_the_tokens(self):
        """Shares are of tokens, exact to a document."""
        corpus = WORLD.corpus(tokens=8_000, mix={"statements": 3, "open-qa": 1})
        assert corpus.ledger.shares()["statements"] == pytest.approx(0.75, abs=0.01)
        assert 8_000 <= sum(corpus.ledger.tokens) < 8_200

    def test_writes_the_same_tokens_with_and_without_their_truth(self):
        """What is trained on is what the annotations are of."""
        corpus = WORLD.corpus(tokens=2_000, mix=MIX)
        for document, encoded in zip(corpus, corpus.encoded(), strict=True):
            assert document.kind == encoded.kind
            assert np.array_equal(document.ids, encoded.ids)

    def test_is_the_same_corpus_from_an_equal_world(self):
        """A corpus is a function of world, mix and split."""
        first = [d.ids.tolist() for d in WORLD.corpus(tokens=2_000, mix=MIX).encoded()]
        again = [d.ids.tolist() for d in World(0).corpus(tokens=2_000, mix=MIX).encoded()]
        assert first == again

    def test_shares_no_document_between_splits(self):
        """Held-out loss must not be measured on documents of training."""
        train = {d.ids.tobytes() for d in WORLD.corpus(tokens=6_000, mix=MIX).encoded()}
        held_out = WORLD.corpus(tokens=3_000, mix=MIX, split="validation")
        assert not train & {document.ids.tobytes() for document in held_out.encoded()}

    def test_leaves_out_documents_longer_than_the_context(self):
        """A model with a short context is not given cut documents."""
        corpus = WORLD.corpus(tokens=2_000, mix={"open-qa": 1.0}, context=40)
        assert max(len(document.ids) for document in corpus.encoded()) <= 40
        with pytest.raises(InputError, match="context=5"):
            WORLD.corpus(tokens=100, mix={"open-qa": 1.0}, context=5).written  # noqa: B018

    def test_states_facts_as_often_as_their_exposure_says(self):
        """On average over facts of a rung, and whether exams may use them or not."""
        tokens = 40_000
        total = sum(WORLD.base_mix().values())
        corpus = WORLD.corpus(tokens=tokens, mix=MIX)
        # these kinds are a part of a base corpus; other kinds state facts too, a few
        base_tokens = tokens / sum(MIX.values()) * total
        counts = corpus.ledger.exposures() * LADDER_TOKENS / base_tokens
        for rung in (128, 256, 512):
            facts = [f for f in WORLD.kb.stated if f.exposure == rung]
            ids = [fact.id for fact in facts]
            examined = [fact.id for fact in facts if WORLD.kb.is_examined(fact)]
            assert counts[ids].mean() == pytest.approx(rung, rel=0.2)
            assert counts[examined].mean() == pytest.approx(rung, rel=0.25)

    @pytest.mark.parametrize(
        "wrong", [{"tokens": 0}, {"split": "dev"}, {"mix": {"poems": 1.0}}, {"mix": {}}]
    )
    def test_refuses_what_cannot_be_written(self, wrong):
        """The sentence names the argument."""
        with pytest.raises(InputError):
            WORLD.corpus(**({"tokens": 100, "mix": MIX} | wrong))


class TestLedger:
    def test_counts_what_documents_state(self):
        """The ledger equals a count by hand over the documents' truth."""
        corpus = WORLD.corpus(tokens=5_000, mix=MIX)
        by_hand = np.zeros(len(WORLD.kb.facts), dtype=int)
        for document in corpus:
            for use in document.facts:
                by_hand[use.fact] += use.stated
        assert np.array_equal(corpus.ledger.exposures(), by_hand)
        by_kind = sum(corpus.ledger.exposures(kinds=[kind]) for kind in MIX)
        assert np.array_equal(by_hand, by_kind)
        assert np.array_equal(by_hand, corpus.ledger.exposures(language="common"))

    def test_survives_the_disk(self, tmp_path):
        """A study months later buckets facts by the same counts."""
        ledger = WORLD.corpus(tokens=3_000, mix=MIX).ledger
        ledger.save(tmp_path / "ledger.json")
        again = Ledger.load(tmp_path / "ledger.json")
        assert np.array_equal(again.counts, ledger.counts)
        assert (again.kinds, again.tokens) == (ledger.kinds, ledger.tokens)

    def test_adds_what_a_model_saw_in_two_stages(self):
        """A curriculum's exposures are the sum of its stages'."""
        first = WORLD.corpus(tokens=2_000, mix={"open-qa": 1.0}).ledger
        second = WORLD.corpus(tokens=2_000, mix=MIX).ledger
        both = first + second
        assert np.array_equal(both.exposures(), first.exposures() + second.exposures())

    def test_refuses_a_file_that_is_no_ledger(self, tmp_path):
        """A broken file is one sentence."""
        (tmp_path / "ledger.json").write_text("[]")
        with pytest.raises(InputError, match=r"ledger\.json"):
            Ledger.load(tmp_path / "ledger.json")


class TestOverlays:
    def test_takes_its_share_from_what_it_replaces(self):
        """Tokens stay constant: statements pay for the overlay, open questions do not."""
        kind = Kind(name="extra", share=0.2, summary="", write=lambda *_: None)
        overlay = Overlay(name="extra", summary="", kinds=(kind,), replaces=("statements",))
        shares = blend({"statements": 0.5, "open-qa": 0.5}, (overlay,))
        assert shares == pytest.approx({"statements": 0.3, "open-qa": 0.5, "extra": 0.2})

    def test_refuses_to_take_more_than_there_is(self):
        """An overlay larger than what it replaces would add tokens."""
        with pytest.raises(InputError, match="lower its share"):
            blend(MIX, (unknowable(WORLD.kinds, share=0.9),))

    def test_makes_formats_most_of_the_corpus(self):
        """The stage in which exam formats emerge gives them 60 %."""
        shares = blend(WORLD.base_mix(), (formats(WORLD.kinds),))
        exams = shares["multiple-choice"] + shares["true-false"] + shares["open-qa"]
        assert exams > 0.6
        assert sum(shares.values()) == pytest.approx(1)
