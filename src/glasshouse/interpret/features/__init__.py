"""Single latents of a dictionary: what they speak on, what they do, and what belongs to them.

- `entries`: where each latent is active, latent by latent
- `examples`: its strongest texts, and texts of every strength
- `neighbours`: latents that write alike or speak together; families across dictionaries; a map
"""

from glasshouse.interpret.features.entries import LatentEntries, SparseCoder, collect_entries
from glasshouse.interpret.features.examples import Example, LatentReport, report_latents
from glasshouse.interpret.features.neighbours import (
    DirectionMap,
    FeatureFamilies,
    Neighbours,
    coactivation,
    direction_map,
    feature_families,
    nearest_directions,
)

__all__ = [
    "DirectionMap",
    "Example",
    "FeatureFamilies",
    "LatentEntries",
    "LatentReport",
    "Neighbours",
    "SparseCoder",
    "coactivation",
    "collect_entries",
    "direction_map",
    "feature_families",
    "nearest_directions",
    "report_latents",
]
