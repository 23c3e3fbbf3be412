"""Placement: one program over several devices or processes.

- `devices`: Device, Link, Cluster: what a placement is computed for
- `constraints`: `on` and `together`, what a user may ask
- `place`: which device computes what, by playing the run through (`simulate`)
- `placement`: Placement, the answer, and its explanation in words
- `partition`: one program for each device, with a send and a receive where values cross over
- `run`: Placed, a thread for each device or a process for each (`channel`, `workers`)
- `variables`: what a program keeps from run to run, on disk, and how a killed run goes on
- `plans`: the same for a plan of a graph
"""

from glasshouse.dataflow.placement.constraints import Constraint, on, together
from glasshouse.dataflow.placement.devices import Cluster, Device, Link, logical_devices
from glasshouse.dataflow.placement.partition import Part, partition
from glasshouse.dataflow.placement.place import place
from glasshouse.dataflow.placement.placement import Options, Placement
from glasshouse.dataflow.placement.plans import PlacedPlan, place_plan
from glasshouse.dataflow.placement.run import Placed
from glasshouse.dataflow.placement.variables import (
    Step,
    restore_variables,
    run_steps,
    save_variables,
)
from glasshouse.dataflow.placement.workers import WorkerLost, Workers, joined_workers

__all__ = [
    "Cluster",
    "Constraint",
    "Device",
    "Link",
    "Options",
    "Part",
    "Placed",
    "PlacedPlan",
    "Placement",
    "Step",
    "WorkerLost",
    "Workers",
    "joined_workers",
    "logical_devices",
    "on",
    "partition",
    "place",
    "place_plan",
    "restore_variables",
    "run_steps",
    "save_variables",
    "together",
]
