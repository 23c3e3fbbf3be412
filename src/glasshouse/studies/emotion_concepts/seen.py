"""Everything that was measured in a run: what chapters are written from."""

from dataclasses import dataclass

from glasshouse.studies.emotion_concepts.behaviour import Behaviour
from glasshouse.studies.emotion_concepts.drift import Drift
from glasshouse.studies.emotion_concepts.preferences import Preferences
from glasshouse.studies.emotion_concepts.reading import Subject
from glasshouse.studies.emotion_concepts.recognition import Recognition
from glasshouse.studies.emotion_concepts.tracking import Tracking


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One entry a model in every list, in the order of `subjects`."""

    subjects: list[Subject]
    """The models with their vectors."""
    recognition: list[Recognition]
    """What vectors find, and how they lie."""
    tracking: list[Tracking]
    """Whose state they follow."""
    preferences: list[Preferences]
    """What is preferred."""
    behaviour: list[Behaviour]
    """What steering does."""
    drift: list[Drift]
    """What training changed."""
