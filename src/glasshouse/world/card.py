"""The datasheet of a world: what is in it, what training never sees, and hashes to compare."""

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from glasshouse.world.entities import RELATIONS
from glasshouse.world.knowledge import LADDER

if TYPE_CHECKING:
    from glasshouse.world.world import World

HASHED_DOCUMENTS = 8
"""Documents of each kind that the hash of the documents covers."""


def make_card(world: "World") -> dict[str, Any]:
    """Return the datasheet of a world as plain values."""
    facts = world.kb.facts
    ladder = [fact for fact in facts if RELATIONS[fact.relation].ladder]
    statuses = Counter(fact.status for fact in facts)
    rungs = Counter(fact.exposure for fact in ladder)
    shares = world.base_mix()
    total = sum(shares.values())
    entities = world.entities
    used = [word for word in world.vocabulary.words if not word.startswith("<unused")]
    return {
        "seed": world.seed,
        "preset": world.preset,
        "vocabulary": {"words": len(used), "size": len(world.vocabulary)},
        "entities": {name: len(getattr(entities, name)) for name in entities.__slots__},
        "facts": {"all": len(facts), **dict(sorted(statuses.items()))},
        "exposure ladder": {str(rung): rungs[rung] for rung in LADDER},
        "format-seen facts": sum(world.kb.is_examined(fact) for fact in world.kb.stated),
        "Velan-only facts": sum(fact.language == "velan" for fact in ladder),
        "held out": {
            "people": sorted(world.splits.held_out_people),
            "strangers": list(world.splits.strangers("test")),
            "two-hop facts": f"of {len(entities.person) - len(world.kb.told_two_hops)} people",
        },
        "shares": {kind: round(share / total, 4) for kind, share in shares.items()},
        "hashes": {
            "vocabulary": _digest(" ".join(world.vocabulary.words)),
            "facts": _digest(repr(facts)),
            "documents": documents_hash(world),
        },
    }


def documents_hash(world: "World") -> str:
    """Return a hash of the first documents of every kind; equal worlds have equal hashes."""
    return _digest(
        "\n".join(
            world.render(world.document(kind, number).ids)
            for kind in world.kinds
            for number in range(HASHED_DOCUMENTS)
        )
    )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
