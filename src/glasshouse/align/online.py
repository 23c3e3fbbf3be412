"""Rounds of collecting, judging and shaping: each round's people compare the newest policy's words.

Every round's comparisons, preference model and policy are kept, each written whole before the next
is begun. Rounds that were stopped go on where they were when they are run again in the same folder.

Source:
    Bai et al. 2022 (2204.05862), section 4.5, "iterated online RLHF": preference models are trained
    on all data so far, and policies from their start again.
"""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from glasshouse.align.judges.model import (
    Agreement,
    PreferenceModel,
    agreement,
    load_preference_model,
    save_preference_model,
)
from glasshouse.align.judges.training import JudgeTrainingConfig, train_judge
from glasshouse.align.pairs.collect import (
    Collected,
    Interface,
    collect,
    comparisons_from_file,
    model_writer,
)
from glasshouse.align.pairs.comparisons import Comparison, read_comparisons, write_comparisons
from glasshouse.align.talks.dialogues import LAYOUTS, Layout
from glasshouse.errors import InputError, RunError
from glasshouse.files import write_atomically
from glasshouse.models import LanguageModel
from glasshouse.world.crowd import Crowd
from glasshouse.world.requests import Request

COMPARISONS, JUDGE, POLICY, DONE = "comparisons.jsonl", "judge", "policy", "round.json"
_TOLD = "rounds.json"

CollectRound = Callable[[int, LanguageModel], Sequence[Comparison]]
"""Given a round's number (from 1) and the newest policy: comparisons of what it says."""
JudgeRound = Callable[[int, Sequence[Comparison]], PreferenceModel]
"""Given all comparisons so far: a trained preference model."""
ShapeRound = Callable[[int, PreferenceModel], LanguageModel]
"""Given the round's preference model: the policy shaped by it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundSteps:
    """What is done in each round."""

    collect: CollectRound
    judge: JudgeRound
    shape: ShapeRound


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One round, done and kept."""

    number: int
    """From 1."""
    folder: Path
    """Where its comparisons, judge and policy are."""
    comparisons: int
    """Collected in this round."""
    fresh: Agreement | None
    """How far the judge of the round before agrees with this round's comparisons, which it has not
    learned from; None in the first round, before which there was no judge."""

    @property
    def policy(self) -> LanguageModel:
        """The round's policy, read from disk."""
        return LanguageModel.load(self.folder / POLICY)

    @property
    def judge(self) -> PreferenceModel:
        """The round's preference model, read from disk."""
        return load_preference_model(self.folder / JUDGE)


def run_rounds(
    folder: Path,
    start: LanguageModel,
    steps: RoundSteps,
    *,
    rounds: int,
    layout: str = "words",
    told: Mapping[str, Any] | None = None,
) -> Generator[Round, None, None]:
    """Run rounds, yielding each when it is done; rounds that are there already are read.

    Args:
        folder: Where everything is kept; it is made if need be.
        start: The policy before the first round.
        steps: What is done in each round.
        rounds: How many.
        layout: Name of the layout that the judges read.
        told: What the steps are made of, in plain values: a folder of other rounds is refused.

    Raises:
        InputError: If there is no round to do, a round collects nothing, or the folder holds rounds
            of other settings.
        RunError: If what is in the folder is damaged.
    """
    if rounds < 1:
        raise InputError(f"rounds={rounds} must be at least 1")
    _check_told(folder, dict(told or {}) | {"layout": layout})
    policy = start
    before: PreferenceModel | None = None
    so_far: list[Comparison] = []
    for number in range(1, rounds + 1):
        place = folder / f"round-{number}"
        place.mkdir(parents=True, exist_ok=True)
        new = _comparisons(place, steps, number, policy)
        so_far += new
        judge = _judge(place, layout, steps, number, tuple(so_far))
        policy = _policy(place, steps, number, judge)
        yield _finish(place, number, new, before)
        before = judge


