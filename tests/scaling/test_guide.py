import re
import tomllib
from pathlib import Path

from glasshouse.scaling.plan_files import plan_of, sweep_config
from glasshouse.scaling.sweep_data import named_data, read_at_once

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "scaling.md"


class TestGuide:
    def test_has_code_that_runs(self, tmp_path, monkeypatch, capsys):
        """Its blocks are one program, read from the top."""
        monkeypatch.chdir(tmp_path)
        blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        exec(compile("\n".join(blocks), str(GUIDE), "exec"), {"__name__": "guide"})
        assert "nats" in capsys.readouterr().out

    def test_has_a_plan_that_can_be_run(self):
        """As it stands there, comments included."""
        (block,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        config = sweep_config(tomllib.loads(block))
        data = named_data(config.data)
        plan = plan_of(config, vocab_size=data.vocab_size, context=read_at_once(data))
        assert len(plan.trials) == 4 * 3
        assert plan.flops < plan.budget
