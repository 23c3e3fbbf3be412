"""Indexes, one file a kind: its declaration, its maintainer and the questions it answers.

index       what every kind is
value       records in the order of a key; unique keys
rank        what is the k-th, what rank has x; ranked_set is its structure
aggregate   counts, sums and extremes of groups; adding keeps them
version     what changed since; changes asks it
text        the words of a text; tokenizers, postings; text_conditions and text_search ask it
vector      nearest neighbours; hnsw is its structure, nearest asks it
grouping, asking, paging, pending   what several kinds have in common
"""
