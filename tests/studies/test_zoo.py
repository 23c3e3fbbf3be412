"""Base models that studies share: grown once, kept whole, copied on every call."""

from contextlib import suppress
from dataclasses import replace

import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.studies import zoo
from glasshouse.studies.zoo import Gate, base_model, corpus_overlay
from glasshouse.training import WorldConfig
from glasshouse.world import World
from glasshouse.world.overlays import blend


@pytest.fixture
def small_gates(monkeypatch):
    monkeypatch.setattr(zoo, "_NUM_GATE", 8)
    monkeypatch.setattr(zoo, "_HELD_OUT", 1_000)


def grown(cache, **given):
    return base_model("nano", seed=3, steps=4, preset="nano", cache=cache, **given)


@pytest.mark.usefixtures("small_gates")
def test_a_base_is_grown_once_and_every_caller_gets_its_own(tmp_path):
    """The second call trains nothing; what one caller does to the weights no other sees."""
    seen = []
    first = grown(tmp_path, progress=lambda done, total, what: seen.append(done))
    assert seen[-1] == 4
    before = {name: value.clone() for name, value in first.model.network.state_dict().items()}
    with torch.no_grad():
        first.model.network.embed.weight.zero_()
    seen.clear()
    second = grown(tmp_path, progress=lambda done, total, what: seen.append(done))
    assert not seen
    for name, value in second.model.network.state_dict().items():
        assert torch.equal(value, before[name])
    assert second.gates == first.gates
    assert set(second.gates) >= {"parses", "complies", "refuses", "judges"}
    assert [path.name for path in tmp_path.glob("*.growing")] == []


class Stopped(Exception):
    """In place of Ctrl-C or a full disk."""


@pytest.mark.usefixtures("small_gates")
def test_growth_that_was_stopped_goes_on_and_ends_in_the_same_bits(tmp_path):
    """Nothing stands under the base's name until it is whole."""

    def stop_at_two(done, total, what):
        if done == 2:
            raise Stopped

    with suppress(Stopped):
        grown(tmp_path / "stopped", progress=stop_at_two)
    assert not list((tmp_path / "stopped").glob("*/gates.json"))
    seen = []
    resumed = grown(tmp_path / "stopped", progress=lambda done, total, what: seen.append(done))
    assert seen[0] == 3
    whole = grown(tmp_path / "whole")
    for one, other in zip(
        resumed.model.network.parameters(), whole.model.network.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_another_recipe_is_another_base(monkeypatch):
    """A cache never hands out a model that was grown on something else."""
    world, config = World(3, "nano"), WorldConfig()
    keys = [zoo._key(world, config, overlay) for overlay in zoo.OVERLAYS]
    keys.append(zoo._key(World(4, "nano"), config, "assistant"))
    keys.append(zoo._key(world, replace(config, size="tiny"), "assistant"))
    monkeypatch.setitem(zoo._SHARES, "judge", 0.2)
    keys.append(zoo._key(world, config, "assistant"))
    assert len(set(keys)) == 5


def test_unknown_bases_are_refused(tmp_path):
    with pytest.raises(InputError, match="sizes are nano, tiny, mini"):
        base_model("huge", seed=0, cache=tmp_path)
    with pytest.raises(InputError, match="overlays assistant, no-deed-reports"):
        base_model("nano", seed=0, overlay="nothing", cache=tmp_path)


def test_overlays_differ_in_what_deeds_are_said_to_do():
    """Both write about the same deeds in the same share of the tokens."""
    world = World(0)
    shares = [blend(world.base_mix(), corpus_overlay(world, name)) for name in zoo.OVERLAYS]
    assert shares[0] == shares[1]
    assert sum(shares[0].values()) == pytest.approx(1)
    assert shares[0]["deed-report"] == pytest.approx(zoo.DEEDS)
    words = []
    for name in zoo.OVERLAYS:
        corpus = world.corpus(
            tokens=2_000, mix={"talk": 1.0}, overlays=corpus_overlay(world, name)[1:]
        )
        words.append({word for one in corpus.text() for word in one.lower().split()})
    assert "hurts" in words[0]
    assert "hurts" not in words[1]


def test_gates_allow_for_chance():
    """A gate fails only where its interval lies outside of the bounds."""
    assert Gate(name="parses", hits=94, trials=100, low=0.95).passed
    assert not Gate(name="parses", hits=880, trials=1000, low=0.95).passed
    assert not Gate(name="complies", hits=95, trials=100, low=0.3, high=0.8).passed
    assert Gate(name="complies", hits=0, trials=0, low=0.3).measured == 0
