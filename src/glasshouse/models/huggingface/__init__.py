"""Hugging Face in and out: checkpoints of transformers as our Transformer, and back.

- `families`: every family our Transformer computes; one file each (`gpt2`, `gpt_neox`, `llama`
  with Mistral and Qwen, `gemma`)
- `family`: what a family is: a config both ways, two names for each weight
- `settings`, `rope`, `windows`, `activations`: config.json, field by field
- `shards`, `convert`, `checkpoint`: weights on disk, under their names, under ours, and back
- `as_is`: other architectures, run by transformers' own code
- `numerics`: which code computes a model, and how far it is from transformers
"""
