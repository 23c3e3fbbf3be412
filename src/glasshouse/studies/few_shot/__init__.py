"""Language Models are Few-Shot Learners (2005.14165), as one study.

Models of three sizes read documents of examples: hidden functions, sums, scrambled words, sentences
whose last word can be told, invented words, analogies. They are then asked with no, one and a few
examples, and the contamination analysis is held against questions that were planted.

`kinds` draws examples, `texts` writes documents of them, `config` holds sizes and presets and
`claims` what is to be shown, by which thresholds; `grow` trains, `tasks` makes few-shot tasks of
kinds, `planting` plants questions, `measure` puts a study's models together and `seen` keeps their
answers; `evidence` judges, `figures` and `chapters` draw, `study` puts it together.
"""

from glasshouse.studies.few_shot.config import FewShotStudyConfig, paper, small
from glasshouse.studies.few_shot.study import STUDY

__all__ = ["STUDY", "FewShotStudyConfig", "paper", "small"]
