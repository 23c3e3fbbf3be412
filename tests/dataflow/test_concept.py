import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "dataflow.md"


class TestConcept:
    def test_has_code_that_runs(self, capsys):
        """Its blocks are one program, read from the top."""
        blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        exec(compile("\n".join(blocks), str(PAGE), "exec"), {"__name__": "concept"})
        printed = capsys.readouterr().out
        for told in ("blocks.0-3", "× 4", "peak", "of the whole forward", "←"):
            assert told in printed
