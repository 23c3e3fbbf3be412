import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "notebook.md"


class TestGuide:
    def test_has_code_that_runs(self, tmp_path, monkeypatch, capsys):
        """Its blocks are one program, read from the top."""
        monkeypatch.chdir(tmp_path)
        blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        exec(compile("\n".join(blocks), str(GUIDE), "exec"), {"__name__": "guide"})
        printed = capsys.readouterr().out.splitlines()
        assert printed[0] == "['try-2', 'try-1']"
        assert printed[1].startswith("1000 Summary(steps=1000")
        assert printed[2] == "finished"
        assert printed[3].startswith("[(7, ")
        assert printed[4:] == ["the 7th word", "['It counts.']"]
