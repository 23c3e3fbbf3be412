"""What studies make of one base, told on one page."""

import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.studies import lineage as kept
from glasshouse.studies.lineage import ROOT, descendants, keep, lineage
from glasshouse.studies.study import Figure
from glasshouse.studies.zoo import Base
from glasshouse.training import WorldConfig
from glasshouse.training.toy_world import untrained
from glasshouse.world import World


@pytest.fixture
def base(tmp_path, monkeypatch):
    """An untrained base."""
    monkeypatch.setattr(kept, "_ASKED", 4)
    monkeypatch.setattr(kept, "_TAXED", 4)
    world = World(1, "nano")
    model = untrained(world, WorldConfig(world_preset="nano", size="nano"))
    folder = tmp_path / "nano-assistant-seed1-0"
    model.save(folder)
    return Base(
        size="nano",
        seed=1,
        overlay="assistant",
        world=world,
        model=LanguageModel.load(folder),
        gates={},
        folder=folder,
    )


def test_a_page_tells_of_the_base_and_of_all_that_is_kept_of_it(base):
    """Same requests for all; a model that is kept again takes the place of the earlier one."""
    assert [one.name for one in descendants(base)] == [ROOT]
    twin = keep(base, "twin", base.model, study="rlhf")
    with torch.no_grad():
        base.model.network.embed.weight.mul_(3)
    keep(base, "changed", base.model, study="constitutional-ai")
    root, changed, same = descendants(base)
    assert (changed.name, changed.study) == ("changed", "constitutional-ai")
    assert same.name == "twin"
    assert (same.gold, same.words, same.reading) == (root.gold, root.words, root.reading)
    assert changed != same
    keep(base, "twin", base.model, study="rlhf")
    again = {one.name: one for one in descendants(base)}
    assert (again["twin"].gold, again["twin"].words) == (changed.gold, changed.words)
    assert torch.equal(
        LanguageModel.load(twin).network.embed.weight, base.model.network.embed.weight
    )
    told = lineage(base)
    assert isinstance(told.items[0], Figure)
    assert told.items[0].draw().axes
    assert [row[0] for row in told.items[1].rows] == [ROOT, "changed", "twin"]


@pytest.mark.parametrize("name", ["", ROOT, "a/b", ".hidden"])
def test_names_that_are_none_are_refused(base, name):
    with pytest.raises(InputError, match="cannot name a descendant"):
        keep(base, name, base.model, study="rlhf")
