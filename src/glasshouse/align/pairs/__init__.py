"""Two replies to one request, and which of them somebody preferred.

- `comparisons`: read, checked, split and written
- `files`: the shapes in which others publish them
- `collect`: from people, simulated or on file
- `rows`: as pairs of token rows, in the order in which they are learned from
"""
