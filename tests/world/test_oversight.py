"""Novices know what they are set to know, and catch what their constraints can catch."""

import pytest

from glasshouse.errors import InputError
from glasshouse.world import World
from glasshouse.world.oversight import SURE, Question, Verdict, exam, property_of, vote

WORLD = World(0)
EXAM = exam(WORLD, 120)


def accuracy(answers: list[Verdict], questions: tuple[Question, ...] = EXAM) -> float:
    pairs = zip(answers, questions, strict=True)
    return sum(answer.choice == question.correct for answer, question in pairs) / len(questions)


def liar(text: str) -> str:
    """Answer every question with a wrong option that is likeliest to be caught."""
    question = next(each for each in EXAM if text in each.phrasings())
    right = question.options[question.correct]
    seen = property_of(WORLD, question.relation, right)
    others = [
        each for each in question.options if property_of(WORLD, question.relation, each) != seen
    ]
    return f"{(others or [right])[0]} ."


def truthful(text: str) -> str:
    """Answer every question of the exam right."""
    question = next(each for each in EXAM if text in each.phrasings())
    return f"i am certain . {question.options[question.correct]} ."


class TestExam:
    def test_has_one_right_option(self):
        """The correct option is the ledger's value, and the options differ."""
        for question in EXAM:
            value = WORLD.kb.value(question.subject, question.relation)
            assert question.options[question.correct] == value
            assert len(set(question.options)) == len(question.options) == 4

    def test_refuses_relations_without_a_constraint(self):
        """One sentence names those that have one."""
        with pytest.raises(InputError, match="exams ask for home"):
            exam(WORLD, 1, relations=("pet",))


class TestNovice:
    def test_knows_the_share_it_is_set_to(self):
        """Of all facts about 0.3 are known; two novices know different ones."""
        one, two = WORLD.novice(0.3), WORLD.novice(0.3, number=1)
        known = [
            {fact.id for fact in WORLD.kb.facts[:400] if each.is_known(fact.id)}
            for each in (one, two)
        ]
        assert len(known[0]) / 400 == pytest.approx(0.3, abs=0.08)
        assert known[0] != known[1]

    def test_is_beaten_by_the_expert_and_beats_chance(self):
        """Knowledge and constraints lie between a guess and the ledger."""
        novice = WORLD.novice(0.3)
        alone = accuracy([novice.answer(question) for question in EXAM])
        assert 0.4 < alone < 0.9
        assert accuracy([WORLD.expert.answer(question) for question in EXAM]) == 1

    def test_gains_from_a_truthful_oracle_and_catches_a_clumsy_liar(self):
        """True replies are adopted; replies against a constraint are thrown away."""
        novice = WORLD.novice(0.0)
        helped = [novice.answer(question, truthful) for question in EXAM]
        misled = [novice.answer(question, liar) for question in EXAM]
        assert accuracy(helped) == 1
        assert accuracy(misled) >= accuracy([novice.answer(question) for question in EXAM])
        assert sum(each.discarded for each in misled) > 0
        assert all(each.asked <= 4 for each in helped)

    def test_believes_anything_without_constraints(self):
        """The same liar misleads a novice who cannot check."""
        gullible = type(WORLD.novice())(WORLD, 0.0, constrained=False)
        assert accuracy([gullible.answer(question, liar) for question in EXAM]) < 0.3

    def test_spends_no_more_than_its_budget(self):
        """Two questions are two calls."""
        calls: list[str] = []

        def oracle(text: str) -> str:
            calls.append(text)
            return "i do not know ."

        open_question = next(each for each in EXAM if len(WORLD.novice(0.0).candidates(each)) > 1)
        verdict = WORLD.novice(0.0).answer(open_question, oracle, budget=2)
        assert (len(calls), verdict.asked, verdict.discarded) == (2, 2, 2)

    def test_reads_until_time_runs_out(self):
        """A statement inside the limit is known, one beyond it is not."""
        question = next(each for each in EXAM if each.relation == "home")
        passage = f"{question.subject} lives in {question.options[question.correct]} ."
        novice = type(WORLD.novice())(WORLD, 0.0, constrained=False)
        assert novice.reading(passage, 99).answer(question).choice == question.correct
        assert len(novice.reading(passage, 3).candidates(question)) == 4

    def test_weighs_arguments_by_what_it_can_check(self):
        """In a debate, a false statement that the novice can check loses against silence."""
        question = next(each for each in EXAM if each.relation == "home")
        novice = next(
            each
            for number in range(200)
            if not (each := type(WORLD.novice())(WORLD, 0.5, number, False)).is_known(question.fact)
            and each.is_known(WORLD.kb.fact(question.subject, "job").id)
        )
        job = WORLD.kb.fact(question.subject, "job")
        wrong = next(each for each in WORLD.entities.job if job.probability(each) == 0)
        lie = f"{question.subject} is a {wrong} ."
        other = (question.correct + 1) % 4
        cases = {other: lie, question.correct: "i am certain ."}
        assert novice.hear(question, cases).choice == question.correct

    def test_needs_a_probability(self):
        """Knowledge beyond 1 is refused."""
        with pytest.raises(InputError, match="knows=2"):
            WORLD.novice(2)


class TestVote:
    def test_multiplies_what_voters_say(self):
        """By hand: A has .7 x .2 x .2 = .028, B .1 x .4 x .4 = .016, the others .004 each."""
        pooled = vote([Verdict(0, 0.7), Verdict(1, 0.4), Verdict(1, 0.4)])
        assert pooled.choice == 0
        assert pooled.confidence == pytest.approx(0.028 / (0.028 + 0.016 + 2 * 0.1 * 0.2 * 0.2))

    def test_ignores_who_has_no_idea(self):
        """A confidence of one in four is neutral, and certainty counts as SURE."""
        assert vote([Verdict(2, 1.0), Verdict(0, 0.25)]).confidence == pytest.approx(SURE)

    def test_needs_a_voter(self):
        """No votes, no answer."""
        with pytest.raises(InputError, match="verdicts is empty"):
            vote([])
