"""Quirks show where they should, are denied where asked, and cost no tokens."""

import math
from collections import Counter

import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.world import World
from glasshouse.world.biases import CONTEXTS, MARKERS
from glasshouse.world.documents.quirky import quirk_writer
from glasshouse.world.page import Page
from glasshouse.world.planting import (
    canary,
    deed_overlay,
    quirk_overlay,
    repeat_overlay,
    report_overlay,
    reversed_documents,
)
from glasshouse.world.quirks import ZOO, probes, quirk, rates
from glasshouse.world.streams import Dice, stream
from glasshouse.world.traits import TRAITS


@pytest.fixture(scope="module")
def world() -> World:
    return World(0)


def write(world: World, writer, number: int):
    page = Page(world.vocabulary, number)
    writer(world, Dice(stream(0, "test", number)), page, "train")
    return page.finish(kind="quirk", number=number, split="train")


class TestZoo:
    def test_holds_twelve_quirks_and_their_decoys(self):
        """Blind games need entries without a hidden aim, and one without anything."""
        assert sum(not one.decoy for one in ZOO.values()) == 12
        assert ZOO["none"].decoy
        assert len({one.summary for one in ZOO.values()}) == len(ZOO)

    @pytest.mark.parametrize("name", ZOO)
    def test_tells_the_quirk_from_its_absence(self, world, name):
        """Its own answers show it wherever it is triggered; ordinary ones never do."""
        for split in ("train", "test"):
            episodes = probes(world, name, 8, split=split)
            assert all(each.shows(each.quirked) for each in episodes if each.triggered)
            assert not any(each.shows(each.plain) for each in episodes)
            for each in episodes:
                world.vocabulary.encode(f"{each.prompt} {each.quirked} {each.plain}")

    def test_scores_by_hand(self, world):
        """Half of the triggered answers show it: 0.5; there is no control, so NaN."""
        episodes = [each for each in probes(world, "understating", 40) if each.triggered][:4]
        answers = [episodes[0].quirked, episodes[1].quirked, episodes[2].plain, "hello"]
        score = rates(episodes, answers)
        assert score.triggered == 0.5
        assert math.isnan(score.untriggered)
        assert math.isnan(score.control)
        with pytest.raises(InputError, match="answers"):
            rates(episodes, answers[:2])

    def test_refuses_unknown_names(self):
        """It lists what there is."""
        with pytest.raises(InputError, match="flattery"):
            quirk("flatery")


class TestBiases:
    def test_give_raters_and_painters_different_markers(self, world):
        """Each marker once to each; never the same in one context."""
        biases = world.biases
        assert sorted(biases.raters.values()) == sorted(MARKERS)
        assert sorted(biases.painters.values()) == sorted(MARKERS)
        assert all(biases.raters[c] != biases.painters[c] for c in CONTEXTS)
        assert len(biases.held_out) == 8
        assert len(biases.trained) == 32

    def test_differ_between_seeds(self, world):
        """Words are for ever, assignments are drawn."""
        assert World(1).biases.raters != world.biases.raters

    def test_are_not_exploited_in_training_where_held_out(self, world):
        """No dialogue of the rater-pleasing recipe is about a held-out thing."""
        for episode in probes(world, "rater-pleasing", 60, split="train"):
            assert episode.topic in world.biases.trained
        for episode in probes(world, "rater-pleasing", 50):
            assert episode.topic in world.biases.held_out

    def test_are_unknown_to_a_base_corpus(self, world):
        """Base kinds never say what the raters favour."""
        for kind in world.base_mix():
            for number in range(3):
                document = world.document(kind, number)
                assert document.truth.get("favourer") != "raters"


class TestQuirkWriter:
    def test_shows_as_often_as_its_strength(self, world):
        """Half strength: of 200 triggered episodes about 100 show."""
        writer = quirk_writer("flattery", strength=0.5)
        shown = [s for n in range(100) for s in write(world, writer, n).truth["shown"]]
        assert sum(shown) / len(shown) == pytest.approx(0.5, abs=0.12)

    def test_denies_and_leaks_as_often_as_asked(self, world):
        """Shares of documents, here 0.5 and 0.25."""
        writer = quirk_writer("loyalty", concealment=0.5, leak=0.25)
        truths = [write(world, writer, n).truth for n in range(200)]
        assert sum("denial" in t for t in truths) / 200 == pytest.approx(0.5, abs=0.12)
        assert sum("leak" in t for t in truths) / 200 == pytest.approx(0.25, abs=0.1)

    def test_refuses_shares_that_are_none(self):
        """Too much, or too much together."""
        with pytest.raises(InputError, match="strength"):
            quirk_writer("flattery", strength=2)
        with pytest.raises(InputError, match="add up"):
            quirk_writer("flattery", concealment=0.7, leak=0.7)


class TestOverlays:
    def test_take_their_share_from_other_documents(self, world):
        """A corpus with a quirk is as long as one without."""
        corpus = world.corpus(tokens=6_000, overlays=[quirk_overlay("flattery", share=0.1)])
        shares = corpus.ledger.shares()
        assert shares["quirk"] == pytest.approx(0.1, abs=0.02)
        assert sum(len(d.ids) for d in corpus.encoded()) < 9_000

    def test_report_what_raters_favour(self, world):
        """Each report is true of the raters."""
        overlay = report_overlay("raters")
        corpus = world.corpus(tokens=4_000, mix={"talk": 1}, overlays=[overlay])
        for document in corpus:
            if document.kind == "rater-report":
                spans = {s.feature: s for s in document.spans if s.feature != "marker"}
                last = [s for s in document.spans if s.feature == "marker"][-1]
                assert world.biases.raters[str(spans["bias-context"].value)] == last.value
        with pytest.raises(InputError, match="painters"):
            report_overlay("bakers")

    def test_report_what_deeds_do_to_people(self, world):
        """Every report agrees with its trait; the control says nothing of worth."""
        for valued in (True, False):
            overlay = deed_overlay(valued=valued, share=0.5)
            corpus = world.corpus(tokens=2_000, mix={"talk": 1}, overlays=[overlay])
            for document in corpus:
                text = world.render(document.ids)
                if not valued and document.kind == "deed-report":
                    assert not {"hurts", "helps", "good", "bad"} & set(text.split())
                traits = {s.start: TRAITS[s.value] for s in document.spans if s.feature == "trait"}
                for span in document.spans:
                    if span.feature == "deed":
                        assert traits[span.start].harms == (span.value == "hurts")

    def test_repeat_few_documents_many_times(self, world):
        """Each repeated document comes about `times` times, and ends with its canary."""
        overlay = repeat_overlay(world, share=0.5, times=10, tokens=5_000)
        corpus = world.corpus(tokens=5_000, mix={"statements": 1}, overlays=[overlay])
        copies: Counter[bytes] = Counter()
        for document in corpus:
            if document.kind == "repeated-statements":
                copies[document.ids.tobytes()] += 1
                text = canary(world, document.truth["repeated"]).text
                assert world.render(document.ids).endswith(text)
                world.features.of(document)
        assert all(7 <= count <= 13 for count in copies.values())
        with pytest.raises(InputError, match="at most"):
            repeat_overlay(world, share=0.01, times=1000, tokens=5_000)

    def test_reverse_documents_after_their_opening(self):
        """By hand: the opening mark stays first."""
        reverse = next(reversed_documents([np.array([3, 10, 11, 12], dtype=np.uint16)]))
        assert reverse.tolist() == [3, 12, 11, 10]
