"""What a study hands to the report is checked where it is made."""

import pytest

from glasshouse.errors import InputError
from glasshouse.studies import (
    STUDIES,
    Claim,
    ClaimResult,
    Figure,
    Findings,
    Paper,
    Section,
    Study,
    StudyCard,
    StudyResult,
    Table,
    load_study,
    no_progress,
    out_of_scale,
    preset_config,
    study_card,
)
from glasshouse.studies.catalogue import nearest


def claim(id: str) -> ClaimResult:
    return ClaimResult(
        claim=Claim(
            id=id,
            claim="It holds.",
            source="A 2022",
            paper="1",
            threshold=1,
            direction="above",
            no_effect=0,
            threshold_text="above 1",
        ),
        evidence=out_of_scale("not today"),
    )


def figure(name: str) -> Figure:
    return Figure(name=name, title="t", caption="c", draw=lambda: None)  # type: ignore


class TestFindings:
    def test_refuses_two_claims_or_figures_of_one_name(self):
        """One would overwrite the other in claims.json or figures/."""
        with pytest.raises(InputError, match="claim id 'a' occurs twice"):
            Findings(claims=(claim("a"), claim("b"), claim("a")))
        with pytest.raises(InputError, match="figure name 'f' occurs twice"):
            Findings(
                claims=(),
                sections=(
                    Section(title="one", items=(figure("f"),)),
                    Section(title="two", items=(figure("f"),)),
                ),
            )


class TestTable:
    def test_refuses_a_row_of_another_length(self):
        """A shifted row would put numbers under the wrong heading."""
        with pytest.raises(ValueError, match="a row has 1 cells and there are 2 columns"):
            Table(title="t", columns=("a", "b"), rows=((1,),))


class TestStudyResult:
    def test_names_its_claims_by_study(self):
        """Ids stay apart when one report holds several studies."""
        card = StudyCard(
            name="mine",
            title="Mine",
            paper=Paper(citation="A 2022"),
            summary="?",
            presets={"small": "a moment"},
            where="nowhere:STUDY",
        )
        result = StudyResult(
            card=card, preset="small", seed=0, config=None, findings=Findings(claims=(claim("a"),))
        )
        assert [entry["id"] for entry in result.claims_as_json()] == ["mine/a"]


class TestCatalogue:
    @pytest.mark.parametrize("name", STUDIES)
    def test_agrees_with_every_study_it_lists(self, name):
        """The card is written apart from the study so that listing is quick; they may not drift."""
        study = load_study(name)
        assert isinstance(study, Study)
        assert study.card is STUDIES[name]
        assert study.card.name == name
        assert set(study.presets) == set(study.card.presets)
        for preset in study.presets:
            assert preset_config(study, preset) is not None

    def test_lists_the_nearest_names_of_what_is_unknown(self):
        """A mistyped name costs a second look, not a search."""
        with pytest.raises(InputError, match="did you mean toy-superposition"):
            study_card("toy-superpositions")
        with pytest.raises(InputError, match="no preset 'papr'; did you mean paper"):
            preset_config(load_study("toy-superposition"), "papr")

    def test_lists_everything_when_nothing_is_near(self):
        """There are few studies; all of them fit into a sentence."""
        assert nearest("zzz", ["alpha", "beta"]) == "choose one of: alpha, beta"
        assert nearest("zzz", []) == "there is nothing to choose from"


class TestNoProgress:
    def test_takes_what_a_bar_takes(self):
        """A study that runs unattended is watched by nobody."""
        no_progress(1, 2, "x")
