"""Fine-tuning on dialogues: what is learned, in which order, and that nothing leaks."""

import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from glasshouse.align import Rendered, SftConfig, continue_sft, start_sft_run, train_sft
from glasshouse.align.supervised import plan_sft
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer, gpt, word_tokenizer
from glasshouse.training import CheckpointConfig, OptimizerConfig, ScheduleConfig, open_run

VOCAB, CONTEXT = 19, 16
WORDS = ["<|endoftext|>", "<|pad|>", "<|unk|>", *(f"w{i}" for i in range(VOCAB - 3))]


def make_model(seed: int = 0) -> LanguageModel:
    shape = gpt(VOCAB, context=CONTEXT, num_layers=1, d_model=16, num_heads=2)
    network = Transformer(shape, generator=torch.Generator().manual_seed(seed))
    return LanguageModel(network, word_tokenizer(WORDS), origin="a test")


def make_dialogues(count: int = 40, seed: int = 0) -> list[Rendered]:
    """A prompt of two to four tokens; the reply counts on from its last."""
    chance = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        prompt, reply = torch.randint(2, 5, (2,), generator=chance).tolist()
        ids = torch.randint(VOCAB, (prompt,), generator=chance).tolist()
        ids += [(ids[-1] + 1 + i) % VOCAB for i in range(reply)]
        found.append(Rendered(ids=ids, is_reply=[False] * prompt + [True] * reply))
    return found


CONFIG = SftConfig(
    epochs=2,
    batch_tokens=64,
    threads=1,
    precision="fp32",
    evaluate_every=5,
    schedule=ScheduleConfig(peak_lr=1e-2, warmup_steps=2),
    checkpoints=CheckpointConfig(every=4),
)


class TestTrainSft:
    @pytest.mark.parametrize("packing", ["yes", "no"])
    def test_learns_to_reply(self, packing):
        """A model of 3,000 parameters learns to count, packed or not."""
        config = replace(CONFIG, epochs=30, packing=packing, batch_tokens=256)
        model = make_model()
        steps = list(
            train_sft(model, make_dialogues(120), config, held_out=make_dialogues(20, seed=1))
        )
        assert steps[0].loss == pytest.approx(torch.tensor(VOCAB).log().item(), rel=0.05)
        assert steps[-1].held_out is not None
        assert steps[-1].held_out < 1.0
        assert not model.network.training

    def test_has_the_loss_of_dialogues_one_by_one(self):
        """The first step's loss is the mean surprise at reply tokens, each dialogue alone."""
        dialogues, model = make_dialogues(12), make_model()
        config = replace(CONFIG, batch_tokens=1024, epochs=1)
        surprises: list[float] = []
        for one in dialogues:
            scores = model.network(torch.tensor([one.ids]))[0].log_softmax(dim=-1)
            surprises += [
                -scores[place - 1, token].item()
                for place, token in enumerate(one.ids)
                if one.is_reply[place]
            ]
        (step,) = train_sft(model, dialogues, config)
        assert step.loss == pytest.approx(sum(surprises) / len(surprises), abs=1e-5)

    @pytest.mark.parametrize("other", [{"packing": "no"}, {"accumulate": 2}])
    def test_takes_the_step_that_unpacked_dialogues_would(self, other):
        """One batch of all dialogues: weights after the step agree, packed, unpacked, in parts."""
        dialogues = make_dialogues(12)
        config = replace(
            CONFIG, epochs=1, batch_tokens=1024, optimizer=OptimizerConfig(epsilon=1.0)
        )
        found = []
        for one in (config, replace(config, **other)):
            model = make_model()
            assert len(list(train_sft(model, dialogues, one))) == 1
            found.append(nn.utils.parameters_to_vector(model.network.parameters()))
        torch.testing.assert_close(*found, atol=1e-6, rtol=1e-5)

    def test_sees_every_dialogue_once_an_epoch(self):
        """Tokens of rows over an epoch are those of the dialogues, in an order of the seed."""
        model, dialogues = make_model(), make_dialogues(33)
        for packing in ("yes", "no"):
            rows = plan_sft(model, dialogues, replace(CONFIG, packing=packing)).rows
            expected = sorted(tuple(one.ids[1:]) for one in dialogues)
            orders = []
            for epoch in range(2):
                size = rows.num_batches * rows.batch
                seen = []
                for batch in range(rows.num_batches):
                    part = rows(epoch * size + batch * rows.batch, rows.batch)
                    seen += texts_of(part)
                assert sorted(seen) == expected
                orders.append(seen)
            assert orders[0] != orders[1]

    def test_counts_tokens_without_padding(self):
        """What was read, not what was computed."""
        dialogues = make_dialogues(33)
        steps = list(train_sft(make_model(), dialogues, CONFIG))
        assert steps[-1].tokens == 2 * sum(len(one.ids) - 1 for one in dialogues)

    def test_refuses_what_cannot_be_learned(self):
        """In one sentence each."""
        model = make_model()
        with pytest.raises(InputError, match="no dialogues"):
            next(train_sft(model, [], CONFIG))
        silent = Rendered(ids=[1, 2, 3], is_reply=[False] * 3)
        with pytest.raises(InputError, match="dialogue 1 has no reply"):
            next(train_sft(model, [silent], CONFIG))
        long = Rendered(ids=[1] * 18, is_reply=[False] + [True] * 17)
        with pytest.raises(InputError, match="17 tokens and a row 16; cut it"):
            next(train_sft(model, [long], CONFIG))
        with pytest.raises(InputError, match="context=99 is longer"):
            next(train_sft(model, make_dialogues(), replace(CONFIG, context=99)))


