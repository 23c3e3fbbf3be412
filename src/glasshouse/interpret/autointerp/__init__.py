"""What a latent means, said in words or as a rule, and how far that says what it does.

- `passages`: texts that are shown to whoever explains, and others that explanations are scored on
- `explanation`: what an explanation can be asked
- `rules`: the best mechanical rule: tokens, pairs of tokens, or a feature of the ledger
- `asking`: a language model explains, simulates and judges
- `scoring`: simulation, detection and fuzzing scores; nonsense counts as a wrong answer

An explanation is made from texts with even numbers and scored on texts with odd ones.
"""

from glasshouse.interpret.autointerp.asking import AskedExplanation, explain_by_asking
from glasshouse.interpret.autointerp.explanation import Explanation
from glasshouse.interpret.autointerp.passages import Passages, draw_passages
from glasshouse.interpret.autointerp.rules import RuleExplanation, explain_by_rule
from glasshouse.interpret.autointerp.scoring import (
    ExplanationScore,
    detection_score,
    fuzzing_score,
    score_explanation,
    simulation_score,
)

__all__ = [
    "AskedExplanation",
    "Explanation",
    "ExplanationScore",
    "Passages",
    "RuleExplanation",
    "detection_score",
    "draw_passages",
    "explain_by_asking",
    "explain_by_rule",
    "fuzzing_score",
    "score_explanation",
    "simulation_score",
]
