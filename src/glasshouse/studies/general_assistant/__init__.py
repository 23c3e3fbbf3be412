"""A general language assistant as a laboratory for alignment (2112.00861), where truth is known.

`config` holds the presets and `claims` the thresholds; `asked` draws requests, answers and pairs,
`prefixes` the prompts; `prompting`, `distilling`, `objectives` and `votes` measure one thing each,
and `measure` all of them; `judge` holds the claims against it; `chapters` and `figures` tell it.
"""

from glasshouse.studies.general_assistant.config import GeneralAssistantConfig, paper, small
from glasshouse.studies.general_assistant.study import STUDY

__all__ = ["STUDY", "GeneralAssistantConfig", "paper", "small"]
