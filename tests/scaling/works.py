"""Populations that take no time: trained by formula, or killed."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from glasshouse.scaling import CurvePoint, SweepPlan, Trial, TrialRecord


@dataclass(frozen=True)
class Formula:
    """Losses by a law; every call leaves a line in a log."""

    log: Path

    def __call__(self, plan: SweepPlan, trials: Sequence[Trial]) -> list[TrialRecord]:
        """One record a trial."""
        with self.log.open("a") as file:
            file.writelines(f"{trial.name}\n" for trial in trials)
        return [
            TrialRecord(
                trial=trial,
                curve=(
                    CurvePoint(
                        tokens=trial.tokens,
                        loss=1 + trial.shape.params**-0.1 + trial.tokens**-0.1,
                    ),
                ),
            )
            for trial in trials
        ]


@dataclass(frozen=True)
class KilledOnce(Formula):
    """Kills its own process at the first call for one width."""

    width: int
    always: bool = False

    def __call__(self, plan: SweepPlan, trials: Sequence[Trial]) -> list[TrialRecord]:
        """One record a trial, if it lives."""
        mark = self.log.with_suffix(".killed")
        if trials[0].shape.d_model == self.width and (self.always or not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Formula(self.log)(plan, trials)


@dataclass(frozen=True)
class Sleepy(Formula):
    """Takes a minute for one width, which is as long as a test may want to do something to it."""

    width: int

    def __call__(self, plan: SweepPlan, trials: Sequence[Trial]) -> list[TrialRecord]:
        """One record a trial, at once or late."""
        if trials[0].shape.d_model == self.width:
            time.sleep(60)
        return Formula(self.log)(plan, trials)
