"""Single latents of a dictionary: what they speak on, what they do, and what belongs to them.

- `entries`: where each latent is active, latent by latent
- `examples`: its strongest texts, and texts of every strength
- `effects`: what each does to an answer, estimated and exact; whether it is just a neuron
- `specificity`: how often it is right, by how strongly it speaks
- `neighbours`: latents that write alike or speak together; families across dictionaries; a map
"""

from glasshouse.interpret.features.effects import (
    LatentEffects,
    latent_ablation,
    latent_attribution,
    neuron_correlation,
    top_overlap,
)
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
from glasshouse.interpret.features.specificity import Specificity, specificity

__all__ = [
    "DirectionMap",
    "Example",
    "FeatureFamilies",
    "LatentEffects",
    "LatentEntries",
    "LatentReport",
    "Neighbours",
    "SparseCoder",
    "Specificity",
    "coactivation",
    "collect_entries",
    "direction_map",
    "feature_families",
    "latent_ablation",
    "latent_attribution",
    "nearest_directions",
    "neuron_correlation",
    "report_latents",
    "specificity",
    "top_overlap",
]
