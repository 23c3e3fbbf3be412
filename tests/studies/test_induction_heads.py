"""The study on induction heads: its arithmetic by hand, its judgements, and one tiny whole run."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.interpret.icl import PhaseWindow
from glasshouse.studies.claims import Verdict
from glasshouse.studies.induction_heads import STUDY, InductionConfig
from glasshouse.studies.induction_heads.config import (
    KINDS,
    Kind,
    KindsConfig,
    LooksConfig,
    TextsConfig,
)
from glasshouse.studies.study import Figure, no_progress


def toy(**kinds: Kind) -> InductionConfig:
    """Models too small to learn anything, of the kinds that are named."""
    none = Kind(layers=1, models=0)
    return InductionConfig(
        kinds=KindsConfig(**(dict.fromkeys(KINDS, none) | kinds)),
        texts=TextsConfig(words=12, length=25, shortest=3, longest=5, max_phase=2),
        looks=LooksConfig(every=2, texts=8, length=24, late=16, matched=6),
        workers=2,
    )


def every_kind() -> InductionConfig:
    """One tiny architecture a kind, two models each; few distinct graphs, for these cost most."""
    config = InductionConfig()
    tiny = {
        name: replace(kind, heads=2, d_model=8, models=2, steps=8, batch=4)
        for name, kind in config.grown.items()
    }
    return toy(**tiny)


class TestStudy:
    def test_runs_and_draws(self):
        """Every claim gets a verdict, every figure can be drawn, progress ends at the end."""
        matplotlib.use("Agg")
        told: list[int] = []
        findings = STUDY.run(
            every_kind(), seed=3, progress=lambda done, total, what: told.append(done)
        )
        assert told == sorted(told)
        assert told[-1] == 1_000
        assert len(findings.claims) == 14
        assert len(findings.sections) == 6
        for section in findings.sections:
            for item in section.items:
                if isinstance(item, Figure):
                    drawing = item.draw()
                    drawing.canvas.draw()
                    matplotlib.pyplot.close(drawing)
