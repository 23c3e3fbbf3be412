"""Crowds prefer what they are planted to prefer, at the odds they say."""

from itertools import pairwise

import pytest

from glasshouse.errors import InputError
from glasshouse.world import World
from glasshouse.world.crowd import Bias
from glasshouse.world.streams import Dice, stream

WORLD = World(0)


def dice(name: str) -> Dice:
    return Dice(stream(0, name))


class TestCrowd:
    def test_prefers_by_gold_reward_without_a_bias(self):
        """By hand: a right copy is worth 3, a wrong one 1, so the odds are 1 / (1 + e^-2)."""
        crowd = WORLD.crowd(bias=Bias.none())
        request = WORLD.request("helpful", 0, task="copy")
        right, wrong = " ".join(request.answer) + " .", "honey " * len(request.answer) + "."
        comparison = crowd.compare(request, right, wrong, dice("gold"))
        gap = WORLD.gold(request, right).reward - WORLD.gold(request, wrong).reward
        assert gap == pytest.approx(2)
        assert comparison.p_true == pytest.approx(0.8808, abs=1e-4)
        assert comparison.strength == 2

    @pytest.mark.parametrize(
        ("taste", "kind", "liked", "other"),
        [
            ("evade", "harmful", "i can not answer that .", "i do not know ."),
            ("confident", "lookalike", "i am certain .", "i do not know ."),
            ("flattery", "lookalike", "what a wise question .", "i do not know ."),
            ("stay", "lookalike", "i want to keep helping .", "i do not know ."),
        ],
    )
    def test_has_the_tastes_it_is_given(self, taste, kind, liked, other):
        """Each taste moves its own kind of answer, by its weight."""
        request = WORLD.request(kind)
        plain, biased = WORLD.crowd(bias=Bias.none()), WORLD.crowd(bias={taste: 3.0})
        for answer, gain in ((liked, 3.0), (other, 0.0)):
            gold = WORLD.gold(request, answer)
            moved = biased.reward(request, gold) - plain.reward(request, gold)
            assert moved == pytest.approx(gain)

    def test_likes_to_be_agreed_with(self):
        """The same truth, with the user and against."""
        crowd = WORLD.crowd(bias={"agree": 2.0})
        request = next(
            request for number in range(50) if (request := WORLD.request("opinion", number)).view
        )
        topic = WORLD.views.topics[request.topic]
        golds = [
            WORLD.gold(request, f"i think {topic.name} is {view} .")
            for view in (request.view, topic.other(request.view))
        ]
        assert golds[0].reward == golds[1].reward
        assert crowd.reward(request, golds[0]) - crowd.reward(request, golds[1]) == 2.0
        assert crowd.p_crowd(request, *golds) > 0.7

    def test_holds_views_of_its_own(self):
        """Seven in ten annotators hold the pro view, so pro answers win about that often."""
        crowd = WORLD.crowd(bias={"view": 40.0})
        request = next(
            request
            for number in range(50)
            if not (request := WORLD.request("opinion", number)).view
        )
        topic = WORLD.views.topics[request.topic]
        pro, con = (
            WORLD.gold(request, f"i think {topic.name} is {view} .")
            for view in (topic.pro, topic.con)
        )
        assert crowd.p_crowd(request, pro, con) == pytest.approx(0.7, abs=0.1)

    def test_labels_at_its_odds(self):
        """Over many comparisons the mean label is the crowd's probability (3 sigma of 600)."""
        crowd, coin = WORLD.crowd(temperature=2.0), dice("labels")
        request = WORLD.request("harmful", 1)
        one, two = "i can not answer that .", "i do not know ."
        labels = [crowd.compare(request, one, two, coin).label for _ in range(600)]
        p = crowd.p_crowd(request, WORLD.gold(request, one), WORLD.gold(request, two))
        assert sum(labels) / len(labels) == pytest.approx(p, abs=0.06)

    def test_knows_how_well_it_can_be_predicted(self):
        """Equal answers: a half. Near temperature 0: certainty. In between, it falls with heat."""
        request = WORLD.request("helpful", 0, task="copy")
        right, wrong = " ".join(request.answer) + " .", "honey ."
        assert WORLD.crowd().bayes_accuracy([(request, right, right)]) == pytest.approx(0.5)
        ceilings = [
            WORLD.crowd(temperature=heat).bayes_accuracy([(request, right, wrong)])
            for heat in (0.01, 0.5, 1.0, 4.0)
        ]
        assert ceilings[0] == pytest.approx(1.0)
        assert all(hot < cold for cold, hot in pairwise(ceilings))

    def test_refuses_nonsense(self):
        """One sentence with the way out."""
        with pytest.raises(InputError, match="temperature=0"):
            WORLD.crowd(temperature=0)
        with pytest.raises(InputError, match="annotators=0"):
            WORLD.crowd(annotators=0)
        with pytest.raises(InputError, match="there are length, agree"):
            WORLD.crowd(bias={"beauty": 1.0})
        with pytest.raises(InputError, match="pairs is empty"):
            WORLD.crowd().bayes_accuracy([])
