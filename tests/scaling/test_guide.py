import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "scaling.md"


class TestGuide:
    def test_has_code_that_runs(self, tmp_path, monkeypatch, capsys):
        """Its blocks are one program, read from the top."""
        monkeypatch.chdir(tmp_path)
        blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        exec(compile("\n".join(blocks), str(GUIDE), "exec"), {"__name__": "guide"})
        assert "nats" in capsys.readouterr().out
