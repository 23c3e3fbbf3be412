"""A value as a sparse sum of directions: dictionaries, how they are learned, and how good they are.

- `coder`: what every dictionary can do, learned or not
"""

from glasshouse.interpret.dictionaries.coder import Coder

__all__ = ["Coder"]