def texts_of(batch) -> list[tuple[int, ...]]:
    """Targets of every document of a batch: runs of one segment, or of a row without padding."""
    found = []
    for row in range(len(batch.inputs)):
        if batch.segments is None:
            length = int(batch.mask[row].nonzero()[-1]) + 1 if batch.mask[row].any() else 0
            parts = [batch.targets[row, :length]]
        else:
            last = int(batch.segments[row].max())
            parts = [
                batch.targets[row][batch.segments[row] == number] for number in range(last + 1)
            ]
            parts = [
                part
                for number, part in enumerate(parts)
                if batch.mask[row][batch.segments[row] == number].any()
            ]
        found += [tuple(part.tolist()) for part in parts if len(part)]
    return found


KILLED = """
import os, sys
from pathlib import Path
from glasshouse.align import continue_sft
from glasshouse.training import open_run
for step in continue_sft(open_run(Path(sys.argv[1]))):
    if step.step == int(sys.argv[2]):
        os.kill(os.getpid(), 9)
"""


class TestSftRun:
    @pytest.mark.parametrize("packing", ["yes", "no"])
    def test_goes_on_bit_for_bit_after_a_kill(self, tmp_path, packing):
        """Killed behind a step that no checkpoint has; the same weights as never stopped."""
        config, ends = replace(CONFIG, packing=packing), []
        for name in ("whole", "killed"):
            run = start_sft_run(
                tmp_path / name, make_model(), make_dialogues(), make_dialogues(8, 1), config
            )
            if name == "killed":
                subprocess.run([sys.executable, "-c", KILLED, str(run.folder), "6"], check=False)
                assert open_run(run.folder).newest_step == 4
            steps = list(continue_sft(open_run(run.folder)))
            ends.append((steps[-1], open_run(run.folder)))
        (last, whole), (last_again, killed) = ends
        assert last.tokens == last_again.tokens
        assert last.loss == last_again.loss
        assert weights(whole.checkpoints[-1]) == weights(killed.checkpoints[-1])
        assert [r.loss for r in whole.metrics()] == [r.loss for r in killed.metrics()]

    def test_has_rows_for_what_it_measures_on(self, tmp_path):
        """Held-out dialogues may be the longest."""
        long = Rendered(ids=[1] * 17, is_reply=[False] + [True] * 16)
        run = start_sft_run(tmp_path / "run", make_model(), make_dialogues(), [long], CONFIG)
        (last,) = [step for step in continue_sft(run) if step.step == run.record.config.steps]
        assert last.held_out is not None

    def test_gives_what_training_in_memory_gives(self, tmp_path):
        """One and the same run, with a folder and without; a break leaves a checkpoint."""
        model, dialogues = make_model(), make_dialogues()
        losses = [step.loss for step in train_sft(model, dialogues, CONFIG)]
        run = start_sft_run(tmp_path / "run", make_model(), dialogues, make_dialogues(8, 1), CONFIG)
        with closing(continue_sft(run)) as steps:
            found = [next(steps).loss for _ in range(3)]
        assert open_run(run.folder).newest_step == 3
        found += [step.loss for step in continue_sft(open_run(run.folder))]
        assert found == losses


def weights(checkpoint: Path) -> bytes:
    return (checkpoint / "model.safetensors").read_bytes()
