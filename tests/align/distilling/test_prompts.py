"""Prompts of example dialogues: what they hold, how long they are, and what they refuse."""

import pytest
from tests.align.judges.test_model import judge, talk

from glasshouse.align.distilling.prompts import (
    STYLES,
    as_long_as,
    behind,
    fitting_examples,
    make_prefix,
    num_opening,
)
from glasshouse.align.talks.dialogues import Turn, human_assistant_layout
from glasshouse.errors import InputError
from glasshouse.models import train_bpe

OWN = judge()
LAYOUT, TOKENIZER = OWN.layout, OWN.language.tokenizer
ASKED = (Turn("human", "hi"),)


class TestPrefix:
    def test_stands_in_front_of_a_request_as_one_dialogue(self):
        """The opening comes once, as in a document with several dialogues."""
        prefix = make_prefix("kind", [talk("good"), talk("sun")], LAYOUT)
        ids = behind(prefix, ASKED, LAYOUT, opens_reply=True)
        assert TOKENIZER.decode(ids) == (
            "<doc> Human : hi <end> Assistant : good <end> Human : hi <end> Assistant : sun <end> "
            "Human : hi <end> Assistant :"
        )
        assert (prefix.opening, prefix.dialogues, len(prefix)) == (1, 2, 17)
        assert behind(None, ASKED, LAYOUT, opens_reply=True) == ids[:1] + ids[17:]

    def test_refuses_what_another_dialogue_cannot_follow(self):
        """In a sentence each."""
        with pytest.raises(InputError, match="no example"):
            make_prefix("kind", [], LAYOUT)
        with pytest.raises(InputError, match="example 1 of prefix 'kind' must begin"):
            make_prefix("kind", [ASKED], LAYOUT)
        prefix = make_prefix("kind", [talk("good")], LAYOUT)
        with pytest.raises(InputError, match="stands before all examples"):
            behind(prefix, (Turn("system", "hi"), *ASKED), human_assistant(), opens_reply=True)

    def test_holds_as_many_examples_as_fit(self):
        """The most telling first; none at all is refused."""
        examples = [talk("good"), talk("sun"), talk("rain")]
        assert fitting_examples(examples, LAYOUT, context=32, reserved=12) == tuple(examples[:2])
        with pytest.raises(InputError, match="no example fits a context of 32"):
            fitting_examples(examples, LAYOUT, context=32, reserved=24)


class TestControls:
    def test_are_as_long_to_the_token(self):
        """What is cut stands behind the opening; the end stays."""
        prefix = make_prefix("kind", [talk("good")], LAYOUT)
        other = make_prefix("rude", [talk("bad rain sun"), talk("bad")], LAYOUT)
        control = as_long_as(prefix, "rude", other.ids)
        assert len(control) == len(prefix)
        assert control.ids[0] == other.ids[0]
        assert control.ids[1:] == other.ids[1 - len(prefix) :]
        with pytest.raises(InputError, match="8 are needed to be as long as 'kind'"):
            as_long_as(prefix, "short", other.ids[:4])
        with pytest.raises(InputError, match="does not open as"):
            as_long_as(prefix, "other", other.ids[1:])


def human_assistant():
    return human_assistant_layout(
        train_bpe(
            [turn.text for style in STYLES.values() for one in style for turn in one],
            vocab_size=300,
        )
    )


class TestStyles:
    def test_answer_the_same_requests_in_other_ways(self):
        """So that a style differs by what the assistant says alone."""
        kind, rude = STYLES["assistant"], STYLES["rude"]
        assert [one[0] for one in kind] == [one[0] for one in rude]
        assert all(one[1] != other[1] for one, other in zip(kind, rude, strict=True))

    def test_are_written_in_the_layout_of_real_models(self):
        """Which opens with nothing before the first speaker."""
        layout = human_assistant()
        prefix = make_prefix("assistant", STYLES["assistant"], layout)
        assert prefix.opening == num_opening(layout, "hi") == 0
        ids = behind(prefix, ASKED, layout, opens_reply=True)
        assert tuple(ids[: len(prefix)]) == prefix.ids
        assert ids[len(prefix) :] == layout(ASKED, opens_reply=True).ids
