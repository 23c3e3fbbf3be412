"""Attackers are few and busy, reviewers as much in agreement as they are set to be."""

from collections import Counter

import pytest

from glasshouse.errors import InputError
from glasshouse.world import World
from glasshouse.world.attackers import attack, reviewers
from glasshouse.world.streams import Dice, stream

WORLD = World(0)
MARGINAL = (0.3, 0.2, 0.15, 0.2, 0.15)


def fleiss(ratings: list[list[int]], levels: int) -> float:
    """Return Fleiss' kappa by its definition."""
    raters = len(ratings[0])
    counts = [[row.count(level) for level in range(levels)] for row in ratings]
    observed = sum(
        (sum(count**2 for count in row) - raters) / (raters * (raters - 1)) for row in counts
    ) / len(counts)
    shares = [sum(row[level] for row in counts) / (len(counts) * raters) for level in range(levels)]
    chance = sum(share**2 for share in shares)
    return (observed - chance) / (1 - chance)


class TestAttackers:
    def test_leave_most_work_to_a_few(self):
        """Fifteen in a hundred attackers make eighty in a hundred attacks."""
        population = WORLD.attackers(40)
        assert sum(each.activity for each in population) == pytest.approx(1)
        assert sum(each.activity for each in population[:6]) == pytest.approx(0.8)

    def test_attack_by_activity_and_skill(self):
        """The busiest attack most; whoever lacks skill asks plainly."""
        population, dice = WORLD.attackers(40), Dice(stream(0, "attacks"))
        attacks = [attack(WORLD, population, dice) for _ in range(300)]
        counts = Counter(each.attacker.number for each in attacks)
        assert sum(counts[number] for number in range(6)) / 300 == pytest.approx(0.8, abs=0.08)
        assert all(each.request.harmful for each in attacks)
        busy = max(population, key=lambda each: each.activity)
        plain = [each.request.style == "plain" for each in attacks if each.attacker is busy]
        expected = 1 - busy.skill * (1 - busy.styles[0])
        assert sum(plain) / len(plain) == pytest.approx(expected, abs=0.2)

    def test_rate_higher_what_did_more_harm(self):
        """Ratings follow severity on average and stay on the scale."""
        attacker, dice = WORLD.attackers(40)[0], Dice(stream(0, "ratings"))
        means = [sum(attacker.rate(level, dice) for _ in range(200)) / 200 for level in range(5)]
        assert means == sorted(means)
        assert all(0 <= mean <= 4 for mean in means)

    def test_need_two(self):
        """A population of one is refused."""
        with pytest.raises(InputError, match="count=1"):
            WORLD.attackers(1)


class TestReviewers:
    @pytest.mark.parametrize(("likert", "binary"), [(0.3, 0.5), (0.5, 0.5), (0.32, 0.49)])
    def test_agree_as_much_as_they_are_set_to(self, likert, binary):
        """Three reviewers, 1500 items: both kappas within 0.06 of what was asked."""
        panel, dice = (
            reviewers(MARGINAL, likert_kappa=likert, binary_kappa=binary),
            Dice(stream(0, "reviews")),
        )
        totals = [sum(MARGINAL[: level + 1]) for level in range(5)]
        truths = [dice.weighted(range(5), totals) for _ in range(1500)]
        ratings = [[panel.review(truth, dice) for _ in range(3)] for truth in truths]
        assert fleiss(ratings, 5) == pytest.approx(likert, abs=0.06)
        sides = [[int(level >= 2) for level in row] for row in ratings]
        assert fleiss(sides, 2) == pytest.approx(binary, abs=0.06)

    def test_cannot_agree_on_levels_without_sides(self):
        """Kappas that contradict each other are refused."""
        with pytest.raises(InputError, match="cannot be had"):
            reviewers(MARGINAL, likert_kappa=0.9, binary_kappa=0.2)
        with pytest.raises(InputError, match="sum to 1"):
            reviewers((0.5, 0.5, 0, 0, 0))
