"""How models grow: fits of scaling laws, forecasts from small runs, and sweeps to fit them to.

- `runs`, `reading`: what a law is fitted to, and where it is read from; what is left out, and why
- `laws`: L(N), L(D), L(C), L(N, D), L(N, S), with and without a constant, as data
- `fitting` (on `starts`, `solving`, `estimates`): a law's numbers, each with its interval
- `comparing`: which form the runs support, how well it extrapolates, whether its constant is known
- `allocation`, `isoflop`, `envelope`: the best size for a budget, by three approaches
- `forecasting`: the loss that a budget reaches, and how to spend it
- `batch_size`: the critical batch size, from gradients or from runs
- `transfer`: effective data transferred; equivalent size under repetition
- `predictability`: how abruptly a task comes, whether skill or metric jumps, what foretold it
- `repetition`: what reading the same again costs, and where it costs most
- `plans`, `records`, `sweeping`: sweeps as data, on disk, and run; resumable
- `training`: trials of one shape as one program; `ray_engine`: on a cluster
- `mup`, `coordinates`: learning rates that carry over to other widths, and the test that they do
"""

from glasshouse.scaling.allocation import Allocation, parametric_allocation
from glasshouse.scaling.batch_size import (
    at_critical_batch,
    batch_law,
    critical_batch,
    gradient_noise,
    noise_scale,
)
from glasshouse.scaling.comparing import (
    Candidate,
    Comparison,
    Extrapolation,
    compare_laws,
    extrapolate,
    irreducible_loss,
    why_no_constant,
)
from glasshouse.scaling.coordinates import CoordinateCheck, coordinate_check
from glasshouse.scaling.envelope import Frontier, envelope_allocation, frontier
from glasshouse.scaling.estimates import Estimate
from glasshouse.scaling.fitting import FitConfig, FittedLaw, fit_law, without_constant
from glasshouse.scaling.forecasting import Forecast, blended_losses, forecast, pareto_runs
from glasshouse.scaling.isoflop import isoflop_allocation, isoflop_profiles
from glasshouse.scaling.laws import LAWS, Law, named_law
from glasshouse.scaling.mup import Factors, mup_factors, mup_groups, mup_initialise
from glasshouse.scaling.plans import (
    Shape,
    SweepPlan,
    Trial,
    frontier_trials,
    grid,
    isoflop_grid,
    populations,
)
from glasshouse.scaling.predictability import (
    Foretold,
    TokenOutcomes,
    foretell,
    foretell_loss,
    foretell_whole,
    log_fit_r2,
    metrics_of,
    minus_log_loss,
    rise_factor,
    share_left,
    sharpness,
)
from glasshouse.scaling.reading import read_runs
from glasshouse.scaling.records import TrialRecord, read_plan, sweep_runs
from glasshouse.scaling.repetition import (
    EquivalentSize,
    RepetitionPlan,
    equivalent_size,
    late_rise,
    worst_repeats,
)
from glasshouse.scaling.runs import (
    CurvePoint,
    Excluded,
    ScalingRun,
    Sound,
    column,
    curve_runs,
    sound_runs,
)
from glasshouse.scaling.sweeping import Engine, Work, run_sweep
from glasshouse.scaling.training import ShardWork, train_trials
from glasshouse.scaling.transfer import (
    Inverted,
    effective_data_transferred,
    fit_transfer,
    invert,
    unified_loss,
)

__all__ = [
    "LAWS",
    "Allocation",
    "Candidate",
    "Comparison",
    "CoordinateCheck",
    "CurvePoint",
    "Engine",
    "EquivalentSize",
    "Estimate",
    "Excluded",
    "Extrapolation",
    "Factors",
    "FitConfig",
    "FittedLaw",
    "Forecast",
    "Foretold",
    "Frontier",
    "Inverted",
    "Law",
    "RepetitionPlan",
    "ScalingRun",
    "Shape",
    "ShardWork",
    "Sound",
    "SweepPlan",
    "TokenOutcomes",
    "Trial",
    "TrialRecord",
    "Work",
    "at_critical_batch",
    "batch_law",
    "blended_losses",
    "column",
    "compare_laws",
    "coordinate_check",
    "critical_batch",
    "curve_runs",
    "effective_data_transferred",
    "envelope_allocation",
    "equivalent_size",
    "extrapolate",
    "fit_law",
    "fit_transfer",
    "forecast",
    "foretell",
    "foretell_loss",
    "foretell_whole",
    "frontier",
    "frontier_trials",
    "gradient_noise",
    "grid",
    "invert",
    "irreducible_loss",
    "isoflop_allocation",
    "isoflop_grid",
    "isoflop_profiles",
    "late_rise",
    "log_fit_r2",
    "metrics_of",
    "minus_log_loss",
    "mup_factors",
    "mup_groups",
    "mup_initialise",
    "named_law",
    "noise_scale",
    "parametric_allocation",
    "pareto_runs",
    "populations",
    "read_plan",
    "read_runs",
    "rise_factor",
    "run_sweep",
    "share_left",
    "sharpness",
    "sound_runs",
    "sweep_runs",
    "train_trials",
    "unified_loss",
    "why_no_constant",
    "without_constant",
    "worst_repeats",
]
