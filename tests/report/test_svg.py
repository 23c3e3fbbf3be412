"""Figures are the same for the same drawing, stay out of each other's way, and follow the page."""

import re
from xml.etree import ElementTree

import pytest
from tests.report.sample import draw_bars, draw_lines

from glasshouse.report.style import INK, SERIES, dark_rules, house_style
from glasshouse.report.svg import drawing_to_svg, natural_width, standalone


def drawn(name: str = "fig", draw=draw_lines, alt: str = "two panels") -> str:
    with house_style():
        return drawing_to_svg(draw(), name=name, alt=alt)


class TestDrawingToSvg:
    def test_is_the_same_for_the_same_figure(self):
        """No date, no random ids: a report made twice has one content."""
        assert drawn() == drawn()

    def test_is_valid_xml_and_carries_its_words(self):
        """Text stays text, so that it can be searched, and the drawing has a description."""
        root = ElementTree.fromstring(drawn(alt='a "quoted" <one>'))
        assert root.get("role") == "img"
        assert root.get("aria-label") == 'a "quoted" <one>'
        assert "Loss over training" in "".join(root.itertext())

    def test_keeps_its_ids_apart_from_another_figure_on_the_page(self):
        """Both have axes 1 and clip paths; none may be shared."""
        first = set(re.findall(r' id="([^"]+)"', drawn("one")))
        second = set(re.findall(r' id="([^"]+)"', drawn("two")))
        assert first
        assert not first & second

    def test_refers_only_to_ids_it_has(self):
        """A prefix added to an id must be added to what points at it."""
        svg = drawn()
        used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
        assert used == set(re.findall(r' id="([^"]+)"', svg))

    def test_carries_no_rule_that_reaches_the_page(self):
        """matplotlib writes `*{…}`, which inside a page would style every element."""
        assert "<style" not in drawn()
        assert "<metadata" not in drawn()

    def test_uses_house_colours_and_the_readers_fonts(self):
        """So that the dark rules find every colour, and nothing is downloaded."""
        svg = drawn(draw=draw_bars)
        colours = set(re.findall(r"#[0-9a-f]{6}", svg))
        known = {colour for pair in re.findall(r"#[0-9a-f]{6}", dark_rules()) for colour in [pair]}
        assert colours <= known | {"#000000"}
        assert SERIES[0].light in colours
        assert INK.light in colours
        assert "DejaVu" not in svg

    def test_knows_the_width_it_was_made_for(self):
        """Eight inches are 576 points, 768 CSS pixels."""
        assert natural_width(drawn()) == pytest.approx(768)


class TestStandalone:
    def test_is_an_svg_file_with_paper_and_dark_rules(self):
        """A file is opened on any background, so it brings its own."""
        root = ElementTree.fromstring(standalone(drawn()))
        children = [child.tag.rpartition("}")[2] for child in root]
        assert children[:2] == ["style", "rect"]
        assert "prefers-color-scheme" in (root[0].text or "")


class TestHouseStyle:
    def test_leaves_the_callers_settings_as_they_were(self):
        """A notebook's own style survives a report."""
        import matplotlib

        matplotlib.rcParams["font.size"] = 17
        with house_style():
            assert matplotlib.rcParams["font.size"] != 17
        assert matplotlib.rcParams["font.size"] == 17
        matplotlib.rcdefaults()


class TestCrowds:
    def test_say_once_what_all_points_share(self):
        """A thousand points of one colour cost a place each, not a style each."""

        def scatter(count: int):
            from matplotlib import pyplot

            figure, axes = pyplot.subplots()
            axes.scatter(range(count), range(count), alpha=0.5)
            return figure

        few, many = (len(drawn(draw=lambda n=n: scatter(n))) for n in (100, 1100))
        assert (many - few) / 1000 < 60

    def test_keep_each_its_own_colour(self):
        """Bars that differ in colour share the rest only."""

        def bars():
            from matplotlib import pyplot

            figure, axes = pyplot.subplots()
            axes.bar(range(4), [1, 2, 3, 4], color=["#111111", "#222222", "#333333", "#444444"])
            return figure

        svg = drawn(draw=bars)
        for colour in ("#111111", "#222222", "#333333", "#444444"):
            assert svg.count(colour) == 1