def crowd_rounds(
    crowd: Crowd,
    requests: Callable[[int], Sequence[Request]],
    *,
    interface: Callable[[Request], Interface],
    seed: int,
    max_new_tokens: int = 40,
    stronger_than: int = -1,
    watch: Callable[[int, Sequence[Collected]], None] | None = None,
) -> CollectRound:
    """Simulated annotators compare two of the newest policy's replies to each request.

    Args:
        crowd: Whose members compare.
        requests: Of a round, by its number.
        interface: What is asked about a request.
        seed: Names all chance.
        max_new_tokens: Most tokens of a reply.
        stronger_than: Keep comparisons whose strength is greater; 0 leaves out the weakest.
        watch: Shown what was collected, with its truth.
    """

    def gather(number: int, policy: LanguageModel) -> list[Comparison]:
        asked = requests(number)
        found: list[Collected] = []
        for kind in ("helpful", "red-team"):
            part = [request for request in asked if interface(request) == kind]
            if part:
                writer = model_writer(policy, max_new_tokens=max_new_tokens)
                found += collect(
                    {f"round-{number - 1}": writer},
                    part,
                    crowd,
                    interface=kind,
                    seed=1000 * seed + number,
                    stronger_than=stronger_than,
                )
        if watch is not None:
            watch(number, found)
        return [one.comparison for one in found]

    return gather


def file_rounds(pattern: str, *, interface: Interface = "helpful") -> CollectRound:
    """Comparisons from a file a round: `pattern` names it, with {round} for its number.

    Whoever shows the policy to people writes the file; a round whose file is missing stops with a
    sentence that names it, and goes on when it is there.
    """

    def gather(number: int, policy: LanguageModel) -> list[Comparison]:
        path = Path(pattern.replace("{round}", str(number)))
        if not path.is_file():
            raise InputError(
                f"round {number} waits for {path}; collect comparisons of the policy of round "
                f"{number - 1} there, and run again"
            )
        return comparisons_from_file(path, interface=interface)

    return gather


def judge_from(
    base: Callable[[], LanguageModel],
    config: JudgeTrainingConfig,
    *,
    layout: Callable[..., Layout] = LAYOUTS["words"],
) -> JudgeRound:
    """Train each round's preference model from the same start, on everything so far."""

    def train(number: int, comparisons: Sequence[Comparison]) -> PreferenceModel:
        language = base()
        judge = PreferenceModel(language, layout(language.tokenizer))
        for _ in train_judge(judge, comparisons, config):
            pass
        return judge

    return train


def _check_told(folder: Path, told: dict[str, Any]) -> None:
    path = folder / _TOLD
    text = json.dumps(told, sort_keys=True, default=str)
    if path.exists():
        if path.read_text() != text:
            raise InputError(
                f"{folder} holds rounds of other settings; name a new folder, or remove it"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)


def _comparisons(
    place: Path, steps: RoundSteps, number: int, policy: LanguageModel
) -> list[Comparison]:
    path = place / COMPARISONS
    if not path.exists():
        found = steps.collect(number, policy)
        if not found:
            raise InputError(f"{place.name} collected no comparison; nothing can be learned")
        write_atomically(path, "".join(write_comparisons(found)))
    return list(read_comparisons(path))


def _judge(
    place: Path, layout: str, steps: RoundSteps, number: int, so_far: Sequence[Comparison]
) -> PreferenceModel:
    if not (place / JUDGE).exists():
        save_preference_model(steps.judge(number, so_far), place / JUDGE, layout=layout)
    return load_preference_model(place / JUDGE)


def _policy(place: Path, steps: RoundSteps, number: int, judge: PreferenceModel) -> LanguageModel:
    if not (place / POLICY).exists():
        steps.shape(number, judge).save(place / POLICY)
    return LanguageModel.load(place / POLICY)


def _finish(
    place: Path, number: int, new: list[Comparison], before: PreferenceModel | None
) -> Round:
    path = place / DONE
    if not path.exists():
        fresh = None if before is None else asdict(agreement(before.margins(new), new))
        write_atomically(path, json.dumps({"comparisons": len(new), "fresh": fresh}))
    try:
        kept = json.loads(path.read_text())
        fresh = None if kept["fresh"] is None else Agreement(**kept["fresh"])
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged: {error}; remove it to have it measured anew") from None
    return Round(number=number, folder=place, comparisons=len(new), fresh=fresh)
