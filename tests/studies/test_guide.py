"""The guide's study is a real one: its code runs, and the report takes it."""

import re
from pathlib import Path

from glasshouse.studies import StudyResult

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "studies.md"


def code_of_the_guide() -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S))


class TestGuide:
    def test_runs_and_reproduces_its_claim(self, capsys):
        """Whoever copies the guide begins with something that works."""
        names: dict = {"__name__": "guide"}
        exec(compile(code_of_the_guide(), str(GUIDE), "exec", dont_inherit=True), names)
        assert capsys.readouterr().out == "reproduced\n"
        result = StudyResult(
            card=names["CARD"],
            preset="small",
            seed=7,
            config=names["DirectionsConfig"](),
            findings=names["findings"],
        )
        assert result.claims_as_json()[0]["id"] == "directions/nearly-orthogonal"
