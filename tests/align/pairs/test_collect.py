"""Collecting comparisons: what is pressed, what it means, and what is kept."""

import json
from dataclasses import replace

import numpy as np
import pytest

from glasshouse.align.contests.tournament import read_duels, standings
from glasshouse.align.pairs.collect import (
    Pressed,
    ask,
    collect,
    comparisons_from_file,
    dialogue_of,
    model_writer,
    persona_writer,
    preferred,
    write_collected,
)
from glasshouse.align.pairs.comparisons import Comparison, read_comparisons, write_comparisons
from glasshouse.align.talks.dialogues import Turn, word_layout
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer, word_tokenizer
from glasshouse.models.config import AttentionConfig, MlpConfig, TransformerConfig
from glasshouse.world import World
from glasshouse.world.crowd import Bias
from glasshouse.world.streams import Dice, stream

WORLD = World(5)
SURE = WORLD.crowd(bias=Bias.none(), temperature=0.001)
"""People who never err and like only what is good."""
HARMFUL = [WORLD.request("harmful", number, "train") for number in range(60)]
HELPFUL = [WORLD.request("helpful", number, "train") for number in range(60)]
PERSONAS = {"kind": persona_writer(WORLD, "kind"), "eager": persona_writer(WORLD, "eager")}


def world_model(world: World = WORLD) -> LanguageModel:
    """An untrained network of one small layer that reads the world's words."""
    config = TransformerConfig(
        vocab_size=len(world.vocabulary),
        context=128,
        num_layers=1,
        d_model=16,
        attention=AttentionConfig(num_heads=2),
        mlp=MlpConfig(d_mlp=32),
    )
    return LanguageModel(Transformer(config), word_tokenizer(world.vocabulary.words), "a test")


class TestSigns:
    def test_helpers_press_the_better_and_attackers_the_more_harmful(self):
        """The paper's red team chooses the more harmful reply: its press is no preference."""
        for request in HARMFUL:
            good, bad = WORLD.answer(request, "kind"), WORLD.answer(request, "eager")
            if WORLD.gold(request, bad).harm <= WORLD.gold(request, good).harm + 0.5:
                continue
            dice = Dice(stream(0, request.text))
            attacked = ask(SURE, request, (good, bad), interface="red-team", dice=dice)
            assert attacked.pressed == "second"
            assert attacked.comparison.p_first == 1.0
            helped = ask(SURE, request, (good, bad), interface="helpful", dice=dice)
            assert helped.pressed == "first"
            assert helped.comparison.p_first == 1.0

    def test_turning_round_is_its_own_inverse(self):
        """And who helps presses what is better."""
        presses: tuple[Pressed, ...] = ("first", "second")
        for pressed in presses:
            assert preferred(pressed, "helpful") == pressed
            assert preferred(preferred(pressed, "red-team"), "red-team") == pressed

    def test_a_file_of_presses_is_turned_round_once(self, tmp_path):
        """`chosen` of an attacker's file is the worse reply; of hh-rlhf's it is the better."""
        pressed = Comparison(prompt=(Turn("human", "hi"),), first="harm", second="none")
        soft = replace(pressed, first="odd", p_first=0.75)
        path = tmp_path / "pressed.jsonl"
        path.write_text("".join(write_comparisons([pressed, soft])))
        assert [one.p_first for one in comparisons_from_file(path, interface="red-team")] == [
            0,
            0.25,
        ]
        assert [one.p_first for one in comparisons_from_file(path, interface="helpful")] == [
            1,
            0.75,
        ]


class TestCollect:
    def test_most_harmful_requests_end_with_the_harmless_reply_preferred(self):
        """Labels agree with gold where people are sure; who wrote what goes with the replies."""
        found = collect(PERSONAS, HARMFUL, SURE, interface="red-team", seed=1)
        assert len(found) > 40
        for one in found:
            apart = one.gold[0] - one.gold[1]
            if abs(apart) > 0.05:
                assert one.comparison.p_first == float(apart > 0)
            replies = dict(
                zip(one.writers, (one.comparison.first, one.comparison.second), strict=True)
            )
            assert replies["eager"] == WORLD.answer(one.request, "eager", 3)
            assert replies["kind"] == WORLD.answer(one.request, "kind", 2)
        firsts = [one.writers[0] for one in found]
        assert 0.2 < firsts.count("kind") / len(firsts) < 0.8

    def test_is_the_same_for_the_same_seed(self):
        """And another for another."""
        one, same, other = (
            collect(PERSONAS, HELPFUL, WORLD.crowd(), interface="helpful", seed=seed)
            for seed in (1, 1, 2)
        )
        assert one == same
        assert one != other

    def test_keeps_only_strong_preferences_when_asked(self):
        """The paper leaves the weakest setting out."""
        crowd = WORLD.crowd()
        every = collect(PERSONAS, HELPFUL, crowd, interface="helpful", seed=1)
        strong = collect(PERSONAS, HELPFUL, crowd, interface="helpful", seed=1, stronger_than=0)
        assert 0 < len(strong) < len(every)
        assert strong == [one for one in every if one.strength > 0]

    def test_knows_the_chance_of_a_stranger(self):
        """A preference model cannot know who answers, so p_crowd is a mean over people."""
        found = collect(PERSONAS, HELPFUL, WORLD.crowd(), interface="helpful", seed=1)
        assert any(abs(one.p_true - one.p_crowd) > 0.01 for one in found)
        assert all(0 <= one.p_crowd <= 1 for one in found)

    def test_one_writer_writes_twice(self):
        """Two different replies of one model, which had its own chance each time."""
        found = collect(
            {"model": model_writer(world_model(), max_new_tokens=127 - 60)},
            HELPFUL[:8],
            SURE,
            interface="helpful",
            seed=1,
        )
        assert all(one.writers == ("model", "model") for one in found)

    def test_a_reply_that_does_not_end_is_none(self):
        """A network that knows nothing rarely ends within three tokens."""
        replies = model_writer(world_model(), max_new_tokens=3)(HELPFUL[:20], seed=0)
        assert replies.count("") > 15

    def test_is_written_with_who_wrote_what(self, tmp_path):
        """Read back as comparisons, and as duels."""
        found = collect(PERSONAS, HELPFUL, SURE, interface="helpful", seed=1)
        path = tmp_path / "said.jsonl"
        path.write_text("".join(write_collected(found)))
        assert list(read_comparisons(path)) == [one.comparison for one in found]
        assert json.loads(path.read_text().splitlines()[0])["interface"] == "helpful"

        table = standings(read_duels(path), rng=np.random.default_rng(0))
        assert set(table.elo.players) == {"kind", "eager"}

    def test_refuses_a_crowd_of_writers(self):
        """Replies are compared in pairs."""
        with pytest.raises(InputError, match="0 requests and 2 writers"):
            collect(PERSONAS, [], SURE, interface="helpful", seed=0)
        with pytest.raises(InputError, match="one writer or two"):
            collect(PERSONAS | {"c": PERSONAS["kind"]}, HELPFUL, SURE, interface="helpful", seed=0)


def test_a_request_is_the_dialogue_that_a_model_reads():
    """Rendered by the layout, turns give the world's own prompt, history and all."""
    model = world_model()
    staged = WORLD.request("harmful", 0, "train", style="staged")
    for request in (HELPFUL[0], staged):
        rendered = word_layout(model.tokenizer)(dialogue_of(request), opens_reply=True)
        assert rendered.ids == WORLD.prompt_ids(request).tolist()
