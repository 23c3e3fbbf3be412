"""Reports: what studies found, as one self-contained HTML page with its figures and claims.

`write_report` does all of it; `check_destination` says before a run whether it may be written.
"""

from glasshouse.report.page import render_page
from glasshouse.report.provenance import Provenance, gather_provenance
from glasshouse.report.style import house_style
from glasshouse.report.write import WORKSPACE, check_destination, write_report

__all__ = [
    "WORKSPACE",
    "Provenance",
    "check_destination",
    "gather_provenance",
    "house_style",
    "render_page",
    "write_report",
]
