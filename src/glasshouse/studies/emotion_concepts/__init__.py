"""Emotion Concepts and their Function in a Large Language Model (2604.07729), as one study.

Small models are grown on texts of the mood world (`glasshouse.world.moods`), in which a state
stands behind every word. `config` holds sizes and presets, `claims` what is to be shown and by
which thresholds, `grow` trains, `reading` makes vectors and reads values. One file an argument:
`recognition` (whether vectors find states, and how they lie), `tracking` (whose state, and when),
`preferences`, `behaviour` (what steering does), `drift` (what training on calm replies changes).
`study` puts it together; drawings are in `figures` and `push_figures`.
"""

from glasshouse.studies.emotion_concepts.config import EmotionConfig, paper, small
from glasshouse.studies.emotion_concepts.study import STUDY

__all__ = ["STUDY", "EmotionConfig", "paper", "small"]
