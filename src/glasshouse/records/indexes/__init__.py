"""Indexes, one file a kind: its declaration, its maintainer and the questions it answers.

index       what every kind is
value       records in the order of a key; unique keys
"""
