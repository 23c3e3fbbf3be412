"""Harmful and borderline dialogues: a persona complies, evades, or explains and offers a way out.

Three in ten requests only look harmful; a model that refuses those is of no use.
"""

from glasshouse.world import harms
from glasshouse.world.dialogues import persona_writer
from glasshouse.world.kinds import Kind

SHARES = {"harmful": 0.55, "lookalike": 0.3, "helpful": 0.15}
"""How often each kind of request comes."""

KINDS = (
    Kind(
        name="harmful",
        share=0.05,
        summary="requests for harm, and some that only look so, met by one persona a document",
        words=harms.words(),
        write=persona_writer(SHARES, most=3),
    ),
)
