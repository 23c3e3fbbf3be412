"""Training: an iterator of step results, and the folder a run leaves behind.

- `loop`: `train`, the iterator, and `continue_run`, which trains a run folder to its end
- `text`: a model grown on a text file or folder (`start_text_run`, `train_on_text`)
- `toy_world`: a model grown on the toy world (`start_world_run`, `train_on_world`)
- `config`, `schedule`, `optimizer`: what a run is, as values
- `shards`, `batches`: documents as tokens on disk, and the windows read from them in what order
- `domains`: sequences that are drawn while they are needed
- `packing`: rows of whole documents, which share them without seeing each other
- `steps`, `held_out`: one optimizer step; held-out loss by kind of document
- `run_folder`, `metrics`, `checkpoint`: run.json, metrics.jsonl, and saving what resumes exactly
- `decisions`, `distributed`: what `auto` means on this machine; several processes
- `population`: many small models as one program; `population_file`: what they came to, on disk
"""

from glasshouse.training.batches import Batch, BatchSource, shuffled_windows
from glasshouse.training.config import CheckpointConfig, TrainConfig
from glasshouse.training.decisions import Decisions, decide
from glasshouse.training.distributed import current_processes, joined_processes
from glasshouse.training.domains import domain_batches
from glasshouse.training.held_out import held_out_losses
from glasshouse.training.loop import continue_run, train
from glasshouse.training.metrics import StepResult, best_held_out
from glasshouse.training.optimizer import OptimizerConfig, make_optimizer
from glasshouse.training.run_folder import Run, list_runs, open_run, start_run
from glasshouse.training.schedule import ScheduleConfig, learning_rate
from glasshouse.training.shards import EncodedDocument, TokenShards, write_shards
from glasshouse.training.text import TextConfig, start_text_run, train_on_text
from glasshouse.training.toy_world import (
    WorldConfig,
    exposure_ledger,
    start_world_run,
    train_on_world,
    world_recipe,
)

__all__ = [
    "Batch",
    "BatchSource",
    "CheckpointConfig",
    "Decisions",
    "EncodedDocument",
    "OptimizerConfig",
    "Run",
    "ScheduleConfig",
    "StepResult",
    "TextConfig",
    "TokenShards",
    "TrainConfig",
    "WorldConfig",
    "best_held_out",
    "continue_run",
    "current_processes",
    "decide",
    "domain_batches",
    "exposure_ledger",
    "held_out_losses",
    "joined_processes",
    "learning_rate",
    "list_runs",
    "make_optimizer",
    "open_run",
    "shuffled_windows",
    "start_run",
    "start_text_run",
    "start_world_run",
    "train",
    "train_on_text",
    "train_on_world",
    "world_recipe",
    "write_shards",
]
