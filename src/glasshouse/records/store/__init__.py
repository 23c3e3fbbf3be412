"""Record stores: many under one engine, each with its own records and indexes.

database    Database and StoreHandle: transactions that are tried again
store       RecordStore: save, load, delete, scan inside one transaction
context     a transaction and what is kept until it commits
opening     reading the header, checking the schema, making new indexes ready
header      what the first row of a store says
layout      where things stand inside a store
codec       records as bytes: checksums, large records in parts
reading     pages of records
versions    when each record was last changed
writable    how far an index is built, as writers need to know it
"""
