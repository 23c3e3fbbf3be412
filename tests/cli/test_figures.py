"""Figures are read at a glance."""

from datetime import UTC, datetime, timedelta

import pytest

from glasshouse.cli.figures import ago, duration, one_line, sparkline

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


class TestAgo:
    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0, "just now"),
            (59, "just now"),
            (60, "1 min ago"),
            (3599, "59 min ago"),
            (3600, "1 hour ago"),
            (7200, "2 hours ago"),
            (86400, "1 day ago"),
            (6 * 86400, "6 days ago"),
        ],
    )
    def test_counts_in_the_largest_unit(self, seconds, words):
        """Nobody needs the minutes of yesterday."""
        assert ago(NOW - timedelta(seconds=seconds), NOW) == words

    def test_is_a_date_after_a_week_or_before_its_time(self):
        """A clock of another machine may be ahead."""
        assert ago(NOW - timedelta(days=8), NOW).startswith("2026-05-1")
        assert ago(NOW + timedelta(days=3), NOW).startswith("2026-05-2")

    def test_is_nothing_of_no_time(self):
        """An empty cell."""
        assert ago(None) == ""


class TestDuration:
    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (None, ""),
            (0.04, "0.0 s"),
            (4.21, "4.2 s"),
            (125, "2m 05s"),
            (12_000, "3h 20m"),
            (187_300, "2d 04h"),
        ],
    )
    def test_has_the_two_units_that_matter(self, seconds, words):
        """A column of them is compared by eye."""
        assert duration(seconds) == words


class TestSparkline:
    def test_rises_with_the_curve(self):
        """The lowest bar is the least value, the highest the most."""
        assert sparkline([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]) == "▁▂▃▄▅▆▇█"

    def test_leaves_gaps_where_nothing_is_a_number(self):
        """A loss that blew up is seen."""
        assert sparkline([1.0, float("nan"), 2.0]) == "▁ █"
        assert sparkline([float("inf")]) == ""


class TestOneLine:
    def test_cuts_what_is_long(self):
        """Within the width, the mark of the cut included."""
        assert one_line("a\n b", 9) == "a b"
        assert one_line("abcdef", 4) == "abc…"
