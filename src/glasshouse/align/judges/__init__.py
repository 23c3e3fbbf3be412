"""Preference models: what they are, how they learn, and what they go by.

- `model`: a language model whose last token is read by one number; `ensemble`: several as one
- `losses`, `training`: four objectives over the same comparisons, which `dealing` shares out
- `pretraining`: cheap comparisons to begin with: votes, and pairs without a direction
- `calibration`: whether margins are the odds that they claim to be
- `controls`: how far a judge goes by length or place
- `traits`: yes-or-no questions, and how often a judge scores the harmless reply higher
"""
