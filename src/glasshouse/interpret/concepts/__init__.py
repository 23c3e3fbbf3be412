"""Directions that stand for something: found by contrast or by probes, tested, and pushed along.

- `vectors`: a concept as a difference of means, with what is neutral projected out
- `geometry`: how concepts lie to each other: plane, clusters, likeness across layers
- `probes`: logistic, ridge and difference-of-means probes, with the controls that make them mean
  something
- `lexicon`: texts without a concept's own words, so that a probe cannot live on them
- `steering`: add directions and set latents while a model reads or writes
- `dose`: what more and more of a push does, to what it should and to the text as such
"""

from glasshouse.interpret.concepts.dose import Dose, DoseResponse, dose_response, fluency
from glasshouse.interpret.concepts.geometry import (
    Plane,
    concept_clusters,
    concept_plane,
    representational_similarity,
)
from glasshouse.interpret.concepts.lexicon import contains_any, without_words
from glasshouse.interpret.concepts.probes import (
    Probe,
    ProbeScore,
    control_labels,
    fit_probe,
    score_probe,
)
from glasshouse.interpret.concepts.steering import (
    add_share,
    at_tokens,
    mean_norm,
    random_directions,
    set_latents,
)
from glasshouse.interpret.concepts.vectors import (
    ConceptVectors,
    concept_vectors,
    contrast_vector,
    project_out,
    read_concepts,
    text_means,
    token_effects,
)

__all__ = [
    "ConceptVectors",
    "Dose",
    "DoseResponse",
    "Plane",
    "Probe",
    "ProbeScore",
    "add_share",
    "at_tokens",
    "concept_clusters",
    "concept_plane",
    "concept_vectors",
    "contains_any",
    "contrast_vector",
    "control_labels",
    "dose_response",
    "fit_probe",
    "fluency",
    "mean_norm",
    "project_out",
    "random_directions",
    "read_concepts",
    "representational_similarity",
    "score_probe",
    "set_latents",
    "text_means",
    "token_effects",
    "without_words",
]
