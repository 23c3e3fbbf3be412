"""Dialogues made to fit a context."""

import pytest

from glasshouse.align import Dialogue, Turn, fit_dialogues, word_layout
from glasshouse.errors import InputError
from glasshouse.models import word_tokenizer

LAYOUT = word_layout(
    word_tokenizer(["<|pad|>", "<|unk|>", "<doc>", "<end>", "Human", "Assistant", ":", "a", "b"])
)


def dialogue(*texts: str) -> Dialogue:
    return tuple(
        Turn("assistant" if place % 2 else "human", text) for place, text in enumerate(texts)
    )


class TestFitDialogues:
    def test_cuts_the_oldest_turns_and_counts(self):
        """Three exchanges of 8 tokens each and <doc>; 17 are read where two are left: not the end
        of the last reply, which is predicted only."""
        long = dialogue("a", "b", "a", "b", "b", "a")
        whole = fit_dialogues([long], LAYOUT, context=24)
        assert whole.cut == 0
        assert len(whole.rendered[0].ids) == 25
        cut = fit_dialogues([long], LAYOUT, context=23)
        assert cut.cut == 1
        assert cut.rendered == [LAYOUT(long[2:])]
        assert fit_dialogues([long], LAYOUT, context=15).rendered == [LAYOUT(long[4:])]

    def test_leaves_out_what_does_not_fit_even_so(self):
        """A last exchange of 9 tokens has no room in 7 places."""
        found = fit_dialogues([dialogue("a", "b")], LAYOUT, context=7)
        assert not found.rendered
        assert found.too_long == 1

    def test_may_skip_or_refuse_instead(self):
        """Whoever wants whole dialogues only says so."""
        given = [dialogue("a", "b"), dialogue("a", "b", "a", "b")]
        found = fit_dialogues(given, LAYOUT, context=10, too_long="skip")
        assert len(found.rendered) == 1
        assert found.too_long == 1
        assert found.cut == 0
        with pytest.raises(InputError, match="dialogue 2 has 16 tokens and the context holds 10"):
            fit_dialogues(given, LAYOUT, context=10, too_long="refuse")

    def test_drops_a_question_without_reply(self):
        """Nothing is learned from it; a dialogue of nothing else is counted."""
        found = fit_dialogues([dialogue("a", "b", "a"), dialogue("a")], LAYOUT, context=20)
        assert found.rendered == [LAYOUT(dialogue("a", "b"))]
        assert found.without_reply == 1
