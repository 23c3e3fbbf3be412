"""`glasshouse look`: inside a model, value by value, or with dictionaries, probes and pushes.

inside      `look MODEL --prompt …`: values and a page
train_sae   `look train-sae`: learn a dictionary of a value
features    `look features`: its latents as pages; find them by words or by likeness
steer       `look steer`: push along a latent or a contrast, and see what it does
probe       `look probe`: whether a property can be read off a value
group       the verbs together, with the first as what is meant when none is named
subject     what they share: the model, its texts, the value
"""

from glasshouse.cli.look.group import app

__all__ = ["app"]
