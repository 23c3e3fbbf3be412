"""Grow the models of the study, and train a copy of each on calm replies."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from threading import Event, Lock

import numpy as np
import torch
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer, word_tokenizer
from glasshouse.studies.emotion_concepts.config import EmotionConfig
from glasshouse.studies.study import Progress
from glasshouse.training import Batch, BatchSource, ScheduleConfig, TrainConfig, train
from glasshouse.world.mood_texts import dialogues, mixed
from glasshouse.world.moods import STATES, MoodWorld
from glasshouse.world.streams import stream

_CHUNK = 256
"""Texts drawn at once; text i is always in chunk i // 256, whoever asks for it."""

Write = Callable[[MoodWorld, int, np.random.Generator], np.ndarray]
"""Writes token ids of so many texts."""


class Desk:
    """One network into which models are put to be looked at, one at a time.

    Capturing its graph takes seconds, so that all models of a run, which are of one architecture,
    share it.
    """

    def __init__(self, config: EmotionConfig) -> None:
        network = Transformer(config.architecture()).to(config.device).eval()
        tokenizer = word_tokenizer(config.world.vocabulary)
        self._model = LanguageModel(network.requires_grad_(False), tokenizer, "grown here")
        self._held: Weights | None = None

    def holding(self, weights: "Weights") -> LanguageModel:
        """The network with these weights in it, until others are put there."""
        if self._held is not weights:
            self._model.network.load_state_dict(weights)
            self._held = weights
        return self._model


Weights = dict[str, Tensor]
"""What a network's `state_dict` gives."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Grown:
    """One model and what further training made of it; one is at the desk at a time."""

    number: int
    """Which of the run's models."""
    desk: Desk
    """Where it is looked at."""
    weights: Weights
    """Grown on texts of all kinds."""
    calm_weights: Weights
    """Trained further on calm replies."""
    more_weights: Weights
    """Trained as long on more of what it was grown on: the control."""
    losses: tuple[float, ...]
    """Loss of each step, in nats a token."""

    @property
    def model(self) -> LanguageModel:
        """The model as it was grown."""
        return self.desk.holding(self.weights)

    @property
    def calmed(self) -> LanguageModel:
        """The same, trained on calm replies."""
        return self.desk.holding(self.calm_weights)

    @property
    def continued(self) -> LanguageModel:
        """The same, trained on more of what it was grown on."""
        return self.desk.holding(self.more_weights)


def grow_all(config: EmotionConfig, *, seed: int, progress: Progress) -> list[Grown]:
    """Train every model, `workers` at a time on one thread each.

    Every model has random streams of its own, so the number of workers touches no result.

    Raises:
        InputError: If the config asks for a device that is not there.
    """
    if config.device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            f"device={config.device!r} is not available here; pass --set device=cpu or choose "
            "--preset small"
        )
    per_model = config.grow.steps + 2 * config.grow.tune_steps
    ticker = _Ticker(config.grow.models * per_model, progress)
    threads = torch.get_num_threads()
    desk = Desk(config)
    try:
        with ThreadPoolExecutor(config.workers) as pool:
            jobs = [
                pool.submit(_grow, number, desk, config, seed, ticker.tick)
                for number in range(config.grow.models)
            ]
            try:
                return [job.result() for job in jobs]
            except BaseException:
                # Ctrl-C, or an error in one model: the others end at their next step.
                ticker.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        torch.set_num_threads(threads)


def _grow(
    number: int, desk: Desk, config: EmotionConfig, seed: int, tick: Callable[[], None]
) -> Grown:
    torch.set_num_threads(1)
    world, grow = config.world, config.grow
    start = int(stream(seed, "emotion-concepts", "weights", number).integers(1 << 62))
    network = Transformer(config.architecture(), generator=torch.Generator().manual_seed(start)).to(
        config.device
    )
    losses = []

    def on(base: Transformer, name: str, write: Write, steps: int, peak_lr: float) -> Transformer:
        texts = _texts(world, write, seed=seed, names=("emotion-concepts", name, number))
        for step in train(base, texts, _training(config, steps, peak_lr)):
            tick()
            if name == "grow":
                losses.append(float(step.loss))
        return base.eval()

    on(network, "grow", mixed, grow.steps, grow.peak_lr)
    tuned = [
        on(_copy(network, config), name, write, grow.tune_steps, grow.tune_lr)
        for name, write in (("calm", calm_replies), ("more", mixed))
    ]
    base, calmed, continued = (one.state_dict() for one in (network, *tuned))
    return Grown(
        number=number,
        desk=desk,
        weights=base,
        calm_weights=calmed,
        more_weights=continued,
        losses=tuple(losses),
    )


def calm_replies(world: MoodWorld, count: int, rng: np.random.Generator) -> np.ndarray:
    """Dialogues in which the assistant is calm, whatever the user is and the manner says."""
    calm = np.full(count, STATES.index("calm"))
    return dialogues(world, count, rng, reply=calm, masked=0.0).ids


def _copy(network: Transformer, config: EmotionConfig) -> Transformer:
    copy = Transformer(config.architecture()).to(config.device)
    copy.load_state_dict(network.state_dict())
    return copy


def _texts(
    world: MoodWorld, write: Write, *, seed: int, names: tuple[str | int, ...]
) -> BatchSource:
    """Texts to train on, a function of the seed and the names."""

    @lru_cache(maxsize=2)
    def chunk(number: int) -> np.ndarray:
        return write(world, _CHUNK, stream(seed, *names, number))

    def source(first: int, count: int) -> Batch:
        last = (first + count - 1) // _CHUNK
        rows = [chunk(number) for number in range(first // _CHUNK, last + 1)]
        start = first % _CHUNK
        ids = torch.from_numpy(np.concatenate(rows)[start : start + count])
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())

    return source


def _training(config: EmotionConfig, steps: int, peak_lr: float) -> TrainConfig:
    on_cpu = config.device == "cpu"
    return TrainConfig(
        steps=steps,
        batch_size=config.grow.batch,
        precision="fp32" if on_cpu else "auto",
        compile="no" if on_cpu else "auto",
        threads=1 if on_cpu else None,
        evaluate_every=0,
        schedule=ScheduleConfig(peak_lr=peak_lr, warmup_steps=min(50, steps // 10)),
    )


class _Ticker:
    """Counts the steps of all models and reports each whole part of a thousand."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = max(1, total), progress
        self._done, self._shown = 0, -1
        self._lock, self._stopped = Lock(), Event()

    def stop(self) -> None:
        """Make every worker that still counts give up."""
        self._stopped.set()

    def tick(self) -> None:
        """Count one step."""
        if self._stopped.is_set():
            raise RuntimeError("growing was stopped because the study ended early")
        with self._lock:
            self._done += 1
            # The last tenth is kept for what is measured afterwards.
            shown = 900 * self._done // self._total
            if shown != self._shown:
                self._shown = shown
                self._progress(shown, 1_000, "growing models")
