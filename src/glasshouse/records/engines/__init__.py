"""Ordered key-value engines behind one small interface.

engine      the contract: Engine, Transaction, Watch, Mutation
opening     open_engine(url)
retrying    transact: work that is tried again where it conflicts
buffer      a transaction that keeps its writes until it commits
changes     what a transaction reads from, and what a commit has to check and write
own_keys    the keys a transaction writes, in order
merging     ranges of the store with a transaction's own writes in their places
mutation    atomic operations applied
memory      memory:             in this process
validation  whether what was read is still so
polling     watching a key by looking again
lmdb        lmdb:FOLDER         embedded, several processes; environment, long_keys, pages,
            lmdb_reading and lmdb_writing are its parts
postgres    postgresql://…      a server
foundationdb   fdb:CLUSTER_FILE   a cluster
"""

from glasshouse.records.engines.engine import (
    MAX_KEY_BYTES,
    MAX_VALUE_BYTES,
    Engine,
    Mutation,
    Row,
    Transaction,
    Watch,
)
from glasshouse.records.engines.opening import open_engine
from glasshouse.records.engines.retrying import transact

__all__ = [
    "MAX_KEY_BYTES",
    "MAX_VALUE_BYTES",
    "Engine",
    "Mutation",
    "Row",
    "Transaction",
    "Watch",
    "open_engine",
    "transact",
]
