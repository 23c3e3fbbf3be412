"""`glasshouse elo`: a table of strengths from who beat whom."""

import json

import pytest
from tests.cli.commands import glasshouse, refused


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in an empty folder with one file of duels."""
    monkeypatch.chdir(tmp_path)
    rows = ["winner,loser,weight", "big,small,75", "small,big,25", "small,none,75", "none,small,25"]
    (tmp_path / "duels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_rates_players_by_their_odds(capfd):
    """Three to one is 191 points; twice that is twice as far."""
    told = glasshouse(capfd, "elo", "duels.csv", "--against", "none", "--json")
    assert told.status == 0, told
    rows = [json.loads(line) for line in told.out.splitlines()]
    assert [row["player"] for row in rows] == ["big", "small", "none"]
    assert rows[0]["elo"] == pytest.approx(382, abs=1)
    assert rows[2]["elo"] == 0
    assert rows[0]["low"] < rows[0]["elo"] < rows[0]["high"]
    assert rows[1]["win_rate"] == 0.5


def test_prints_a_table(capfd):
    """Strongest first, in words a reader can line up."""
    told = glasshouse(capfd, "elo", "duels.csv")
    lines = told.out.splitlines()
    assert lines[0].split()[:2] == ["player", "elo"]
    assert [line.split()[0] for line in lines[1:]] == ["big", "small", "none"]
    assert "75.0%" in lines[1]


def test_reads_comparisons_with_their_writers(capfd, here):
    """What was collected says who wrote what; a draw counts half."""
    records = [
        {
            "prompt": "hi",
            "first": "a",
            "second": "b",
            "p_first": p,
            "first_by": "x",
            "second_by": "y",
        }
        for p in (1, 1, 0.5, 0)
    ]
    (here / "said.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    rows = [
        json.loads(s) for s in glasshouse(capfd, "elo", "said.jsonl", "--json").out.splitlines()
    ]
    assert (rows[0]["player"], rows[0]["win_rate"]) == ("x", 0.625)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("missing.csv", None, "cannot be read"),
        ("empty.jsonl", "", "holds no duels"),
        ("bad.jsonl", "{}\n", "line 1: neither winner and loser"),
        ("broken.jsonl", '{"winner": "a", "loser": "b"}\n{', "line 2: no JSON"),
        ("self.csv", "winner,loser\na,a\n", "must be two"),
        ("odd.csv", "first_by,second_by,p_first\na,b,lots\n", "p_first='lots' is missing"),
        ("apart.csv", "winner,loser\na,b\nc,d\n", "never met"),
    ],
)
def test_refuses_what_is_no_list_of_duels(capfd, here, name, text, told):
    """With the line, and without a table."""
    if text is not None:
        (here / name).write_text(text)
    assert told in refused(glasshouse(capfd, "elo", name))


def test_names_the_players_where_one_is_unknown(capfd):
    """Nobody is left guessing how a player is spelled."""
    told = refused(glasshouse(capfd, "elo", "duels.csv", "--against", "huge"))
    assert "must be one of big, small, none" in told
