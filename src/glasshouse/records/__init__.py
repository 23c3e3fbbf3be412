"""Typed record stores over an ordered key-value engine; knows nothing of the laboratory.

engines    memory, LMDB, PostgreSQL, FoundationDB behind one small interface
"""
