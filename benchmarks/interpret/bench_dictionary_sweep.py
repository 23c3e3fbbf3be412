"""A sweep of small dictionaries: one population beside the same dictionaries one after another.

Twelve ReLU dictionaries that differ in penalty and seed, 64 to 256, batches of 512 rows. A turn is
ten steps of all; 1.00 is ours, the population. SAELens' training step, twelve times, stands beside
them where it is installed: with its standard kind, whose penalty is the same sum.

    python -m benchmarks.interpret.bench_dictionary_sweep [--rounds 9] [--device cuda]

Larger dictionaries gain less: from a width of 128 and 512 latents on, nearly all is multiplication.
"""

import importlib.util
from collections.abc import Callable, Iterator

import torch
from benchmarks.contest import OURS, Job, compete, contest_options, print_record
from torch import Tensor

from glasshouse.interpret.dictionaries import (
    Dictionary,
    DictionaryConfig,
    DictionaryPopulation,
    DictionaryTrainer,
    DictionaryTrainingConfig,
    ReLU,
)

WIDTH, LATENTS, BATCH, MEMBERS, STEPS = 64, 256, 512, 12, 10
SCHEDULE = DictionaryTrainingConfig(steps=10**6, decay_share=0)


def main() -> None:
    options = contest_options(__doc__, rounds=9, quick_rounds=2)
    draws = torch.Generator().manual_seed(0)
    rows = [torch.randn(BATCH, WIDTH, generator=draws).to(options.device) for _ in range(STEPS)]
    population = DictionaryPopulation(members(options.device), SCHEDULE)
    trainers = [DictionaryTrainer(one, SCHEDULE) for one in members(options.device)]
    done = torch.zeros(1)

    def turn(step: Callable[[Tensor], object]) -> Callable[[], list[Tensor]]:
        def run() -> list[Tensor]:
            for batch in rows:
                step(batch)
            return [done]

        return run

    runs = {
        OURS: turn(population.train_on),
        "one after another": turn(lambda batch: [one.train_on(batch) for one in trainers]),
    }
    if importlib.util.find_spec("sae_lens"):
        steps = [saelens(number, options.device) for number in range(MEMBERS)]
        runs["SAELens, one after another"] = turn(lambda batch: [step(batch) for step in steps])
    job = Job(name=f"{STEPS} steps of {MEMBERS} dictionaries", answer=[done], runs=runs)
    title = f"ReLU {WIDTH} -> {LATENTS}, {BATCH} rows, {options.threads} thread(s)"
    print_record("dictionary-sweep", options, [compete(title, [job], runs[OURS], options)])


def members(device: str) -> list[Dictionary]:
    """Dictionaries that differ in penalty and start."""
    return [
        Dictionary(
            DictionaryConfig(
                d_in=WIDTH, num_latents=LATENTS, kind=ReLU(penalty=0.5 * (1 + number))
            ),
            generator=torch.Generator().manual_seed(number),
        ).to(device)
        for number in range(MEMBERS)
    ]


def saelens(number: int, device: str) -> Callable[[Tensor], object]:
    """One step of SAELens' trainer of its standard kind."""
    from sae_lens.config import SAETrainerConfig  # type: ignore[import-not-found]
    from sae_lens.saes.standard_sae import (  # type: ignore[import-not-found]
        StandardTrainingSAE,
        StandardTrainingSAEConfig,
    )
    from sae_lens.training.sae_trainer import SAETrainer  # type: ignore[import-not-found]

    config = StandardTrainingSAEConfig(
        d_in=WIDTH, d_sae=LATENTS, l1_coefficient=0.5 * (1 + number), device=device
    )
    settings = SAETrainerConfig(
        total_training_samples=10**9,
        train_batch_size_samples=BATCH,
        lr=1e-3,
        lr_end=1e-3,
        device=device,
    )

    def nothing() -> Iterator[Tensor]:
        yield torch.empty(0)

    trainer = SAETrainer(settings, StandardTrainingSAE(config).to(device), nothing())

    def step(rows: Tensor) -> None:
        trainer.step(rows)
        trainer.n_training_steps += 1

    return step


if __name__ == "__main__":
    main()
