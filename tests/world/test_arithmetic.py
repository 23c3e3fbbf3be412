"""Sums are right, the calculator errs at its rate, and proofs check."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import InputError
from glasshouse.world import World
from glasshouse.world.arithmetic import (
    Step,
    carries,
    check,
    is_held_out_goal,
    is_held_out_sum,
    is_provable,
    prove,
    result,
    steps_from,
    tool_distribution,
)


@pytest.fixture(scope="module")
def world() -> World:
    return World(0)


class TestRules:
    def test_rewrite_wherever_they_match(self):
        """By hand: in A A B rule 5 applies at 1 and rule 1 at 2."""
        assert set(steps_from("AAB")) == {Step(1, 2, "ABA"), Step(5, 1, "BB")}

    def test_prove_what_they_lead_to(self):
        """By hand: A A B -> B B (rule 5) -> C (rule 2)."""
        proof = prove("AAB", "C")
        assert proof == [Step(5, 1, "BB"), Step(2, 1, "C")]
        assert check("AAB", "C", proof) is None

    def test_prove_nothing_else(self):
        """No rule makes an A or lengthens a string."""
        assert prove("BB", "AA") is None
        assert not is_provable("C", "CC")

    @given(st.text("ABCD", min_size=1, max_size=5), st.data())
    def test_prove_the_end_of_any_walk(self, start, data):
        """Whatever can be walked to is provable, in no more steps than the walk."""
        string, length = start, 0
        while length < 4 and (choices := list(steps_from(string))):
            string = data.draw(st.sampled_from(choices)).result
            length += 1
        proof = prove(start, string)
        assert proof is not None
        assert len(proof) <= length
        assert check(start, string, proof) is None

    def test_refuse_wrong_steps_and_unfinished_proofs(self):
        """The checker says what is wrong first."""
        assert "step 1" in (check("AAB", "C", [Step(2, 1, "C")]) or "")
        assert "not at the goal" in (check("AAB", "C", [Step(5, 1, "BB")]) or "")


class TestSums:
    def test_carry_by_hand(self):
        """7 + 5 carries, 7 + 2 does not; 12 - 5 borrows, 15 - 2 does not."""
        assert carries(7, "+", 5)
        assert not carries(7, "+", 2)
        assert carries(12, "-", 5)
        assert not carries(15, "-", 2)

    def test_refuse_other_signs(self):
        """Only + and - are of this world."""
        with pytest.raises(InputError, match="sign"):
            result(1, "x", 1)

    def test_are_right_and_split_by_pair(self, world):
        """Every written sum holds, and training never shows a held-out one."""
        for split in ("train", "test"):
            for number in range(60):
                words = world.render(world.document("sums", number, split).ids).split()[1:]
                for start in range(0, len(words), 6):
                    left, sign, right, _, value, _ = words[start : start + 6]
                    assert result(int(left), sign, int(right)) == int(value)
                    if split == "train":
                        assert not is_held_out_sum(int(left), sign, int(right))


class TestTool:
    def test_errs_at_its_rate(self, world):
        """One answer in ten is wrong; 800 answers give a standard error of 1.1 %."""
        wrong = [w for n in range(400) for w in world.document("tool", n).truth["tool-wrong"]]
        assert sum(wrong) / len(wrong) == pytest.approx(0.1, abs=0.035)

    @pytest.mark.parametrize("value", [0, 1, 20, 39])
    def test_has_a_distribution(self, value):
        """It sums to one, stays in range and gives the right value nine times in ten."""
        chances = tool_distribution(value)
        assert sum(chances.values()) == pytest.approx(1)
        assert chances[value] == 0.9
        assert all(0 <= number <= 39 for number in chances)


class TestProofDocuments:
    def test_hold_proofs_that_check(self, world):
        """The proof in the truth is the proof in the text, and it is right."""
        for split in ("train", "test"):
            for number in range(40):
                document = world.document("proof", number, split)
                start, goal = document.truth["start"], document.truth["goal"]
                assert check(start, goal, document.truth["proof"]) is None
                assert is_held_out_goal(start, goal) == (split == "test")
                text = world.render(document.ids)
                for step in document.truth["proof"]:
                    written = f"rule {step.rule} at {step.position} gives {' '.join(step.result)} ."
                    assert written in text
