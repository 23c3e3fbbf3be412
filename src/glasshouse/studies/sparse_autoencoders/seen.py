"""Everything that was measured in a run: what chapters are written from."""

from dataclasses import dataclass

from glasshouse.studies.sparse_autoencoders.config import DictionariesConfig
from glasshouse.studies.sparse_autoencoders.giving import Follower
from glasshouse.studies.sparse_autoencoders.interpretable import Interpretable
from glasshouse.studies.sparse_autoencoders.overcomplete import Overcomplete
from glasshouse.studies.sparse_autoencoders.patching import Patching
from glasshouse.studies.sparse_autoencoders.toy import Toy
from glasshouse.studies.sparse_autoencoders.tradeoff import Tradeoff


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One entry a unit in every list; the last three are empty for a model that was given."""

    config: DictionariesConfig
    """Of the run."""
    losses: list[tuple[float, ...]]
    """Of each model that was grown on topics, step by step."""
    interpretable: list[Interpretable]
    """Scores of explanations."""
    tradeoff: list[Tradeoff]
    """Sparsity against accuracy, and splices."""
    overcomplete: list[Overcomplete]
    """Dead latents by size."""
    toys: list[Toy]
    """Planted directions."""
    patching: list[Patching]
    """Patches, by model of giving."""
    followers: list[tuple[Follower, ...]]
    """What words make follow, by model of giving."""
