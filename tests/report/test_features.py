"""Pages of latents: complete, escaped, self-contained, whole or absent."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from tests.interpret.dictionaries.planted import Planted

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations
from glasshouse.interpret.autointerp import ExplanationScore
from glasshouse.interpret.features import collect_entries, nearest_directions, report_latents
from glasshouse.models import Tokenizer, word_tokenizer
from glasshouse.report.features import (
    FeatureSheet,
    Match,
    feature_sheets,
    render_feature,
    write_features,
)

WORDS = ["<end>", "<b>", "and", *(f"w{i}" for i in range(20))]
TOKENS = 300


def tokenizer() -> Tokenizer:
    """A word of it looks like markup."""
    return word_tokenizer(WORDS, end_token="<end>")


def sheets(latents: int = 3) -> list[FeatureSheet]:
    """Latents that are words, with all that can be known of one."""
    count = torch.arange(TOKENS)
    ids = 1 + count % (len(WORDS) - 1)
    texts = Activations(values={}, ids=ids, document=count // 10, position=count % 10)
    coder = Planted(torch.eye(latents))
    values = (ids[:, None] == 1 + torch.arange(latents)) * (1.0 + (count % 7)[:, None])
    entries = collect_entries(coder, values)
    score = ExplanationScore(
        simulation=0.9, simulation_random=float("nan"), detection=0.8, fuzzing=0.7, nonsense=0
    )
    return feature_sheets(
        report_latents(entries, texts, range(latents)),
        effects=torch.randn(latents, len(WORDS), generator=torch.Generator().manual_seed(0)),
        alike=nearest_directions(coder, 2),
        matches={0: Match(name="concept=<dog>", f1=0.75)},
        explanations={0: ("the word <b>", score), 1: ("nothing much", None)},
        num_tokens=4,
    )


class Tags(HTMLParser):
    """Which tags stay open, and what is linked or loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "input", "br", "rect", "path", "line", "circle", "polyline"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag):
        if tag not in ("rect", "path", "line", "circle", "polyline"):
            assert self.open.pop() == tag


def read(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    return tags


class TestRenderFeature:
    """One page."""

    def test_shows_what_is_known(self):
        """Numbers, texts, tokens, neighbours, truth, explanation."""
        page = render_feature(sheets()[0], tokenizer(), model="runs/book", value="blocks.0.mlp")
        for text in ("Latent 0", "blocks.0.mlp of runs/book", "0.75", "Makes likelier", "0.90"):
            assert text in page
        assert page.count('class="at"') > 10
        read(page)

    def test_escapes_words_and_meanings(self):
        """A token may look like markup, and so may a name."""
        page = render_feature(sheets()[0], tokenizer(), model="<i>", value="v")
        assert "&lt;b&gt;</b>" in page
        assert "concept=&lt;dog&gt;" in page
        assert "the word &lt;b&gt;" in page
        assert "<i>" not in page

    def test_shows_a_dash_where_a_score_is_undefined(self):
        """A latent that is active in all passages cannot be told from itself."""
        score = sheets()[0].score
        assert score is not None
        undefined = replace(score, detection=float("nan"))
        sheet = replace(sheets()[0], score=undefined)
        page = render_feature(sheet, tokenizer(), model="m", value="v")
        assert "<strong>–</strong>detection" in page
        assert "nan" not in page

    def test_fetches_nothing(self):
        """It can be sent by mail."""
        page = render_feature(sheets()[1], tokenizer(), model="m", value="v")
        assert all(link.startswith("#") for link in read(page).links)
        assert "@import" not in page
        assert not re.search(r"url\((?!data:)", page)

    def test_says_of_a_silent_latent_that_it_is_silent(self):
        """No chart of nothing."""
        silent = sheets(30)[29]
        page = render_feature(silent, tokenizer(), model="m", value="v")
        assert "active on none of these texts" in page
        assert "Histogram" not in page


class TestWriteFeatures:
    """A folder."""

    def test_holds_pages_an_index_and_records(self, tmp_path: Path):
        """Pages link to each other and nowhere else; the records say the same."""
        out = tmp_path / "pages"
        write_features(sheets(), out, tokenizer(), model="m", value="v", note="A note.")
        names = {path.name for path in out.iterdir()}
        assert names == {"0.html", "1.html", "2.html", "index.html", "features.jsonl"}
        for path in out.glob("*.html"):
            links = read(path.read_text()).links
            assert {link for link in links if not link.startswith("#")} <= names
        index = (out / "index.html").read_text()
        assert "concept=&lt;dog&gt;" in index
        assert "A note." in index
        records = [json.loads(line) for line in (out / "features.jsonl").read_text().splitlines()]
        assert [record["latent"] for record in records] == [0, 1, 2]
        assert records[0]["feature"] == "concept=<dog>"
        assert records[0]["words"] == ["<b>"]
        assert records[1]["simulation"] is None

    def test_is_whole_or_absent(self, tmp_path: Path, monkeypatch):
        """A disk that fills up leaves no half folder."""

        def full(*_, **__):
            raise OSError("no space left")

        monkeypatch.setattr("glasshouse.report.features.write._index", full)
        with pytest.raises(OSError, match="no space"):
            write_features(sheets(), tmp_path / "pages", tokenizer(), model="m", value="v")
        assert not list(tmp_path.iterdir())

    def test_does_not_write_over_anything(self, tmp_path: Path):
        """Nor nothing at all."""
        (tmp_path / "mine").write_text("kept")
        with pytest.raises(InputError, match="is there already"):
            write_features(sheets(), tmp_path, tokenizer(), model="m", value="v")
        with pytest.raises(InputError, match="no latents"):
            write_features([], tmp_path / "new", tokenizer(), model="m", value="v")
