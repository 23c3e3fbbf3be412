"""The exceptions of the house.

GlasshouseError
├── InputError (also a ValueError)   what a caller or a user can cause: one sentence, exit status 2
│   ├── TextError                    a text that cannot be trained on
│   ├── RunError                     a run folder missing, half-written or of another version
│   ├── EngineError                  a key-value engine that cannot be opened or asked this
│   ├── SchemaError                  a schema that contradicts itself or a store
│   ├── RecordError                  a record that cannot be stored, or is not there
│   │   ├── RecordExistsError        another record has its primary key
│   │   └── UniquenessError          another record has its value of a unique index
│   ├── QueryError                   a query that cannot be meant or planned
│   │   └── ContinuationError        a continuation of another query, or damaged
│   └── BackupError                  a backup that is half-written, damaged or of another version
└── StorageError                     what the storage below did, whatever was asked
    ├── ConflictError                another transaction changed what was read; trying again helps
    ├── CommitUnknownError           the connection broke while committing; it may have been done
    ├── CorruptionError              bytes that are not what was written
    └── DiskFullError                no room is left; nothing of the transaction was kept
"""


class GlasshouseError(Exception):
    """Any error that Glasshouse raises on purpose."""


class InputError(GlasshouseError, ValueError):
    """A mistake in what was asked; the message is one sentence that names the way out."""


class TextError(InputError):
    """A text file or folder that cannot be trained on: empty, not UTF-8, too short."""


class RunError(InputError):
    """A run folder that is missing, half-written or written by another version."""


class EngineError(InputError):
    """A key-value engine that cannot be opened, or a key, value or call that it does not take."""


class SchemaError(InputError):
    """A schema that contradicts itself, or does not follow from the one of a store."""


class RecordError(InputError):
    """A record that cannot be stored, or one that is not there."""


class RecordExistsError(RecordError):
    """A record with the same primary key is there already."""


class UniquenessError(RecordError):
    """Another record has the same value of a unique index."""


class QueryError(InputError):
    """A query that cannot be meant, or that no index and no scan can answer as asked."""


class ContinuationError(QueryError):
    """A continuation that belongs to another query, or whose bytes are damaged."""


class BackupError(InputError):
    """A backup file that is half-written, damaged or of another version."""


class StorageError(GlasshouseError):
    """What the storage below did, whatever was asked of it."""


class ConflictError(StorageError):
    """Another transaction changed what this one had read; the same work tried again may succeed."""


class CommitUnknownError(StorageError):
    """The connection broke while committing: the transaction may or may not have been done."""


class CorruptionError(StorageError):
    """Bytes that are not what was written; the message says where and what still can be saved."""


class DiskFullError(StorageError):
    """No room was left to commit; nothing of the transaction was kept."""
