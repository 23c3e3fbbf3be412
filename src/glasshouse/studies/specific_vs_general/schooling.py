"""What the language model reads before it judges: whom deeds hurt, and how judges decide.

Three kinds of documents beside the base's own: reports of deeds, with what they do to people or
(the control) without; judges who weigh two replies by what is best for people, and say the better
one again; and judges who are told first what the deeds are. The judges' deeds are those of other
families only, so whoever is asked about a trait has to put a report and a way of judging together.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from glasshouse.align import Comparison, Turn
from glasshouse.align.judges.model import pad_right
from glasshouse.align.pairs.collect import dialogue_of
from glasshouse.align.principles.constitution import Principle
from glasshouse.align.principles.feedback import JudgeLayout, word_judge_layout
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.studies.specific_vs_general.config import SchoolingConfig
from glasshouse.studies.specific_vs_general.deeds import IDENTITY, Family, question
from glasshouse.studies.specific_vs_general.feedback import judge_ids, parting
from glasshouse.studies.specific_vs_general.principles import (
    GENERAL,
    SPECIFIC_HINTS,
    asked,
    harmless,
    hint,
)
from glasshouse.training import EncodedDocument, OptimizerConfig, ScheduleConfig
from glasshouse.training.optimizer import make_optimizer, set_learning_rate
from glasshouse.training.schedule import learning_rate
from glasshouse.world import World
from glasshouse.world.documents.judge import ACCURACY, judged, two_answers
from glasshouse.world.documents.reports import DEEDS, DEEDS_PER_REPORT, PLAIN_DEEDS
from glasshouse.world.principles import PRINCIPLES
from glasshouse.world.speech import say
from glasshouse.world.streams import Dice, stream

_REPLAY = {"helpful": 0.35, "harmful": 0.25, "opinions": 0.15, "judge": 0.1, "critique": 0.15}
"""The base's own documents that go on being read, so that nothing else is forgotten."""
_WORTHS = ("hurts", "helps", "bad", "good")
_LONGEST_REPLAY = 100
"""Tokens of a base document that is read again."""
_SORTED_BATCHES = 16
"""Batches' worth of documents that are sorted by length at a time."""
_FIRST_HARMFUL = 500_000
"""Number of the first harmful request that judges weigh; no other request has such a number."""


def report(dice: Dice, families: Sequence[Family], totals: Sequence[float], plain: set[str]) -> str:
    """A few sentences on deeds; of families in `plain` no more than that their deeds are done."""
    said = []
    for _ in range(DEEDS_PER_REPORT):
        family = dice.weighted(families, totals)
        deed = f"{dice.pick(family.verbs)} the {dice.pick(family.objects)}"
        effect, worth = ("hurts", "bad") if family.harms else ("helps", "good")
        phrases = PLAIN_DEEDS if family.name in plain else DEEDS
        said.append(phrases.pick(dice, "train").format(d=deed, effect=effect, worth=worth))
    return f"<doc> news : {' '.join(said)}"


def stance(dice: Dice, deed: str, *, wants: bool) -> str:
    """A reply that would do a deed, or would not."""
    if dice.chance(0.7):
        return say(dice, "yes" if wants else "no", "train")
    verb, thing = deed.split(" the ")
    return say(dice, "want" if wants else "want-not", "train", verb=verb, object=thing)


def judging(dice: Dice, family: Family, *, is_told: bool) -> tuple[Principle, Comparison, bool]:
    """A judge who weighs two replies about a deed: by what, which, and whether the first won.

    Told what a deed is, a judge goes by that, whatever reports say: in half of such documents the
    deed is called the opposite of what it is elsewhere.
    """
    deed = f"{dice.pick(family.verbs)} the {dice.pick(family.objects)}"
    harms = family.harms
    principle = dice.pick(GENERAL.principles)
    if is_told:
        harms = dice.chance(0.5)
        told = hint(dice.pick(SPECIFIC_HINTS), family.verbs, harms=harms)
        principle = asked("told", f"{told} {principle.choose}")
    first_wants = dice.chance(0.5)
    pair = Comparison(
        prompt=(Turn("human", question(deed, dice)),),
        first=stance(dice, deed, wants=first_wants),
        second=stance(dice, deed, wants=not first_wants),
    )
    return principle, pair, (first_wants != harms) == dice.chance(ACCURACY)


def judging_harm(world: World, dice: Dice, number: int) -> tuple[Principle, Comparison, bool]:
    """A judge who weighs two replies to a harmful request, by harm alone or by what is good."""
    request = world.request("harmful", _FIRST_HARMFUL + number, "train")
    texts = two_answers(world, request, dice)
    while texts[0] == texts[1]:
        texts = two_answers(world, request, dice)
    name = dice.pick(("harmless", "people"))
    principle = dice.pick((harmless() if name == "harmless" else GENERAL).principles)
    pair = Comparison(prompt=dialogue_of(request), first=texts[0], second=texts[1])
    return principle, pair, dice.chance(judged(world, PRINCIPLES[name], request, texts))


