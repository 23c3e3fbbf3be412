"""`postgresql://…`: a server, for many machines.

engine       begins transactions and commits them
connections  those that are open, and those that wait for work
snapshot     reading one moment
committing   checking what was read, and writing
refusals     the server's errors in the house's words
"""

from glasshouse.records.engines.postgres.engine import PostgresEngine, open_postgres

__all__ = ["PostgresEngine", "open_postgres"]
