"""Texts that repeat a block of random words, their truth and their exact losses."""

import itertools

import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.world.blocks import BlockWorld, first_pass, follows_same


def draw(world: BlockWorld, count: int = 50, length: int = 40):
    return world.sample(count, length, np.random.default_rng(3))


class TestSample:
    def test_repeats_the_block_to_the_end(self):
        """Every word of a later pass is the word one period before it."""
        texts = draw(BlockWorld())
        for ids, phase, period, is_copy in zip(
            texts.ids, texts.phase, texts.period, texts.is_copy, strict=True
        ):
            words = ids[1:]
            assert np.array_equal(words[phase + period :], words[phase:-period])
            assert np.flatnonzero(is_copy)[0] == 1 + phase + period

    def test_draws_every_length_and_phase(self):
        """At one distance only, a head could copy by position."""
        texts = draw(BlockWorld(), count=3_000)
        assert set(texts.period) == set(range(8, 25))
        assert set(texts.phase) == set(range(8))

    def test_starts_every_text_alike(self):
        """The start token is the last id and no word."""
        world = BlockWorld(words=10, forms=2)
        ids = draw(world).ids
        assert (ids[:, 0] == world.start).all()
        assert world.start == ids.max() == world.vocab_size - 1
        assert ids[:, 1:].max() < world.start

    def test_keeps_the_form_in_literal_texts_only(self):
        """In a loose text the word repeats, and about half of its copies are written otherwise."""
        world = BlockWorld(words=30, forms=2, loose_share=0.5)
        texts = draw(world, count=400)
        kept = []
        for ids, phase, period, is_loose in zip(
            texts.ids, texts.phase, texts.period, texts.is_loose, strict=True
        ):
            copies, originals = ids[1 + phase + period :], ids[1 + phase : -period]
            assert np.array_equal(world.word_of(copies), world.word_of(originals))
            if is_loose:
                kept.append((copies == originals).mean())
            else:
                assert np.array_equal(copies, originals)
        assert np.mean(kept) == pytest.approx(0.5, abs=0.05)
        assert len(kept) == pytest.approx(200, abs=40)

    @pytest.mark.parametrize(
        "wrong", [{"words": 1}, {"forms": 0}, {"shortest": 9, "longest": 8}, {"loose_share": 1.5}]
    )
    def test_refuses_what_makes_no_text(self, wrong):
        """The message names the argument."""
        with pytest.raises(InputError, match=next(iter(wrong))):
            BlockWorld(**wrong)


class TestExactLosses:
    def test_agrees_with_counting_all_texts(self):
        """By brute force: the probability of every text, from all ways to write it."""
        world = BlockWorld(words=2, forms=2, loose_share=0.25, shortest=1, longest=2, max_phase=1)
        length = 4
        chances = dict.fromkeys(itertools.product(range(4), repeat=length), 0.0)
        for phase, period, is_loose in itertools.product((0, 1), (1, 2), (False, True)):
            original = first_pass(np.arange(length), np.array(phase), np.array(period))
            distinct = len(set(original))
            share = 0.25 if is_loose else 0.75
            written = length if is_loose else distinct
            chance = share / 4 / 2**distinct / 2**written
            for words in itertools.product(range(2), repeat=distinct):
                for forms in itertools.product(range(2), repeat=written):
                    word = [words[i] for i in original]
                    form = forms if is_loose else [forms[i] for i in original]
                    text = tuple(w + 2 * f for w, f in zip(word, form, strict=True))
                    chances[text] += chance
        assert sum(chances.values()) == pytest.approx(1)
        texts = [text for text, chance in chances.items() if chance]
        ids = np.array([(world.start, *text) for text in texts])
        for text, losses in zip(texts, world.exact_losses(ids), strict=True):
            for place in range(length):
                beginning = sum(c for t, c in chances.items() if t[:place] == text[:place])
                onward = sum(c for t, c in chances.items() if t[: place + 1] == text[: place + 1])
                assert losses[place] == pytest.approx(np.log(beginning / onward), abs=1e-9)

    def test_is_that_of_a_blind_guess_at_first_and_nothing_in_the_end(self):
        """No word can repeat before the shortest block is over; after two passes all is known."""
        world = BlockWorld()
        losses = world.exact_losses(draw(world, length=64).ids)
        assert losses[:, :8] == pytest.approx(np.log(64))
        assert losses[:, 32:].mean() < 0.02


class TestFollowsSame:
    def test_points_at_what_came_after(self):
        """a b a b a: from the second a to the first b; from the third to both."""
        found = follows_same(np.array([[7, 8, 7, 8, 7]]))[0]
        assert {(int(i), int(j)) for i, j in zip(*np.nonzero(found), strict=True)} == {
            (2, 1),
            (3, 2),
            (4, 1),
            (4, 3),
        }

    def test_leaves_the_place_itself_out(self):
        """a a: what came after the first a is the second, which has nothing to tell itself."""
        assert not follows_same(np.array([[5, 5]])).any()