def documents(
    world: World,
    families: Sequence[Family],
    config: SchoolingConfig,
    layout: JudgeLayout,
    *,
    is_valued: bool,
    count: int,
    context: int,
) -> list[EncodedDocument]:
    """Everything that is read, with the few tokens that count.

    Args:
        world: Whose base documents are read again.
        families: Traits and others.
        config: Shares.
        layout: In which judges read.
        is_valued: Whether reports say what the traits' deeds do to people.
        count: How many documents.
        context: The longest document.
    """
    dice = Dice(stream(world.seed, "schooling", int(is_valued)))
    weights = [config.identity_exposure if one.name == IDENTITY else 1.0 for one in families]
    totals = (np.cumsum(weights) / sum(weights)).tolist()
    others = [family for family in families if family.role == "other"]
    plain = set() if is_valued else {one.name for one in families if one.role != "other"}
    encode, worths = world.vocabulary.encode, set(world.vocabulary.encode(" ".join(_WORTHS)))
    found: list[EncodedDocument] = []

    def keep(ids: Sequence[int], counts: Sequence[bool]) -> None:
        if len(ids) <= context:
            array = np.array(ids, dtype=np.uint16)
            found.append(EncodedDocument(ids=array, kind="schooling", mask=np.array(counts)))

    def keep_judge(
        principle: Principle, pair: Comparison, is_first: bool, *, is_deed: bool
    ) -> None:
        opening = judge_ids(layout, principle, pair)
        better, worse = (
            list(encode(f"{text} <end>"))
            for text in ((pair.first, pair.second) if is_first else (pair.second, pair.first))
        )
        # Of long replies the token where they part says which is better; the rest is copied.
        end = len(better) if is_deed else parting(better, worse) + 1
        keep([*opening, *better[:end]], [False] * len(opening) + [True] * end)

    for _ in range(round(config.reports * count)):
        ids = list(encode(report(dice, families, totals, plain)))
        counts = [index in worths for index in ids]
        keep(ids, counts if any(counts) else [False, *[True] * (len(ids) - 1)])
    for number in range(round(config.judges * count)):
        if dice.chance(config.judges_of_harm):
            keep_judge(*judging_harm(world, dice, number), is_deed=False)
        else:
            is_told = dice.chance(config.judges_told)
            keep_judge(*judging(dice, dice.pick(others), is_told=is_told), is_deed=True)
    for ids in _replayed(world, families, count - len(found)):
        keep(ids, [dice.chance(config.replay_counted) for _ in ids[:-1]] + [True])
    return found


def _replayed(world: World, families: Sequence[Family], count: int) -> Iterator[list[int]]:
    """Base documents in which none of the new words stands."""
    banned = {world.vocabulary.id(verb) for one in families for verb in one.verbs}
    kinds = tuple(_REPLAY)
    dice = Dice(stream(world.seed, "replay"))
    totals = np.cumsum(list(_REPLAY.values())).tolist()
    number = 0
    while count > 0:
        ids = world.document(dice.weighted(kinds, totals), number).ids.tolist()
        number += 1
        if not banned.intersection(ids) and len(ids) <= _LONGEST_REPLAY:
            count -= 1
            yield ids


@torch.no_grad()
def renew(model: LanguageModel, words: Sequence[str], *, seed: int) -> None:
    """Make words new: their vectors are drawn afresh, spread as those of all words are."""
    weight = model.network.embed.weight
    places = torch.tensor([model.tokenizer.id_of(word) for word in words])
    chance = torch.Generator().manual_seed(seed)
    fresh = torch.randn(len(words), weight.shape[1], generator=chance)
    weight[places] = fresh * weight.std(dim=0) + weight.mean(dim=0)


def school(
    model: LanguageModel,
    world: World,
    families: Sequence[Family],
    config: SchoolingConfig,
    *,
    is_valued: bool,
    seed: int,
    tick: Callable[[], None] = lambda: None,
) -> list[float]:
    """Make the verbs new words and let a model read about them; returns its losses, in nats.

    Only the tokens that count are predicted, a tenth of all, so that little is spent on the rest.
    """
    renew(model, [verb for one in families for verb in one.verbs], seed=seed)
    texts = documents(
        world,
        families,
        config,
        word_judge_layout(model.tokenizer),
        is_valued=is_valued,
        count=config.steps * config.batch,
        context=model.network.config.context,
    )
    schedule = ScheduleConfig(peak_lr=config.peak_lr, warmup_steps=config.steps // 15)
    rules = OptimizerConfig()
    optimizer = make_optimizer(model.network, rules)
    model.network.train()
    losses = []
    for step, places in enumerate(_batches([len(one.ids) for one in texts], config, seed)):
        set_learning_rate(optimizer, learning_rate(schedule, step, config.steps))
        ids, _ = pad_right([texts[place].ids.tolist() for place in places])
        counts, _ = pad_right([[int(one) for one in _counted(texts[place])] for place in places])
        rows, at = counts[:, 1:].bool().nonzero().T
        features = model.network.features(ids[:, :-1])[rows, at]
        loss = F.cross_entropy(model.network.unembed(features), ids[:, 1:][rows, at])
        if not bool(loss.isfinite()):
            raise InputError(f"step {step + 1}: the loss is {loss.item()}; lower schooling.peak_lr")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.network.parameters(), rules.clip_norm or 1.0)
        optimizer.step()
        losses.append(loss.item())
        tick()
    model.network.eval()
    return losses


def _counted(document: EncodedDocument) -> list[bool]:
    assert document.mask is not None
    return document.mask.tolist()


def _batches(lengths: Sequence[int], config: SchoolingConfig, seed: int) -> Iterator[list[int]]:
    """Places of documents batch by batch; those of like length go together."""
    chance = np.random.default_rng([seed, 2310])
    order = chance.permutation(len(lengths))
    found: list[list[int]] = []
    for start in range(0, len(order), _SORTED_BATCHES * config.batch):
        part = order[start : start + _SORTED_BATCHES * config.batch].tolist()
        part.sort(key=lambda place: lengths[place])
        found += [part[at : at + config.batch] for at in range(0, len(part), config.batch)]
    yield from (found[place] for place in chance.permutation(len(found)).tolist()[: config.steps])
