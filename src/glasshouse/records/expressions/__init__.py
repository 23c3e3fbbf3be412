"""Record types, references to their fields, and conditions on them.

record       Record, the base of all record types
reference    what `Run.loss` means; one_of, fan_out and concatenate for repeated fields
functions    is_in, starts_with, is_none, between, matches
conditions   conditions as values, with the logic of missing values
types        reading annotations
"""

from glasshouse.records.expressions.conditions import Condition, compile_test
from glasshouse.records.expressions.functions import between, is_in, is_none, matches, starts_with
from glasshouse.records.expressions.record import Record
from glasshouse.records.expressions.reference import (
    FieldReference,
    concatenate,
    fan_out,
    one_of,
)

__all__ = [
    "Condition",
    "FieldReference",
    "Record",
    "between",
    "compile_test",
    "concatenate",
    "fan_out",
    "is_in",
    "is_none",
    "matches",
    "one_of",
    "starts_with",
]
