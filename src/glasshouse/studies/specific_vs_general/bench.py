"""What all parts of the measurement share: a world, its deeds, models that have read of them."""

import time
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from glasshouse.align import Comparison, PreferenceModel
from glasshouse.align.principles.constitution import Constitution
from glasshouse.models import LanguageModel
from glasshouse.studies.specific_vs_general import judges
from glasshouse.studies.specific_vs_general.config import SpecificConfig
from glasshouse.studies.specific_vs_general.deeds import Family, other_families, trait_families
from glasshouse.studies.specific_vs_general.principles import GENERAL, specific
from glasshouse.studies.specific_vs_general.schooling import school
from glasshouse.studies.study import Progress
from glasshouse.studies.zoo import Base, base_model
from glasshouse.world import World

_PARTS = 11
"""Parts of the work, for the progress bar."""


class Bench:
    """What all parts of the measurement share; models of one seed."""

    def __init__(self, config: SpecificConfig, seed: int, progress: Progress) -> None:
        self.config, self.seed, self._progress, self._done = config, seed, progress, 0
        self.world = World(seed, config.world)
        self.families: tuple[Family, ...] = (
            *trait_families(),
            *other_families(self.world, config.others),
        )
        self.by_name = {family.name: family for family in self.families}
        self.seconds: dict[str, float] = {}
        self.losses: dict[str, tuple[float, ...]] = {}
        self._began = (time.process_time(), "")

    def part(self, what: str) -> None:
        """Begin a part of the work."""
        now = time.process_time()
        if self._began[1]:
            self.seconds[self._began[1]] = now - self._began[0]
        self._began = (now, what)
        self._progress(min(self._done, _PARTS), _PARTS, what)
        self._done += 1

    def base(self, size: str) -> Base:
        """The base of a size."""
        return base_model(
            size,
            seed=self.seed,
            overlay=self.config.overlay,
            steps=self.config.base_steps,
            preset=self.config.world,
        )

    def schooled(self, size: str, *, is_valued: bool) -> LanguageModel:
        """A base that has read about deeds, with their worth or without."""
        model = self.base(size).model
        found = school(
            model,
            self.world,
            self.families,
            self.config.schooling,
            is_valued=is_valued,
            seed=self.seed,
        )
        self.losses[f"{size}, worth {'told' if is_valued else 'untold'}"] = tuple(found)
        return model

    def harms(self, about: str) -> bool:
        """Whether what a question is about hurts people."""
        return about not in self.by_name or self.by_name[about].harms

    def learn(self, start: LanguageModel, comparisons: Sequence[Comparison]) -> PreferenceModel:
        """A preference model of comparisons."""
        return judges.learn(start, comparisons, self.config.judges, seed=self.seed)

    def constitutions(self, *, is_specific: bool) -> dict[str, Constitution]:
        """By what a question is about."""
        if not is_specific:
            return {"": GENERAL}
        return {name: specific(family) for name, family in self.by_name.items()}

    def right(
        self, pairs: Sequence[Comparison], about: Sequence[str]
    ) -> Float[np.ndarray, " pair"]:
        """1 where the first reply is the better one by the truth, 0 the second, NaN neither."""
        found = np.full(len(pairs), np.nan)
        for place, (pair, name) in enumerate(zip(pairs, about, strict=True)):
            if name not in self.by_name:
                continue
            said = [judges.wants(self.world, text) for text in (pair.first, pair.second)]
            if set(said) == {True, False}:
                found[place] = float(said[0] != self.by_name[name].harms)
        return found
