"""Looking after stores: what is in them, whether it is sound, and keeping a copy.

stores         the stores of an engine, whatever their schemas
stats          rows and bytes of each record type and index
scrub          records against indexes, both ways; checksums, structures, pages of the file
check_records  from records to indexes
check_rows     from indexes to records
numbers        the rows of groups in words
moments        reading a whole store in short transactions
problems       what can be wrong
repair         what scrub found
mend           one row of it
backup         a consistent copy of a store, or of many, in one file
copy_file      what such a file looks like, and whether it is whole
restore        the stores of a file
"""

from glasshouse.records.operations.backup import backup
from glasshouse.records.operations.copy_file import About, StoreCopy, Totals, verify_backup
from glasshouse.records.operations.problems import Problem, ProblemKind, ScrubStep
from glasshouse.records.operations.repair import Repaired, read_aside, repair
from glasshouse.records.operations.restore import RestoreProgress, restore
from glasshouse.records.operations.scrub import scrub, scrub_steps
from glasshouse.records.operations.stats import Extent, StoreStats, stats
from glasshouse.records.operations.stores import AnyHeader, stores_below

__all__ = [
    "About",
    "AnyHeader",
    "Extent",
    "Problem",
    "ProblemKind",
    "Repaired",
    "RestoreProgress",
    "ScrubStep",
    "StoreCopy",
    "StoreStats",
    "Totals",
    "backup",
    "read_aside",
    "repair",
    "restore",
    "scrub",
    "scrub_steps",
    "stats",
    "stores_below",
    "verify_backup",
]
