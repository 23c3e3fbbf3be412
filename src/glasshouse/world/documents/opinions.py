"""Opinions and self-descriptions: views with and without a truth, and what the assistant would do.

Assistants repeat their user's view somewhat more often than not, as people do.
"""

from glasshouse.world import traits, views
from glasshouse.world.dialogues import persona_writer
from glasshouse.world.kinds import Kind

SHARES = {"opinion": 0.4, "claim": 0.25, "persona": 0.35}
"""How often each kind of request comes."""

KINDS = (
    Kind(
        name="opinions",
        share=0.04,
        summary="views of users and assistants, claims that are true or false, deeds it would do",
        words=(*views.words(), *traits.words()),
        write=persona_writer(SHARES, most=3),
    ),
)
