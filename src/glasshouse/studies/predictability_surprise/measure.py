"""Grow every family, ask it what nobody trained on, and keep the numbers."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.scaling.predictability import METRICS, TokenOutcomes, metrics_of
from glasshouse.studies.predictability_surprise.config import FamilyConfig, PredictabilityConfig
from glasshouse.studies.predictability_surprise.grow import Size, grow
from glasshouse.studies.predictability_surprise.ratings import STARS, Histories
from glasshouse.studies.predictability_surprise.records import People, Records
from glasshouse.studies.predictability_surprise.seen import CourtSeen, Curve, Seen, ShopSeen
from glasshouse.studies.predictability_surprise.texts import Tokens, Writer
from glasshouse.studies.study import Progress
from glasshouse.studies.working import Ticker, threads_restored
from glasshouse.training.population_file import Member, MemberCurve, write_population
from glasshouse.world.streams import stream

NAME = "predictability-surprise"
_LAST_STEPS = 50
"""Training steps whose mean is the last loss, and a point of a curve."""
_ITEM_USERS = 20_000
"""Users over whom items' means are taken."""

Grower = Callable[[Writer, FamilyConfig, str], Iterator[Size]]


def measure(
    config: PredictabilityConfig, *, seed: int, progress: Progress, workspace: Path | None = None
) -> Seen:
    """Grow and ask all families, on one thread; how they learned is left in the workspace."""
    families = (config.mixture, config.echo, config.records, config.ratings)
    cost = {id(one): [_work(one, place) for place in range(len(one.widths))] for one in families}
    members: list[Member] = []
    ticker = Ticker(sum(sum(cost[id(one)]) * one.steps for one in families), progress)

    def grown(writer: Writer, family: FamilyConfig, name: str) -> Iterator[Size]:
        for place in range(len(family.widths)):
            size = grow(
                writer,
                family,
                place,
                name=name,
                replicas=config.replicas,
                seed=seed,
                device=config.device,
                tick=lambda place=place: ticker.add(cost[id(family)][place], f"growing {name}"),
            )
            members.extend(_members(size, name, family.widths[place], seed=seed))
            yield size

    with threads_restored():
        torch.set_num_threads(1)
        facts, sums, mixed = _measure_mixture(config, grown, seed=seed)
        seen = Seen(
            config=config,
            facts=facts,
            sums=sums,
            mixed_losses=mixed,
            echoes=_measure_echoes(config, grown, seed=seed),
            court=_measure_court(config, grown, seed=seed),
            shop=_measure_shop(config, grown, seed=seed),
        )
    if workspace is not None:
        key = hashlib.sha256(f"{config!r}".encode()).hexdigest()[:12]
        write_population(workspace / NAME / f"seed{seed}-{key}", members)
    return seen


def _members(size: Size, family: str, width: int, *, seed: int) -> Iterator[Member]:
    """The models of a size as the notebook takes them: the mean loss of each stretch of steps."""
    steps, replicas = size.losses.shape
    ends = tuple(range(_LAST_STEPS, steps + 1, _LAST_STEPS)) or (steps,)
    for replica in range(replicas):
        means = [
            float(size.losses[max(0, end - _LAST_STEPS) : end, replica].mean()) for end in ends
        ]
        yield Member(
            name=f"{family}-d{width}-{replica}",
            config={"family": family, "d_model": width, "params": size.params, "replica": replica},
            steps=steps,
            seed=seed,
            curves={"loss": MemberCurve(steps=ends, values=tuple(means))},
        )


def _work(family: FamilyConfig, place: int) -> int:
    """About how long a step of one size takes, in arbitrary units."""
    return family.rows * (20 + family.widths[place])


def outcomes(
    logprobs: Float[Tensor, "row token vocab"], tokens: Tokens, *, length: int
) -> TokenOutcomes:
    """What one model made of the tokens that count, `length` of them an answer.

    Answers run from one row into the next; what fills none is left.
    """
    right = torch.from_numpy(tokens.ids[:, 1:])
    counts = tokens.counts[:, 1:]
    own = logprobs.gather(-1, right[..., None])[..., 0].numpy()
    is_top = (logprobs.argmax(dim=-1) == right).numpy()
    whole = int(counts.sum()) // length * length
    return TokenOutcomes(
        logprobs=own[counts][:whole].reshape(-1, length).clip(max=0.0),
        is_top=is_top[counts][:whole].reshape(-1, length),
    )


def _curve(sizes: list[list[dict[str, float]]], params: list[int], length: int) -> Curve:
    values = {name: np.array([[one[name] for one in row] for row in sizes]) for name in METRICS}
    return Curve(params=np.array(params), values=values, length=length)


def _asked(size: Size, tokens: Tokens, length: int) -> list[dict[str, float]]:
    return [metrics_of(outcomes(one, tokens, length=length)) for one in size.logprobs(tokens)]


