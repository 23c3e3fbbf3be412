"""Glasshouse: a laboratory for alignment, where the truth is known.

The rooms are imported by name (`from glasshouse.world import World`); importing the package itself
loads none of them, so that `glasshouse --help` answers at once.
"""

__version__ = "0.1.0"
