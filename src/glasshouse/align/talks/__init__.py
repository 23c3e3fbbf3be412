"""Dialogues, the layouts in which models read them, and how likely a model finds a reply.

- `dialogues`: turns, the layouts of the lab, and whose every token is
- `templates`: layouts by name, and the chat template that a Hugging Face directory brings along
- `fitting`: dialogues as much as a context holds
- `lines`, `files`: JSON lines, and dialogues in the shapes that others publish
- `scoring`: replies by how likely a language model finds them
"""
