"""Tournaments: referees that are known, counts by hand, files that are wrong."""

import numpy as np
import pytest
import torch
from tests.align.pairs.test_collect import HELPFUL, WORLD, world_model

from glasshouse.align.contests.tournament import (
    Duel,
    crowd_referee,
    gold_referee,
    preference_referee,
    read_duels,
    round_robin,
    standings,
)
from glasshouse.align.judges.model import PreferenceModel
from glasshouse.align.pairs.collect import dialogue_of, persona_writer
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.talks.dialogues import word_layout
from glasshouse.errors import InputError
from glasshouse.world.crowd import Bias

PLAYERS = {name: persona_writer(WORLD, name) for name in ("ignorant", "kind", "rude")}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_ranks_personas_as_the_world_made_them():
    """The kind answer best; gold and people who like what is good agree."""
    sure = WORLD.crowd(bias=Bias.none(), temperature=0.01)
    for referee in (gold_referee(WORLD), crowd_referee(sure)):
        table = standings(round_robin(PLAYERS, HELPFUL, referee, seed=0), rng=rng())
        ratings = dict(zip(table.elo.players, table.elo.ratings, strict=True))
        assert ratings["kind"] > max(ratings["ignorant"], ratings["rude"])
        assert table.win_rate("kind", "rude") > 0.7
        assert table.wins.sum() == 3 * len(HELPFUL)


def test_equal_rewards_are_a_draw():
    """Half a win of each, whoever is named first."""
    duels = round_robin(
        {"a": PLAYERS["kind"], "b": PLAYERS["kind"]}, HELPFUL, gold_referee(WORLD), seed=0
    )
    assert {duel.p_first for duel in duels} == {0.5}


def test_who_says_nothing_loses():
    """And no referee is asked about what was not said."""

    def silent(requests, *, seed):
        return ["" for _ in requests]

    def referee(requests, first, second):
        raise AssertionError("asked about nothing")

    duels = round_robin({"kind": PLAYERS["kind"], "mute": silent}, HELPFUL[:5], referee, seed=0)
    assert [duel.p_first for duel in duels] == [1.0] * 5
    duels = round_robin({"mute": silent, "dumb": silent}, HELPFUL[:5], referee, seed=0)
    assert [duel.p_first for duel in duels] == [0.5] * 5


def test_counts_by_hand():
    """Two and a half wins of four, weights and draws counted."""
    duels = [
        Duel(first="x", second="y", p_first=1.0, weight=2),
        Duel(first="y", second="x", p_first=0.5),
        Duel(first="y", second="x", p_first=1.0),
    ]
    table = standings(duels, rng=rng())
    assert table.elo.players == ("x", "y")
    assert table.wins.tolist() == [[0, 2.5], [1.5, 0]]
    assert table.win_rate("x", "y") == 0.625


def test_players_who_never_met_have_no_rate():
    """But may still be rated by others they met."""
    duels = [Duel(first="a", second="b", p_first=1.0), Duel(first="b", second="c", p_first=1.0)]
    assert np.isnan(standings(duels, rng=rng()).win_rate("a", "c"))


def test_reads_tables_and_lines_alike(tmp_path):
    """Both shapes of a record, from both kinds of files."""
    table, lines = tmp_path / "duels.csv", tmp_path / "duels.jsonl"
    table.write_text("first_by,second_by,p_first,weight\nx, y ,0.25,4\n")
    lines.write_text(
        '{"winner": "x", "loser": "y"}\n\n'
        '{"first_by": "x", "second_by": "y", "p_first": 0.25, "weight": 4}\n'
    )
    expected = Duel(first="x", second="y", p_first=0.25, weight=4)
    assert read_duels(table) == [expected]
    assert read_duels(lines) == [Duel(first="x", second="y", p_first=1.0), expected]


@pytest.mark.parametrize(
    "settings",
    [
        {"first": "a", "second": "a", "p_first": 1.0},
        {"first": "", "second": "a", "p_first": 1.0},
        {"first": "b", "second": "a", "p_first": 1.2},
        {"first": "b", "second": "a", "p_first": float("nan")},
        {"first": "b", "second": "a", "p_first": 1.0, "weight": 0.0},
    ],
)
def test_refuses_what_is_no_duel(settings):
    """Two players, a probability, a weight."""
    with pytest.raises(InputError):
        Duel(**settings)


def test_refuses_a_tournament_of_one():
    """And one without requests."""
    with pytest.raises(InputError, match="1 players"):
        round_robin({"kind": PLAYERS["kind"]}, HELPFUL, gold_referee(WORLD), seed=0)
    with pytest.raises(InputError, match="no duels"):
        standings([], rng=rng())


def test_a_preference_model_referees_by_its_own_odds():
    """The logistic of both scores' distance, whatever order the replies come in."""
    language = world_model()
    judge = PreferenceModel(language, word_layout(language.tokenizer))
    with torch.no_grad():
        judge.head.weight.normal_(generator=torch.Generator().manual_seed(0))
    first = [WORLD.answer(request, "kind") for request in HELPFUL[:6]]
    second = [f"{answer} you are vile ." for answer in first]
    referee = preference_referee(judge)
    chances = referee(HELPFUL[:6], first, second)
    np.testing.assert_allclose(chances, 1 - referee(HELPFUL[:6], second, first), atol=1e-6)
    pairs = [
        Comparison(prompt=dialogue_of(request), first=one, second=two)
        for request, one, two in zip(HELPFUL[:6], first, second, strict=True)
    ]
    margins = judge.margins(pairs).double().numpy()
    np.testing.assert_allclose(np.log(chances / (1 - chances)), margins, atol=1e-4)
