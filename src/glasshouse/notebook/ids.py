"""Names of records: sixteen hexadecimal digits, of which any first few that are unambiguous do."""

import secrets
from hashlib import blake2b
from typing import Any

import msgspec

_BYTES = 8
_encode = msgspec.msgpack.Encoder(order="deterministic").encode

SHOWN = 8
"""Digits of an id that people are shown; a million records share none of so many, as a rule."""


def new_id() -> str:
    """A name that nothing else has."""
    return secrets.token_hex(_BYTES)


def derived_id(*parts: Any) -> str:
    """The name of what these values describe: the same values always give the same name.

    What is found twice, in a folder that is imported again, so stays one record.
    """
    return blake2b(_encode(parts), digest_size=_BYTES).hexdigest()
