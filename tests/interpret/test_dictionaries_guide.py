"""The guide on dictionaries goes its whole way as printed."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "dictionaries.md"


def test_goes_the_whole_way(tmp_path, monkeypatch, capsys):
    """Its blocks are one program: a model, a dictionary, scores, pages, a push and a probe."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict = {"__name__": "guide"}
    exec(compile("\n".join(blocks), str(GUIDE), "exec", dont_inherit=True), names)
    assert names["last"].explained_variance > 0.5
    assert len(list((tmp_path / "pages").glob("*.html"))) == 9
    assert [dose.strength for dose in names["pushed"].response.doses] == [0, 1, 4]
    assert names["probed"].accuracy > 0.6
    assert capsys.readouterr().out
