"""The guide's code runs as it stands, on a smaller model and fewer requests."""

import re
from pathlib import Path
from types import SimpleNamespace

from glasshouse.align import SftConfig
from glasshouse.studies import zoo
from glasshouse.training import ScheduleConfig, WorldConfig
from glasshouse.training.toy_world import untrained
from glasshouse.world import World

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "alignment.md"


def test_the_guide_runs(monkeypatch, capsys, tmp_path):
    """Whoever copies it begins with something that works."""
    monkeypatch.chdir(tmp_path)
    world = World(0, "nano")
    model = untrained(world, WorldConfig(world_preset="nano", size="nano"))
    monkeypatch.setattr(
        zoo, "base_model", lambda size, *, seed: SimpleNamespace(world=world, model=model)
    )
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S)
    code = "\n".join(blocks).replace("many = 2_000", "many = 300")
    # Few steps must teach an untrained model to end its replies.
    code = code.replace('SftConfig(compile="no")', "quick")
    quick = SftConfig(compile="no", epochs=4, schedule=ScheduleConfig(peak_lr=1e-2, warmup_steps=2))
    names: dict = {"__name__": "guide", "quick": quick}
    exec(compile(code, str(GUIDE), "exec", dont_inherit=True), names)
    told = capsys.readouterr().out
    assert "nats a token of a reply" in told
    assert "5: judge" in told
    assert names["report"].rows
    assert (tmp_path / "models" / "merged" / "config.json").is_file()
