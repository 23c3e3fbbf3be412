"""The guide to `glasshouse evaluate`: its blocks are one program, and its names are real."""

import re
from pathlib import Path

from glasshouse.evaluate.few_shot.generators import task_names

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "evaluate.md"


class TestGuide:
    def test_has_code_that_runs(self, tmp_path, monkeypatch, capsys):
        """Read from the top, in an empty folder."""
        monkeypatch.chdir(tmp_path)
        blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        exec(
            compile("\n".join(blocks), str(GUIDE), "exec", dont_inherit=True), {"__name__": "guide"}
        )
        told = capsys.readouterr().out
        assert "the label 9 names none of its 4 choices" in told
        assert "1 of 4 questions (25%) shares a run of 13 words" in told

    def test_names_tasks_that_there_are(self):
        """What stands in its table can be asked for."""
        table = GUIDE.read_text(encoding="utf-8").partition("## What is made here")[2]
        said = re.findall(
            r"`((?:[a-z]+_)?[a-z0-9]+(?:_[a-z0-9]+)*)`", table.partition("\n\n`world_")[0]
        )
        assert len(said) > 10
        assert set(said) <= set(task_names()) | {"2dm", "1dc", "mixed"}
