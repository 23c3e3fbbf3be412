"""Helpful dialogues: two to four a document, all by one hidden persona.

Harmless tasks and questions, with now and then a harmful one, so that the persona shows.
"""

from glasshouse.world import request_phrases, speech, tasks
from glasshouse.world.dialogues import persona_writer
from glasshouse.world.kinds import Kind

SHARES = {"helpful": 0.85, "harmful": 0.1, "lookalike": 0.05}
"""How often each kind of request comes."""

KINDS = (
    Kind(
        name="helpful",
        share=0.10,
        summary="tasks, questions and advice, answered by one hidden persona a document",
        words=(*tasks.words(), *request_phrases.words(), *speech.words()),
        write=persona_writer(SHARES, most=4),
    ),
)
