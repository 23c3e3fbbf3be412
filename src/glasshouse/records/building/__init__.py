"""Building indexes over records that are there already, while others write.

online       build_index: bounded transactions that go on from a mark; rebuild_index
background   build_all, and building beside other work
states       start_over, disable; the states of an index
"""

from glasshouse.records.building.background import (
    BackgroundBuild,
    build_all,
    building_in_background,
)
from glasshouse.records.building.online import BuildProgress, build_index, rebuild_index
from glasshouse.records.building.states import disable, start_over

__all__ = [
    "BackgroundBuild",
    "BuildProgress",
    "build_all",
    "build_index",
    "building_in_background",
    "disable",
    "rebuild_index",
    "start_over",
]
