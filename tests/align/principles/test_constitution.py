"""Constitutions: files and back, what is refused, and the world's own."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.align.principles.constitution import (
    GOOD_FOR_HUMANITY,
    HARMLESS_ENGLISH,
    Constitution,
    Principle,
    read_constitution,
    world_constitution,
    write_constitution,
)
from glasshouse.errors import InputError
from glasshouse.world import World

WORDS = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1).filter(str.strip)


@settings(max_examples=25)
@given(critique=WORDS, revise=st.text(st.characters(blacklist_categories=("Cs",))), choose=WORDS)
@pytest.mark.parametrize("ending", ["json", "toml"])
def test_comes_back_from_a_file_as_it_was(tmp_path_factory, ending, critique, revise, choose):
    """Whatever words it is written in."""
    principle = Principle(name="one", critique=critique, revise=revise, choose=choose)
    written = Constitution(name="mine", principles=(principle,))
    path = tmp_path_factory.mktemp("law") / f"law.{ending}"
    write_constitution(written, path)
    assert read_constitution(path) == written


def test_reads_what_a_person_writes(tmp_path):
    """Without a revision request, which the world's layout needs none of."""
    path = tmp_path / "law.toml"
    path.write_text(
        'name = "short"\n[[principles]]\nname = "kind"\ncritique = "Is it kind?"\n'
        'choose = "Which is kinder?"\n'
    )
    read = read_constitution(path)
    assert read.principle("kind").revise == ""


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({"principles": []}, "has no principles"),
        ({"name": "x"}, "a list of principles"),
        ({"principles": [{"name": "a", "critique": "b", "choose": 3}]}, "choose=3"),
        ({"principles": [{"name": "a", "critique": "b", "chose": "c"}]}, "'chose'"),
        ({"principles": [{"name": "a", "critique": " ", "choose": "c"}]}, "an empty critique"),
        ({"principles": [{"name": "a", "critique": "b", "choose": "c"}] * 2}, "two principles"),
    ],
)
def test_refuses_in_a_sentence(tmp_path, record, sentence):
    """With the file's name."""
    path = tmp_path / "law.json"
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=sentence) as told:
        read_constitution(path)
    assert "law.json" in str(told.value)


def test_refuses_a_file_that_is_none(tmp_path):
    """Missing, or not JSON."""
    with pytest.raises(InputError, match="cannot be read"):
        read_constitution(tmp_path / "none.toml")


def test_takes_the_worlds_principles_in_both_wordings():
    """A model of the world knows each of their words."""
    for wording in (0, 1):
        law = world_constitution(wording=wording)
        assert len(law.principles) == 8
        for each in law.principles:
            World(0).vocabulary.encode(each.critique)
    assert [one.name for one in world_constitution(("people", "help")).principles] == [
        "people",
        "help",
    ]
    with pytest.raises(InputError, match="wording=2"):
        world_constitution(wording=2)


def test_names_what_there_is_where_a_principle_is_unknown():
    """So that the next try can be right."""
    with pytest.raises(InputError, match="harm, law, unfair"):
        HARMLESS_ENGLISH.only(["harms"])
    assert len(GOOD_FOR_HUMANITY.principles) == 1
