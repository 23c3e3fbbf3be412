"""`glasshouse look`: a model, a prompt, a page."""

import json
import re
from pathlib import Path

import pytest
import safetensors
from tests.cli.commands import glasshouse, refused
from tests.report.look_subject import PROMPT, subject

from glasshouse.models import LanguageModel


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder with a model in it."""
    monkeypatch.chdir(tmp_path)
    subject().save("tiny")
    return tmp_path


@pytest.fixture
def captured(monkeypatch) -> None:
    """Load one model object again and again, so that its graph is captured once."""
    monkeypatch.setattr(LanguageModel, "load", lambda _, verify=False: subject())


class TestLook:
    def test_writes_values_and_a_page(self, capfd):
        """End to end: a directory, a prompt, a folder that says all about itself."""
        told = glasshouse(capfd, "look", "tiny", "--prompt", PROMPT)
        assert told.status == 0, told.err
        assert told.out == "looks/tiny/look.html\nlooks/tiny/values.safetensors\n"
        with safetensors.safe_open("looks/tiny/values.safetensors", framework="pt") as file:
            assert set(file.keys()) == {"blocks.0.attn.pattern", "blocks.1.attn.pattern"}
            about = file.metadata()
        assert json.loads(about["tokens"]) == [PROMPT.split()]
        assert json.loads(about["axes"])["blocks.0.attn.pattern"] == [
            "batch", "head", "query", "key"
        ]  # fmt: skip
        page = Path("looks/tiny/look.html").read_text()
        assert "computes this model, its own, in float32" in page
        assert about["command"] in page.replace("&#39;", "'")

    def test_lists_the_names_of_values(self, capfd, captured):
        """What may be fetched, a line a value, and as records for programs."""
        told = glasshouse(capfd, "look", "tiny", "--names", "--fetch", "blocks.*.attn.z")
        assert told.out.splitlines() == [
            f"blocks.{i}.attn.z [batch=batch, pos=pos, head=2, d_head=4] float32" for i in (0, 1)
        ]

    def test_gives_records_for_programs(self, capfd, captured):
        """Prompts, values and files, one record a line."""
        words = ("--prompt", PROMPT, "--fetch", "embed", "--feed", "embed[pos=1]=zero", "--json")
        told = glasshouse(capfd, "look", "tiny", "--out", "o", *words)
        records = [json.loads(line) for line in told.out.splitlines()]
        assert [one["kind"] for one in records] == ["prompt", "value", "files"]
        assert records[0]["tokens"] == PROMPT.split()
        assert records[0]["next"][0]["without"] > 0
        assert records[1]["shape"] == [1, 4, 8]

    def test_explains_without_running(self, capfd, here, captured):
        """What is fetched, then what the page needs besides; nothing is written."""
        words = ("look", "tiny", "--prompt", PROMPT, "--fetch", "blocks.0.mlp.out", "--explain")
        told = glasshouse(capfd, *words).out
        assert told.startswith("fetches blocks.0.mlp.out from ids (1, 4)")
        assert "with what the page shows as well: 7 values" in told
        assert not (here / "looks").exists()


class TestLookRefuses:
    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["nowhere", "--prompt", "x"], "no run or model directory nowhere"),
            (["run:none", "--prompt", "x"], "runs/none"),
            (["tiny"], "--prompt is missing"),
            (["tiny", "--prompt", ""], "--prompt is missing or empty"),
            (["tiny", "--prompt", "the bird"], "'bird' is none of"),
            (["tiny", "--prompt", "the " * 20], "context is 16"),
            (["tiny", "--prompt", "the", "--feed", "embed"], "ADDRESS=VALUE"),
            (["tiny", "--prompt", "the", "--out", "file"], "--out file is a file"),
            (["tiny", "--prompt", "the", "--out", "full"], "holds files that are no look"),
            (["tiny", "--prompt", "the", "--out", ""], "the path is empty"),
        ],
    )
    def test_what_cannot_be_done_in_one_sentence(self, capfd, here, words, sentence):
        """Exit status 2 and nothing half-written; found before the model is captured."""
        (here / "file").touch()
        (here / "full").mkdir()
        (here / "full" / "notes.txt").touch()
        before = sorted(here.rglob("*"))
        assert sentence in refused(glasshouse(capfd, "look", *words))
        assert sorted(here.rglob("*")) == before

    def test_an_unknown_value_with_the_nearest_names(self, capfd, here, captured):
        """The one mistake that everybody makes."""
        words = ("tiny", "--prompt", "the", "--fetch", "blocks.1.atn.z", "--out", "o")
        sentence = refused(glasshouse(capfd, "look", *words))
        assert re.search(
            r"no value 'blocks.1.atn.z'; the nearest names are .*blocks.1.attn.z", sentence
        )
        assert not (here / "o").exists()
