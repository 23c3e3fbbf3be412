"""The page of a look is complete, self-contained and safe to open, and says what was found."""

import base64
import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import safetensors.torch
import torch
from markupsafe import escape
from matplotlib import image
from tests.report.look_subject import PROMPT, subject
from tests.report.test_page import Outline

from glasshouse.errors import InputError
from glasshouse.report import gather_provenance
from glasshouse.report.look import Look, Question, ask, check_out, look, parse_feeding, write_look
from glasshouse.report.look.heat import heat_uri
from glasshouse.report.look.page import render_look

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "looking.md"
PROVENANCE = gather_provenance(command="glasshouse look tiny", started=datetime.now(UTC))


def looked(*prompts: str, fetch: tuple[str, ...] = ("embed",)) -> Look:
    feed = parse_feeding("blocks.0.attn.z[head=1]=zero")
    question = Question(prompts=prompts, fetch=fetch, feedings=(feed,))
    return look(subject(), question, name="tiny")


def rendered(found: Look) -> str:
    return render_look(found, subject().tokenizer, provenance=PROVENANCE)


@pytest.fixture(scope="module")
def found() -> Look:
    return looked(PROMPT)


@pytest.fixture(scope="module")
def page(found) -> str:
    return rendered(found)


class TestRenderLook:
    def test_is_well_formed_and_its_links_land(self, page):
        """Every tag is closed, every id is used once, every label and map is where it is used."""
        outline = Outline(page)
        assert outline.open == []
        assert len(outline.ids) == len(set(outline.ids))
        assert set(outline.targets) <= set(outline.ids)

    def test_needs_no_network(self, page):
        """Images are in the page; the script and the style are too."""
        outline = Outline(page)
        assert outline.fetched == []
        assert not re.search(r"@import|url\((?!#)", page)
        assert set(re.findall(r"https?://[^\"<\s]+", page)) <= {"http://www.w3.org/2000/svg"}

    def test_shows_where_a_head_looks_without_a_script(self, found, page):
        """The shading is the chosen head's last row, to three decimals."""
        layer, head = map(int, re.findall(r"layer (\d+), head (\d+)</b>", page)[0])
        shown = [float(one) for one in re.findall(r'class="token[^>]*--a:([\d.]+)', page)]
        row = found.prompts[0].attention[layer].pattern[head, -1].tolist()
        assert shown[: len(row)] == pytest.approx(row, abs=6e-4)

    def test_says_what_was_fed_and_how_it_was_run(self, found, page):
        """A colleague can repeat it."""
        assert "<code>blocks.0.attn.z[head=1]</code> set to 0" in page
        assert escape(found.numerics) in page
        assert "glasshouse look tiny" in page
        assert escape(found.cost) in page
        assert found.drawing in page

    def test_keeps_hostile_words_harmless(self, found):
        """Names, prompts and tokens come from outside."""
        evil = "<script>alert(1)</script>"
        read = replace(found.texts[0], tokens=(evil, *found.texts[0].tokens[1:]))
        one = replace(found.prompts[0], read=read)
        page = rendered(replace(found, model=evil, prompts=(one,), notes=(evil,)))
        assert "<script>alert" not in page
        assert page.count("&lt;script&gt;alert") >= 3

    def test_draws_models_without_attention_or_lens(self, found):
        """Whatever was not found is simply not there."""
        one = replace(found.prompts[0], attention=(), lens=None, following=(), changed=None)
        bare = rendered(replace(found, prompts=(one,), values={}, feedings=()))
        assert Outline(bare).open == []
        assert "Logit lens" not in bare

    def test_stays_small_for_long_prompts(self, monkeypatch):
        """The last tokens are drawn, and what is before them is one column: rows still sum to 1."""
        monkeypatch.setattr(ask, "WIDEST", 3)
        found = looked("the cat sat on a mat the dog ran")
        one = found.prompts[0]
        assert (one.first, len(one.read.tokens)) == (6, 9)
        for attention in one.attention:
            assert attention.earlier is not None
            total = attention.pattern.sum(dim=-1) + attention.earlier
            torch.testing.assert_close(total, torch.ones_like(total))
        assert "last 3 of 9 tokens" in found.notes[0]
        assert ">6 earlier</span>" in rendered(found)
        assert found.values["embed"].shape[1] == 9

    def test_draws_the_first_of_many_prompts(self, monkeypatch):
        """All of their values are kept."""
        monkeypatch.setattr(ask, "MOST_PROMPTS", 1)
        found = looked(PROMPT, "a dog ran .")
        assert len(found.prompts) == 1
        assert len(found.texts) == 2
        assert found.values["embed"].shape[0] == 2


class TestHeatUri:
    def test_gives_numbers_back(self):
        """A page's script reads opacity; its square is the number."""
        weights = torch.tensor([[1.0, 0.0], [0.25, 0.0003]]).numpy()
        file = base64.b64decode(heat_uri(weights).partition(",")[2])
        read = image.imread(io.BytesIO(file))[..., 3] ** 2
        assert read == pytest.approx(weights, abs=4e-3)


class TestWriteLook:
    def test_replaces_an_earlier_look_and_nothing_else(self, found, tmp_path):
        """A folder with other files is refused before the work begins."""
        out = tmp_path / "deep" / "o"
        for _ in range(2):
            write_look(found, out, tokenizer=subject().tokenizer, provenance=PROVENANCE)
        assert {p.name for p in out.iterdir()} == {"look.html", "look.json", "values.safetensors"}
        assert list(safetensors.torch.load_file(out / "values.safetensors")) == ["embed"]
        (out / "notes.txt").touch()
        with pytest.raises(InputError, match="holds files that are no look"):
            check_out(out)

    def test_leaves_nothing_when_the_disk_is_full(self, found, tmp_path, monkeypatch):
        """Neither a half-written folder nor a draft."""

        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space left"):
            write_look(found, tmp_path / "o", tokenizer=subject().tokenizer, provenance=PROVENANCE)
        assert list(tmp_path.iterdir()) == []


class TestGuide:
    def test_has_code_that_runs(self, capsys):
        """Whoever copies it begins with something that works."""
        blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        exec(compile("\n".join(blocks), str(GUIDE), "exec"), {"__name__": "guide"})
        assert len(capsys.readouterr().out.splitlines()) == 3

    def test_has_feeds_that_are_understood(self):
        """Every value of its table, and every feed of its commands."""
        text = GUIDE.read_text(encoding="utf-8")
        table = text[text.index("| VALUE |") : text.index("`NUMBER*` multiplies")]
        cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
        values = [value for cell in cells for value in re.findall(r"`([^`]+)`", cell)]
        feeds = [f"embed={value}" for value in values] + re.findall(r"--feed '([^']+=.+?)'\n", text)
        assert len(feeds) >= 10
        for feed in feeds:
            parse_feeding(feed)
