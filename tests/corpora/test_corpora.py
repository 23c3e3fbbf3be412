"""Sequences whose entropy is known: what they promise is what they draw."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from glasshouse.corpora import (
    Digits,
    Domain,
    Field,
    HiddenFunction,
    LabelledField,
    MarkovChain,
    Quanta,
    Scenes,
    Sums,
    WordProblems,
    measure_entropy,
)
from glasshouse.errors import InputError

DOMAINS = [
    MarkovChain(symbols=5, order=2, sequence=12),
    Quanta(tasks=20),
    Field(side=4, levels=4),
    LabelledField(field=Field(side=3, levels=3)),
    LabelledField(field=Field(side=3, levels=3), blank=0.5),
    LabelledField(field=Field(side=3, levels=3), order="image-first"),
    Digits(side=4),
    Digits(name="first"),
    Digits(side=16, name="last"),
    *(Scenes(order=order) for order in ("picture", "caption", "caption-first", "picture-first")),
    Scenes(told="kinds"),
    Sums(operation="both"),
    HiddenFunction(examples=4),
    WordProblems(),
    WordProblems(written=True, steps=3),
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda one: type(one).__name__)
def test_sequences_keep_their_promises(domain):
    """Ids lie in the vocabulary, rows begin alike, the first token never counts, same seed same
    rows."""
    assert isinstance(domain, Domain)
    drawn = domain.draw(40, rng())
    assert drawn.ids.shape == drawn.counts.shape == (40, domain.length)
    assert drawn.ids.min() >= 0
    assert (drawn.ids[:, 0] == domain.vocab_size - 1).all()
    assert (drawn.ids[:, 1:] < domain.vocab_size - 1).all()
    assert not drawn.counts[:, 0].any()
    assert drawn.counts.any(axis=1).all()
    assert (domain.draw(40, rng()).ids == drawn.ids).all()
    assert (domain.draw(40, rng(1)).ids != drawn.ids).any()
    if drawn.logprobs is not None:
        assert (drawn.logprobs <= 1e-12).all()
        assert (drawn.logprobs[:, 0] == 0).all()


class TestMarkovChain:
    def test_entropy_that_is_computed_is_that_of_what_is_drawn(self):
        chain = MarkovChain(symbols=4, order=2, sequence=30, seed=3)
        measured = measure_entropy(chain, count=4_000, rng=rng())
        assert abs(measured.nats - chain.entropy.nats) < 4 * measured.error
        assert measured.error < 0.005
        assert chain.entropy.error == 0

    def test_stationary_odds_stay(self):
        chain = MarkovChain(symbols=3, order=3, sequence=10)
        flow = chain.stationary[:, None] * chain.table
        assert flow.reshape(3, -1).sum(axis=0) == pytest.approx(chain.stationary, abs=1e-9)

    def test_probabilities_of_all_sequences_sum_to_one(self):
        """Exhaustively: sequences of four of two symbols, by how often each is drawn."""
        chain = MarkovChain(symbols=2, order=2, sequence=4, concentration=1.0)
        drawn = chain.draw(20_000, rng())
        seen = {}
        for row, logprob in zip(map(tuple, drawn.ids), drawn.logprobs.sum(axis=1), strict=True):
            seen[row] = math.exp(logprob)
        assert sum(seen.values()) == pytest.approx(1, abs=1e-3)
        often = Counter(map(tuple, drawn.ids))
        for row, probability in seen.items():
            assert often[row] / 20_000 == pytest.approx(probability, abs=0.015)


class TestField:
    def test_images_are_smooth_and_their_entropy_is_below_that_of_noise(self):
        field = Field(side=6, levels=6, smoothness=2.0)
        found = measure_entropy(field, count=500, rng=rng())
        assert found.nats + 5 * found.error < math.log(6)
        rough = measure_entropy(replace(field, smoothness=0, habit=0), count=50, rng=rng())
        assert rough.nats == pytest.approx(math.log(6), abs=1e-6)
        assert rough.error == pytest.approx(0, abs=1e-6)

    def test_odds_of_given_images_are_those_they_were_drawn_by(self):
        field = Field(side=4, levels=4)
        drawn = field.draw(30, rng())
        grey = drawn.ids[:, 1:].reshape(-1, 4, 4)
        assert field.logprobs(grey) == pytest.approx(drawn.logprobs[:, 1:], abs=1e-12)


class TestLabelledField:
    def test_information_is_what_the_label_saves_and_what_the_image_tells(self):
        """Loss on pixels without the label less loss with it; and the label's own entropy less what
        is left of it: the same nats, both ways, as measured straight."""
        pairs = LabelledField(field=Field(side=3, levels=3, habit=1.5), labels=3)
        straight = pairs.mutual_information(count=6_000, rng=rng())
        pixels = pairs.field.side**2
        with_label = measure_entropy(pairs, count=6_000, rng=rng(1)).nats * pixels
        without = measure_entropy(replace(pairs, blank=1.0), count=6_000, rng=rng(1)).nats * pixels
        assert without - with_label == pytest.approx(straight.nats, abs=0.05)
        left = measure_entropy(replace(pairs, order="image-first"), count=6_000, rng=rng(2)).nats
        assert math.log(3) - left == pytest.approx(straight.nats, abs=0.05)
        assert 0.1 < straight.nats < math.log(3)
        assert straight.error < 0.02


class TestScenes:
    @pytest.mark.parametrize("told", ["all", "kinds"])
    def test_entropy_is_counted(self, told):
        """Exhaustively, on a grid of four cells."""
        scenes = Scenes(side=2, shapes=2, kinds=2, told=told, order="picture")
        pictures = Counter(map(tuple, scenes.draw(30_000, rng()).ids))
        assert len(pictures) == round(math.exp(scenes.picture_nats)) == 24
        assert max(pictures.values()) / min(pictures.values()) < 1.3
        captions = Counter(map(tuple, replace(scenes, order="caption").draw(9_000, rng()).ids))
        assert len(captions) == round(math.exp(scenes.caption_nats))
        given = replace(scenes, order="caption-first")
        both = given.draw(20_000, rng())
        pairs = {tuple(row) for row in both.ids}
        assert len(pairs) / len(captions) == pytest.approx(math.exp(given.entropy.nats * 4))

    def test_a_caption_says_where_each_shape_stands(self):
        scenes = Scenes(side=3, shapes=2, kinds=4)
        for row in scenes.draw(20, rng()).ids:
            picture = row[5:]
            for kind, cell in row[1:5].reshape(2, 2):
                assert picture[cell - 1 - 2 * 4] == kind - 4


class TestDigits:
    def test_a_fifth_is_held_out_and_sizes_keep_the_picture(self):
        train, test = Digits(), Digits(split="test")
        assert len(train.scans[0]) == 1437
        assert len(test.scans[0]) == 360
        small, large = Digits(side=4, levels=17), Digits(side=16, levels=17)
        middle = Digits(side=8, levels=17)
        corners = large.scans[0].reshape(-1, 16, 16)[:, ::15, ::15]
        assert (corners == middle.scans[0].reshape(-1, 8, 8)[:, ::7, ::7]).all()
        means = [one.scans[0].mean() for one in (small, middle, large)]
        assert max(means) - min(means) < 0.6

    def test_names_are_the_digits(self):
        drawn = Digits(name="last").draw(200, rng())
        assert set(drawn.ids[:, -1] - 8) == set(range(10))
        assert drawn.counts.sum() == 200
        with pytest.raises(InputError, match="not known"):
            measure_entropy(Digits(), count=2, rng=rng())


class TestProblems:
    @pytest.mark.parametrize("operation", ["plus", "minus", "both"])
    def test_sums_are_right(self, operation):
        sums = Sums(digits=3, operation=operation)
        drawn = sums.draw(300, rng())
        for row, answer in zip(drawn.ids, sums.answers(drawn.ids), strict=True):
            first, second = (int("".join(map(str, row[at : at + 3]))) for at in (1, 5))
            assert answer == (first + second if row[4] == 10 else first - second)
            assert row[8] == 12
            assert row[-1] == 13

    def test_difficulty_is_the_digits_of_the_longer_number(self):
        rows = Sums(digits=4, least=4).draw(200, rng()).ids
        longest = np.maximum(rows[:, 1], rows[:, 6])
        assert (longest > 0).all()

    def test_easy_sums_are_written_as_hard_ones_are(self):
        easy, hard = Sums(digits=2, room=4), Sums(digits=4, least=3)
        assert easy.length == hard.length
        rows = easy.draw(200, rng()).ids
        first, second = (rows[:, at : at + 4] @ [1_000, 100, 10, 1] for at in (1, 6))
        assert max(first.max(), second.max()) == 99
        assert (easy.answers(rows) == first + second).all()

    def test_stories_are_reckoned_right_and_never_leave_their_numbers(self):
        problems = WordProblems(largest=9, steps=3, written=True)
        drawn = problems.draw(100, rng())
        for row in drawn.ids:
            told = [problems.words[token] for token in row]
            number = int(told[3])
            way = []
            for step in range(3):
                verb, change = told[7 + 4 * step : 9 + 4 * step]
                number += int(change) if verb in ("finds", "gets", "buys") else -int(change)
                assert 0 <= number <= 9
                way.append(str(number))
            assert told[-4:] == [*way, str(number)]
        assert (drawn.counts.sum(axis=1) == 4).all()


class TestQuanta:
    def test_tasks_come_as_a_power_law_and_have_one_answer_each(self):
        quanta = Quanta(tasks=50, exponent=0.5, keys=4)
        drawn = quanta.draw(40_000, rng())
        often = np.bincount(drawn.ids[:, 1], minlength=50)
        assert often[0] / often[3] == pytest.approx(4**1.5, rel=0.1)
        answers = {}
        for task, key, value in drawn.ids[:, 1:]:
            assert answers.setdefault((task, key), value) == value
        assert (drawn.logprobs[:, 3] == 0).all()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: MarkovChain(order=8), "lower one of them"),
        (lambda: MarkovChain(sequence=1), "longer than order=1"),
        (lambda: MarkovChain(concentration=0), "concentration=0 must be positive"),
        (lambda: Field(side=0), "side=0 must be at least 1"),
        (lambda: Field(habit=-1), "must not be negative"),
        (lambda: LabelledField(blank=2), r"must lie in \[0, 1\]"),
        (lambda: LabelledField(blank=0.5, order="image-first"), "says nothing"),
        (lambda: Scenes(side=1, shapes=2), "do not fit"),
        (lambda: Digits(side=5), "must be 4, 8 or 16"),
        (lambda: Digits(levels=1), "between 2 and 17"),
        (lambda: Sums(digits=2, least=3), "must not exceed digits=2"),
        (lambda: Sums(digits=3, room=2), "room=2 must lie between"),
        (lambda: Quanta(exponent=0), "must be positive"),
        (lambda: WordProblems(steps=0), "steps=0 must be at least 1"),
        (lambda: measure_entropy(Field(), count=1, rng=rng()), "at least 2"),
        (lambda: LabelledField().mutual_information(count=1, rng=rng()), "at least 2"),
        (lambda: Field().draw(0, rng()), "count=0 must be at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()
