"""A prompt that shows a model how to behave, and a student that behaves so without it.

- `prompts`: example dialogues in front of a request
- `store`: what a teacher said of texts, its likeliest tokens kept on disk
- `students`: learning from it, and how much of the way the student went
"""
