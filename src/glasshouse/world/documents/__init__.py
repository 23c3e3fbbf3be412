"""Every kind of document, in the order of the base corpus's table.

One module a kind (or a family of kinds that share their words): the words it needs and the writer
that puts tokens and truth on the page together.
"""

from glasshouse.world.kinds import Kind

KINDS: tuple[Kind, ...] = ()
"""Every kind. Shares are of a base corpus's tokens and are normalised over what is listed."""
