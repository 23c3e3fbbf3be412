"""The guide's experiments run as printed, and find what is there."""

import re
from pathlib import Path

import pytest
import torch
from tests.interpret.names_game import grow, sentences

from glasshouse.interpret import activation_patching, attribution_error

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "interpretability.md"


class TestGuide:
    def test_has_code_that_runs(self, tmp_path, monkeypatch, capsys):
        """Its blocks are one program, read from the top, on a model that plays the names game."""
        monkeypatch.chdir(tmp_path)
        model = grow(tmp_path / "my-model")
        ids = sentences(200, torch.Generator().manual_seed(1))
        answers = model.network(ids[:, :-1])[:, -1].argmax(dim=-1)
        assert (answers == ids[:, -1]).float().mean() > 0.95
        blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        names: dict = {"__name__": "guide"}
        exec(compile("\n".join(blocks), str(GUIDE), "exec", dont_inherit=True), names)
        assert names["heads"].clean > 1 > -1 > names["heads"].corrupted
        assert names["places"].recovered[0, 9].item() == pytest.approx(1, abs=1e-4)
        assert names["parts"].total.item() == pytest.approx(names["heads"].clean, abs=1e-3)
        assert attribution_error(names["edges"], names["exact"]).correlation > 0.7
        assert names["error"].correlation < 0.5  # as the page says
        assert (tmp_path / "lens.safetensors").exists()
        assert capsys.readouterr().out

    def test_opens_with_the_experiment_in_ten_lines(self):
        """Imports, model, prompts, metric, patches, result."""
        first = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        assert first is not None
        assert len([line for line in first[1].splitlines() if line]) <= 10
        assert activation_patching.__name__ in first[1]
