"""A page is complete, self-contained and safe to open."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.sample import claim, sample_provenance, sample_result

from glasshouse.report.page import flatten_config, format_number, format_rows, prose, render_page
from glasshouse.report.write import draw_figures
from glasshouse.studies import ClaimResult, Evidence, Findings, StudyResult, Table, Verdict

VOID = {"meta", "rect", "line", "circle", "path", "br", "img", "input"}


class Outline(HTMLParser):
    """Collects what the tests ask about a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.levels: list[int] = []
        self.fetched: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag in ("script", "img", "link", "iframe", "source") and (
            given.get("src") or given.get("href")
        ):
            self.fetched.append(tag)
        if (given.get("href") or "").startswith("#"):
            self.targets.append(given["href"][1:])
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, tag


@pytest.fixture(scope="module")
def page() -> str:
    results = [sample_result("first"), sample_result("second")]
    return render_page(
        results, draw_figures(results), title="A tour", provenance=sample_provenance()
    )


class TestRenderPage:
    def test_is_well_formed_and_its_links_land(self, page):
        """Every tag is closed, every id is used once, every inner link has its target."""
        outline = Outline(page)
        assert outline.open == []
        assert len(outline.ids) == len(set(outline.ids))
        assert set(outline.targets) <= set(outline.ids)

    def test_needs_no_network(self, page):
        """Nothing is fetched: no script source, no image address, no style sheet, no font."""
        assert Outline(page).fetched == []
        assert "@import" not in page
        assert not re.search(r"url\((?!#)", page)
        linked = set(re.findall(r"https?://[^\"<\s]+", page))
        assert linked == {"https://arxiv.org/abs/2209.10652", "http://www.w3.org/2000/svg"}

    def test_has_headings_without_gaps(self, page):
        """A screen reader walks the headings: one h1, and no level skipped on the way down."""
        levels = Outline(page).levels
        assert levels.count(1) == 1
        assert all(deeper - upper <= 1 for upper, deeper in pairwise(levels))

    def test_embeds_the_claims_as_data(self, page):
        """What `claims.json` says is in the page, for whoever has only the page."""
        found = re.search(r'<script type="application/json" id="claims">(.*?)</script>', page, re.S)
        assert found is not None
        claims = json.loads(found.group(1))
        assert [one["id"] for one in claims][:2] == ["first/boundary", "first/size"]
        assert {one["verdict"] for one in claims} == {verdict.value for verdict in Verdict}

    def test_says_how_it_was_run(self, page):
        """Command, seed, versions, machine and the whole config, overrides by their name."""
        for words in ("glasshouse run sample --preset small --seed 7", "torch 2.", "GiB",
                      "train.peak_lr", "0.001", "Started"):  # fmt: skip
            assert words in page

    def test_shows_truth_beside_what_was_said(self, page):
        """A transcript without its truth would be a plausible story."""
        assert "mira lives in the town by the lake ." in page
        assert "<dt>gold reward</dt><dd>0.82</dd>" in page

    def test_escapes_what_a_model_wrote(self):
        """A sampled text may contain anything, also the end of a script element."""
        evil = "</script><script>alert(1)</script>"
        one = ClaimResult(
            claim=claim("evil", evil), evidence=Evidence(measured=1, interval=(1, 1), text=evil)
        )
        result = sample_result()
        result = StudyResult(
            card=result.card, preset="small", seed=0, config=None, findings=Findings(claims=(one,))
        )
        page = render_page([result], {}, title=evil, provenance=sample_provenance())
        assert "<script>alert" not in page
        assert page.count("</script>") == 1

    def test_stands_without_claims(self):
        """A study may only look; the page then claims nothing."""
        result = sample_result()
        result = StudyResult(
            card=result.card, preset="small", seed=0, config=None, findings=Findings(claims=())
        )
        page = render_page([result], {}, title="A look", provenance=sample_provenance())
        assert "nothing claimed" in page
        assert Outline(page).open == []


class TestFormatNumber:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0"), (12345, "12\u2009345"), (0.5, "0.5"), (-0.25, "−0.25"), (1.23456, "1.235"),
            (1e-5, "1.00 × 10⁻⁵"), (123.456, "123.5"), (2.0, "2"), (float("nan"), "—"),
            (float("-inf"), "−∞"), (True, "yes"), (3e9, "3.00 × 10⁹"),
            (10**9, "1\u2009000\u2009000\u2009000"),
        ],
    )  # fmt: skip
    def test_reads_well(self, value, text):
        """Four significant digits, a true minus, thin spaces, powers for the very small."""
        assert format_number(value) == text

    @given(st.floats(-1e6, 1e6))
    def test_stays_within_half_a_unit_of_its_last_digit(self, value):
        """Formatting rounds and never distorts: 0.1% or 5e-5, whichever is larger."""
        text = format_number(value).replace("\u2009", "").replace("−", "-")
        power = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
        text = text.replace(" × 10", "e").translate(power)
        assert float(text) == pytest.approx(value, rel=6e-3 if "e" in text else 1e-3, abs=6e-5)


class TestFormatRows:
    def test_gives_one_column_one_number_of_decimals(self):
        """Aligned decimals can be compared at a glance."""
        table = Table(title="t", columns=("a", "b"), rows=(("x", 0.5), ("y", 0.125), ("z", None)))
        assert format_rows(table) == [["x", "0.500"], ["y", "0.125"], ["z", "—"]]

    def test_takes_a_table_without_rows(self):
        """Nothing measured is still a table."""
        assert format_rows(Table(title="t", columns=("a",), rows=())) == []


class TestWords:
    def test_become_paragraphs_with_code(self):
        """Blank lines part paragraphs, backticks make code, the rest is escaped."""
        assert prose("a `b`\n\n<c>") == "<p>a <code>b</code></p><p>&lt;c&gt;</p>"


class TestFlattenConfig:
    def test_names_fields_as_the_command_line_does(self):
        """`--set train.peak_lr=…` must be found under that name."""
        assert flatten_config(sample_result().config) == [
            ("models", "12"),
            ("train.peak_lr", "0.001"),
        ]

    def test_has_no_rows_for_what_is_no_config(self):
        """None, or a class."""
        assert flatten_config(None) == []
