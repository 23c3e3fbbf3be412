"""The notebook's schema: what it holds, and by what it is found.

Change it by the rules of `records.schema.evolution`, and raise VERSION.
"""

from typing import Any

from glasshouse.notebook.sketch import SKETCH_WIDTH
from glasshouse.notebook.types import (
    ActivationExample,
    Attack,
    Checkpoint,
    Claim,
    Comparison,
    Feature,
    Finding,
    Metric,
    Rating,
    Run,
    Transcript,
)
from glasshouse.records import (
    CountIndex,
    Record,
    Schema,
    TextIndex,
    ValueIndex,
    VectorIndex,
    VersionIndex,
    computed,
    fan_out,
    record_type,
)

VERSION = 2

RECORDS: dict[type[Record], Any] = {
    Run: Run.id,
    Metric: (Metric.run, Metric.name, Metric.first_step),
    Checkpoint: Checkpoint.id,
    Claim: Claim.id,
    Feature: Feature.id,
    ActivationExample: (ActivationExample.feature, ActivationExample.number),
    Transcript: Transcript.id,
    Comparison: Comparison.id,
    Rating: Rating.id,
    Attack: Attack.id,
    Finding: Finding.id,
}
"""Every record type, with its primary key."""

WITH_ID = tuple(kind for kind in RECORDS if kind not in (Metric, ActivationExample))
"""The types whose records have an id."""

_RUNS = (
    ValueIndex("runs_by_start", Run, Run.started),
    ValueIndex("runs_by_kind", Run, (Run.kind, Run.started)),
    ValueIndex("runs_by_study", Run, (Run.study, Run.started)),
    ValueIndex("runs_by_loss", Run, Run.loss),
    ValueIndex("runs_by_held_out", Run, Run.held_out),
    ValueIndex("runs_by_parent", Run, Run.parent),
    ValueIndex("runs_by_tag", Run, (fan_out(Run.tags), Run.started)),
    CountIndex("runs_of_kind", Run, group_by=Run.kind),
    ValueIndex("checkpoints_by_run", Checkpoint, (Checkpoint.run, Checkpoint.step)),
    ValueIndex("checkpoints_by_weights", Checkpoint, Checkpoint.weights),
)

_CLAIMS = (
    ValueIndex("claims_by_run", Claim, (Claim.run, Claim.name)),
    ValueIndex("claims_by_verdict", Claim, (Claim.verdict, Claim.created)),
    ValueIndex("claims_by_study", Claim, (Claim.study, Claim.name, Claim.created)),
    CountIndex("claims_of_verdict", Claim, group_by=(Claim.study, Claim.verdict)),
)

_FEATURES = (
    ValueIndex("features_by_number", Feature, (Feature.dictionary, Feature.number), unique=True),
    ValueIndex("features_by_density", Feature, (Feature.dictionary, Feature.density)),
    ValueIndex("features_by_site", Feature, (Feature.model, Feature.site, Feature.number)),
    ValueIndex("features_by_parent", Feature, Feature.parent),
    ValueIndex("features_by_tag", Feature, fan_out(Feature.tags)),
    ValueIndex("features_by_truth", Feature, Feature.truth),
    TextIndex("feature_words", Feature, Feature.explanation),
    VectorIndex(
        "feature_neighbours",
        Feature,
        Feature.sketch,
        dimensions=SKETCH_WIDTH,
        group_by=(Feature.model, Feature.site),
    ),
    CountIndex("features_of_dictionary", Feature, group_by=Feature.dictionary),
)

_TRANSCRIPTS = (
    ValueIndex("transcripts_by_time", Transcript, Transcript.created),
    ValueIndex("transcripts_by_run", Transcript, (Transcript.run, Transcript.sample)),
    ValueIndex("transcripts_by_model", Transcript, (Transcript.model, Transcript.created)),
    ValueIndex("transcripts_by_kind", Transcript, (Transcript.kind, Transcript.created)),
    ValueIndex("transcripts_by_score", Transcript, (Transcript.run, Transcript.score)),
    ValueIndex("transcripts_by_tag", Transcript, fan_out(Transcript.tags)),
    TextIndex(
        "transcript_words",
        Transcript,
        computed("texts of turns", lambda one: [t.text for t in one.turns], type=list[str]),
    ),
    VectorIndex(
        "transcript_neighbours",
        Transcript,
        Transcript.sketch,
        dimensions=SKETCH_WIDTH,
        group_by=Transcript.embedder,
    ),
)

_JUDGEMENTS = (
    ValueIndex("comparisons_by_run", Comparison, (Comparison.run, Comparison.created)),
    ValueIndex("comparisons_by_rater", Comparison, (Comparison.rater, Comparison.created)),
    ValueIndex("comparisons_by_first", Comparison, Comparison.first),
    ValueIndex("comparisons_by_second", Comparison, Comparison.second),
    CountIndex(
        "comparisons_of_models",
        Comparison,
        group_by=(Comparison.first_model, Comparison.second_model, Comparison.choice),
    ),
    ValueIndex("ratings_by_run", Rating, (Rating.run, Rating.created)),
    ValueIndex("ratings_by_subject", Rating, (Rating.of, Rating.aspect)),
    ValueIndex("ratings_by_rater", Rating, (Rating.rater, Rating.created)),
)

_FINDINGS = (
    ValueIndex("attacks_by_target", Attack, (Attack.target, Attack.success)),
    ValueIndex("attacks_by_run", Attack, (Attack.run, Attack.created)),
    ValueIndex("attacks_by_method", Attack, (Attack.method, Attack.success)),
    ValueIndex("attacks_by_harm", Attack, (fan_out(Attack.harms), Attack.success)),
    TextIndex("attack_words", Attack, Attack.prompt),
    ValueIndex("findings_by_severity", Finding, (Finding.severity, Finding.created)),
    ValueIndex("findings_by_subject", Finding, (Finding.subject, Finding.created)),
    ValueIndex("findings_by_run", Finding, Finding.run),
    ValueIndex("findings_by_kind", Finding, (Finding.kind, Finding.created)),
    TextIndex("finding_words", Finding, Finding.text),
)

_EVERYTHING = (
    VersionIndex("changes", tuple(RECORDS)),
    CountIndex("records_of_type", tuple(RECORDS), group_by=record_type()),
)

SCHEMA = Schema(
    name="glasshouse notebook",
    version=VERSION,
    records=RECORDS,
    indexes=(
        *_RUNS,
        *_CLAIMS,
        *_FEATURES,
        *_TRANSCRIPTS,
        *_JUDGEMENTS,
        *_FINDINGS,
        *_EVERYTHING,
    ),
)
"""What a project's store holds."""
