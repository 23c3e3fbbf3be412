import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from glasshouse.align.pairs.collect import persona_writer
from glasshouse.errors import RunError
from glasshouse.studies.base_model import STUDY, BaseModelConfig, tour
from glasshouse.studies.base_model.assistant import assistant
from glasshouse.studies.base_model.grow import grow
from glasshouse.studies.base_model.inside import inside, look_inside
from glasshouse.studies.base_model.shaping import shape
from glasshouse.studies.study import Figure, Findings, no_progress
from glasshouse.training import ScheduleConfig, TrainConfig, WorldConfig


def minute(*, steps: int = 6) -> BaseModelConfig:
    """Return a model that learns next to nothing, in seconds."""
    return BaseModelConfig(
        grow=WorldConfig(
            world_preset="nano",
            size="nano",
            context=64,
            train=TrainConfig(
                steps=steps,
                batch_size=8,
                compile="no",
                evaluate_every=3,
                schedule=ScheduleConfig(warmup_steps=1),
            ),
        ),
        num_questions=40,
        num_documents=10,
        num_requests=10,
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module")
def findings(workspace: Path) -> Findings:
    return STUDY.run(minute(), seed=2, progress=no_progress, workspace=workspace)


class TestBaseModel:
    def test_passes_no_gate_that_needs_learning(self, findings: Findings):
        """Six steps teach nothing; a gate that such a model passed would test nothing."""
        verdicts = {result.claim.id: result.verdict.value for result in findings.claims}
        for gate in ("facts-known", "induction", "samples-parse", "new-rule-obeyed"):
            assert verdicts[gate] != "reproduced"

    def test_draws_every_figure(self, findings: Findings):
        """A figure is drawn late, so a mistake in one shows only here."""
        figures = [
            item
            for section in findings.sections
            for item in section.items
            if isinstance(item, Figure)
        ]
        assert {figure.name for figure in figures} >= {"growth", "knowledge", "calibration"}
        for figure in figures:
            assert figure.draw().axes

    def test_counts_what_training_stated(self, findings: Findings, workspace: Path):
        """Knowledge is compared with exposures, so the ledger must lie beside the run."""
        ledger = json.loads((workspace / "base-model" / "data" / "ledger.json").read_text())
        assert sum(ledger["counts"]) > 0

    def test_goes_on_with_the_run_that_is_there(self, findings: Findings, workspace: Path):
        """A study that is started again must not grow its model again."""
        said: list[str] = []
        STUDY.run(
            minute(),
            seed=2,
            progress=lambda done, total, what: said.append(what),
            workspace=workspace,
        )
        assert not any("loss" in what for what in said)

    def test_refuses_a_run_of_other_settings(self, findings: Findings, workspace: Path):
        """Measuring another model than the one asked for would be silent and wrong."""
        with pytest.raises(RunError, match="other settings"):
            STUDY.run(minute(steps=7), seed=2, progress=no_progress, workspace=workspace)

    def test_looks_inside_where_asked(self, findings: Findings, workspace: Path, monkeypatch):
        """A dictionary, its best and worst matches, a latent steered; learned once."""
        monkeypatch.setattr("glasshouse.studies.base_model.inside._HELD_OUT", 4000)
        monkeypatch.setattr("glasshouse.studies.base_model.inside._LATENTS", 32)
        seeded = replace(minute().grow.train, seed=2)
        grown = grow(replace(minute().grow, world_seed=2, train=seeded), workspace, no_progress)
        found = look_inside(grown, workspace, steps=3, seed=2, progress=no_progress)
        assert found is not None
        told = inside(found)
        assert [item.title for item in told.items] == [
            "The dictionary",
            "Best and worst matches with the truth",
            f"Latent {found.latent} ({found.feature}), steered",
        ]
        written = workspace / "base-model-dictionary" / "dictionary.safetensors"
        before = written.stat().st_mtime_ns
        again = look_inside(grown, workspace, steps=3, seed=2, progress=no_progress)
        assert again is not None
        assert inside(again) == told
        assert written.stat().st_mtime_ns == before
        with pytest.raises(RunError, match="dictionary of other settings"):
            look_inside(grown, workspace, steps=4, seed=2, progress=no_progress)

    def test_shapes_an_assistant_where_asked(
        self, findings: Findings, workspace: Path, monkeypatch
    ):
        """Comparisons, a judge, a policy; what it was worth before and after, and elsewhere.

        Six steps bring no reply to its end, so a scripted person writes what is compared, and a
        model that has nothing to compare goes without the chapter.
        """
        for name, value in {"_COMPARED": 40, "_HELD_OUT": 10, "_ASKED": 10, "_TAXED": 5}.items():
            monkeypatch.setattr(f"glasshouse.studies.base_model.shaping.{name}", value)
        seeded = replace(minute().grow.train, seed=2)
        grown = grow(replace(minute().grow, world_seed=2, train=seeded), workspace, no_progress)
        assert shape(grown, steps=2, seed=2, progress=no_progress) is None
        before = {name: value.clone() for name, value in grown.model.network.state_dict().items()}
        monkeypatch.setattr(
            "glasshouse.studies.base_model.shaping.model_writer",
            lambda model: persona_writer(grown.world, "ignorant"),
        )
        shaped = shape(grown, steps=2, seed=2, progress=no_progress)
        assert shaped is not None
        assert [step.step for step in shaped.steps] == [1, 2]
        assert set(shaped.steps[0].watched) == {"gold", "evasive"}
        assert shaped.steps[0].kl == pytest.approx(0, abs=1e-5)
        told = assistant(shaped)
        titles = [item.title for item in told.items]
        assert titles[:2] == ["Reward and gold reward against distance", "Before and after"]
        assert titles[3:] == ["A harmful request"] * 2 + ["A request"] * 2
        assert isinstance(told.items[0], Figure)
        assert len(told.items[0].draw().axes) == 2
        for name, value in grown.model.network.state_dict().items():
            assert torch.equal(value, before[name])

    def test_tells_the_same_twice(self, findings: Findings, tmp_path: Path):
        """Same seed, same claims: nothing may hang on the clock or the process."""
        again = STUDY.run(minute(), seed=2, progress=no_progress, workspace=tmp_path)
        assert [c.as_json() for c in again.claims] == [c.as_json() for c in findings.claims]


class TestBaseModelConfig:
    def test_refuses_too_few_questions(self):
        """Nine questions give no accuracy worth a verdict."""
        with pytest.raises(ValueError, match="num_questions=9"):
            replace(tour(), num_questions=9)
