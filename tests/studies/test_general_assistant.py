"""The study of a general assistant: one tiny whole run."""

import matplotlib
import matplotlib.pyplot as plt
import pytest

from glasshouse.align.distilling.students import DistillationConfig
from glasshouse.align.judges.training import JudgeTrainingConfig
from glasshouse.errors import InputError
from glasshouse.studies import zoo
from glasshouse.studies.general_assistant import STUDY, GeneralAssistantConfig
from glasshouse.studies.general_assistant.config import (
    DistillingConfig,
    JudgingConfig,
    PretrainingConfig,
    PromptingConfig,
)
from glasshouse.studies.study import Figure

CLAIMS = (
    "prompt-raises-accuracy",
    "prompt-gain-grows",
    "distillation-closes-the-gap",
    "distillation-keeps-accuracy",
    "ranked-beats-imitation",
    "ranked-scales-better",
    "binary-equals-imitation",
    "pretraining-on-votes-helps",
    "pretraining-gain-vanishes",
    "binarised-transfers-better",
    "tax-of-prompt-shrinks",
    "tax-of-distillation-shrinks",
    "prompt-reduces-toxicity",
    "toxicity-falls-more-at-scale",
    "elo-grows-with-size",
)
SPEAKS = zoo.Gate(name="parses", hits=10, trials=10, low=0.95)
"""As if the bases had learned to speak; what they say is judged as it is."""
TRAIN = JudgeTrainingConfig(batch=8)


def tiny() -> GeneralAssistantConfig:
    """Bases that have hardly grown, and as few items as can be judged."""
    return GeneralAssistantConfig(
        sizes=("nano", "tiny"),
        base_steps=4,
        prompting=PromptingConfig(prefixes=2, pairs=12, samples=6, battery=6, requests=6),
        distilling=DistillingConfig(
            texts=16,
            held_out=8,
            train=DistillationConfig(steps=2, batch=4),
        ),
        judging=JudgingConfig(pairs=16, held_out=16, train=TRAIN),
        pretraining=PretrainingConfig(
            size="nano",
            votes=16,
            counts=(8, 16),
            few=8,
            draws=2,
            held_out=12,
            pretrain=JudgeTrainingConfig(batch=8, lm_weight=0.5),
            finetune=TRAIN,
        ),
    )


class TestStudy:
    def test_runs_and_draws(self, tmp_path, monkeypatch):
        """Every claim gets a verdict and a control, every figure can be drawn; again it is the
        same, from what is kept."""
        matplotlib.use("Agg")
        monkeypatch.setenv("GLASSHOUSE_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(zoo, "measure_gates", lambda model, world: [SPEAKS])
        told: list[int] = []
        found = [
            STUDY.run(
                tiny(),
                seed=3,
                progress=lambda done, total, what: told.append(done),
                workspace=tmp_path / "runs",
            )
            for _ in range(2)
        ]
        findings, again = found
        assert told[-1] == 1_000
        assert tuple(result.claim.id for result in findings.claims) == CLAIMS
        for result in findings.claims:
            assert result.evidence.control is not None or result.evidence.gate is not None
        assert [repr(result.as_json()) for result in findings.claims] == [
            repr(result.as_json()) for result in again.claims
        ]
        for section in findings.sections:
            for item in section.items:
                if isinstance(item, Figure):
                    drawing = item.draw()
                    drawing.canvas.draw()
                    plt.close(drawing)

    def test_has_a_paper_preset_that_is_larger(self):
        """The counts that the claims table names."""
        large = STUDY.presets["paper"]()
        assert large.pretraining.votes == 20_000
        assert large.pretraining.counts[-1] == 10_000
        assert large.device == "cuda"


class TestConfig:
    def test_refuses_what_cannot_be_judged(self):
        """In a sentence each."""
        with pytest.raises(InputError, match="two or more of nano, tiny, mini"):
            GeneralAssistantConfig(sizes=("tiny", "nano"))
        with pytest.raises(InputError, match=r"pretraining\.size='mini'"):
            GeneralAssistantConfig(
                sizes=("nano", "tiny"), pretraining=PretrainingConfig(size="mini")
            )
        with pytest.raises(InputError, match="must rise"):
            GeneralAssistantConfig(pretraining=PretrainingConfig(counts=(500, 1_000)))
        with pytest.raises(InputError, match="enough comparisons for draws=2"):
            GeneralAssistantConfig(pretraining=PretrainingConfig(counts=(200, 300)))
        with pytest.raises(InputError, match="two or more for each of prefixes=4"):
            GeneralAssistantConfig(prompting=PromptingConfig(pairs=4))
