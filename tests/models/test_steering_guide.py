import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "steering.md"


class TestGuide:
    def test_has_code_that_runs(self, capsys):
        """Its blocks are one program, read from the top."""
        blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        found: dict[str, object] = {"__name__": "guide"}
        exec(compile("\n".join(blocks), str(GUIDE), "exec"), found)
        assert capsys.readouterr().out
        texts = {
            name: [completion.ids for completion in found[name]]  # type: ignore[attr-defined]
            for name in ("steered", "clamped", "without_a_head", "later", "swelling")
        }
        assert len({str(ids) for ids in texts.values()}) > 1
        with pytest.raises(Exception, match="from_token"):
            found["model"].generate(  # type: ignore[attr-defined]
                found["prompts"], feed={"blocks.0.resid_post[pos=-1]": found["vector"]}
            )
