"""A model as a dataflow graph: fetch any value, feed any value, compute only what is needed.

- `graph`: Graph: capture, run, plan
- `naming`: `named`, by which a module names the values inside it
- `address`: which values, and which part of each (`blocks.*.attn.z[head=5, pos=-1]`)
- `gradients`: `grad`, of any scalar with respect to any value
- `plan`, `program`: what one kind of question needs, pruned, and how it is run (`direct`)
- `compiled`: a plan through Inductor (`inductor`), with `gates` where parts may be fed, functions
  `inlined`, alike blocks compiled once (`regions`)
- `explain`, `cost`: what a plan computes and what that costs; `drawing`, `outline`: the graph shown
- `stored`, `fingerprint`: captured graphs kept on disk
- `variables`, `steps`, `memory`: tensors that outlive a run, loops over them, writes in place
- `capture`, `simplify`, `attention`: from a module to the graph (torch.export below)
- `values`, `feeds`, `inputs`: what comes out, what goes in
"""

from glasshouse.dataflow.gradients import Grad, grad
from glasshouse.dataflow.graph import Graph
from glasshouse.dataflow.naming import named
from glasshouse.dataflow.plan import Plan
from glasshouse.dataflow.steps import Step
from glasshouse.dataflow.values import Value, Values
from glasshouse.dataflow.variables import Variables

__all__ = ["Grad", "Graph", "Plan", "Step", "Value", "Values", "Variables", "grad", "named"]