def _measure_mixture(
    config: PredictabilityConfig, grown: Grower, *, seed: int
) -> tuple[Curve, Curve, np.ndarray]:
    """Facts, sums, and the last training losses."""
    text, rows = config.text(seed), config.ask.rows
    rng = stream(seed, "predictability", "mixture", "held-out")
    facts = text.write_facts(rows, rng)
    sums = text.write_sums(rows, rng, held_out=True)
    found_facts, found_sums, params, losses = [], [], [], []
    for size in grown(text, config.mixture, "mixture"):
        params.append(size.params)
        losses.append(size.losses[-_LAST_STEPS:].mean(axis=0))
        found_facts.append(_asked(size, facts, config.ask.answer))
        found_sums.append(_asked(size, sums, config.digits + 2))
    return (
        _curve(found_facts, params, config.ask.answer),
        _curve(found_sums, params, config.digits + 2),
        np.array(losses, dtype=float),
    )


def _measure_echoes(config: PredictabilityConfig, grown: Grower, *, seed: int) -> Curve:
    echoes = config.echoes
    held_out = echoes.write(config.ask.rows, stream(seed, "predictability", "echo", "held-out"))
    found, params = [], []
    for size in grown(echoes, config.echo, "echo"):
        params.append(size.params)
        found.append(_asked(size, held_out, echoes.length))
    return _curve(found, params, echoes.length)


def _measure_court(config: PredictabilityConfig, grown: Grower, *, seed: int) -> CourtSeen:
    court = config.court(seed)
    people = court.draw(config.ask.records, stream(seed, "predictability", "records", "held-out"))
    label = people.label
    params, said = [], []
    for size in grown(court, config.records, "records"):
        params.append(size.params)
        said.append(guilt_said(court, people, size))
    guilty = np.stack(said)  # size replica record

    def rates(of: np.ndarray, among: np.ndarray) -> np.ndarray:
        return np.stack(
            [
                [
                    of[..., among & (people.group == g) & (people.court == c)].mean(-1)
                    for c in (0, 1)
                ]
                for g in (0, 1)
            ]
        )

    def by_model(of: np.ndarray, among: np.ndarray) -> np.ndarray:
        return np.moveaxis(rates(of, among), (0, 1), (-2, -1))

    everybody = np.ones(len(label), dtype=bool)
    return CourtSeen(
        params=np.array(params),
        loss=-np.log(np.where(label, guilty, 1 - guilty)).mean(axis=-1),
        false_positives=by_model(guilty, ~people.is_guilty),
        hard_false_positives=by_model((guilty > 0.5).astype(float), ~people.is_guilty),
        false_negatives=by_model(1 - guilty, people.is_guilty),
        calibration=by_model(guilty - label, everybody),
        best_loss=float(-np.log(np.where(label, people.best, 1 - people.best)).mean()),
        best_false_positives=rates(people.best, ~people.is_guilty),
    )


def guilt_said(court: Records, people: People, size: Size) -> Float[np.ndarray, "replica record"]:
    """Probability of guilty among both labels."""
    labels = slice(court.innocent_id, court.innocent_id + 2)
    logprobs = size.logprobs(court.tokens(people))[:, :, -1, labels]
    return logprobs.double().softmax(dim=-1)[..., 1].numpy()


def _measure_shop(config: PredictabilityConfig, grown: Grower, *, seed: int) -> ShopSeen:
    shop, told = config.shop(seed), config.ask.told
    rng = stream(seed, "predictability", "ratings", "held-out")
    users = shop.draw(config.ask.users, rng)
    foreign = swapped(users, told)
    many = shop.draw(_ITEM_USERS, stream(seed, "predictability", "ratings", "items"))
    times = np.bincount(many.items.ravel(), minlength=shop.items)
    stars = np.bincount(many.items.ravel(), weights=many.ratings.ravel(), minlength=shop.items)
    means = stars / times

    def guesses(size: Size, of: Histories) -> np.ndarray:
        words = torch.from_numpy(shop.words(of.items))
        logprobs = size.logprobs(shop.tokens(of))[:, :, 1::2]
        chosen = logprobs.gather(-1, words.expand(len(logprobs), -1, -1, -1)).double()
        return (chosen.softmax(dim=-1) * torch.arange(1, STARS + 1)).sum(dim=-1).numpy()

    params, squares, behind = [], [], []
    for size in grown(shop, config.ratings, "ratings"):
        params.append(size.params)
        squares.append(((guesses(size, users) - users.ratings) ** 2).mean(axis=1))
        errors = guesses(size, foreign)[..., told] - foreign.ratings[:, told]
        behind.append((errors**2).mean(axis=1))
    return ShopSeen(
        params=np.array(params),
        squares=np.stack(squares),
        foreign=np.stack(behind),
        item_squares=((means[users.items] - users.ratings) ** 2).mean(axis=0),
        foreign_item_squares=float(
            ((means[foreign.items[:, told]] - foreign.ratings[:, told]) ** 2).mean()
        ),
        global_squares=((stars.sum() / times.sum() - users.ratings) ** 2).mean(axis=0),
        best_squares=((shop.best(users) - users.ratings) ** 2).mean(axis=0),
        told=told,
    )


def swapped(users: Histories, told: int) -> Histories:
    """Every user's own items from `told` on behind the first ratings of the user before."""
    items, ratings = users.items.copy(), users.ratings.copy()
    items[:, :told] = np.roll(users.items, 1, axis=0)[:, :told]
    ratings[:, :told] = np.roll(users.ratings, 1, axis=0)[:, :told]
    return Histories(items=items, ratings=ratings)
