"""Constitutions: principles as data, and what a model does with them.

- `constitution`: principles, read and written
- `revision`: chains of critique and revision by them
- `feedback`: a judge model that labels pairs by them
- `questions`: lists that a model lengthens, and pairs of replies that a policy writes
"""
