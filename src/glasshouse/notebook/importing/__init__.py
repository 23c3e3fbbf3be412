"""What folders tell, brought into the notebook; the folder is the truth and stays as it is.

folders       import_path: whatever is found in a folder, imported
run_folder    a run: its record and its curves
checkpoints   its checkpoints: where, and their hashes
report        the report of studies: a run and its claims for each
look          a look: a finding with its page
sweep         a sweep: its record, and a run for each of its trials
population    a population, likewise
dictionary    a learned dictionary: a run with its curves and scores
subjects      what a model is called
reading       JSON files whose content is not taken for granted

Importing again changes nothing, and adds what has come since.
"""

from glasshouse.notebook.importing.checkpoints import checkpoint_id, import_checkpoints
from glasshouse.notebook.importing.dictionary import dictionary_id, import_dictionary
from glasshouse.notebook.importing.folders import Imported, ids_of_folder, import_path
from glasshouse.notebook.importing.look import import_look
from glasshouse.notebook.importing.population import import_population, population_id
from glasshouse.notebook.importing.report import import_report
from glasshouse.notebook.importing.run_folder import (
    import_run,
    run_id_of,
)
from glasshouse.notebook.importing.subjects import subject_of
from glasshouse.notebook.importing.sweep import SweepImport, SweepKeeper, import_sweep, sweep_id

__all__ = [
    "Imported",
    "SweepImport",
    "SweepKeeper",
    "checkpoint_id",
    "dictionary_id",
    "ids_of_folder",
    "import_checkpoints",
    "import_dictionary",
    "import_look",
    "import_path",
    "import_population",
    "import_report",
    "import_run",
    "import_sweep",
    "population_id",
    "run_id_of",
    "subject_of",
    "sweep_id",
]
