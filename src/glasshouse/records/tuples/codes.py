"""The first byte of each packed element, as FoundationDB's tuple layer has them.

Source:
    FoundationDB, design/tuple.md. Codes 0x40 to 0x4f are left there to users; dates are ours.
"""

NONE = 0x00
BYTES = 0x01
TEXT = 0x02
NESTED = 0x05
LARGE_NEGATIVE = 0x0B
INT_ZERO = 0x14
LARGE_POSITIVE = 0x1D
SINGLE = 0x20
DOUBLE = 0x21
FALSE = 0x26
TRUE = 0x27
UUID = 0x30
VERSIONSTAMP = 0x33
INSTANT = 0x40
"""An aware datetime: microseconds since 1970 in UTC."""
LOCAL_TIME = 0x41
"""A datetime without a zone: microseconds since 1970 there."""
DATE = 0x42
"""Days since 1970."""
DURATION = 0x43
"""A timedelta in microseconds."""
