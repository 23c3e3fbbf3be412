"""The exceptions of the house.

GlasshouseError
└── InputError (also a ValueError)   what a caller or a user can cause: one sentence, exit status 2
    ├── TextError                    a text that cannot be trained on
    └── RunError                     a run folder missing, half-written or of another version
"""


class GlasshouseError(Exception):
    """Any error that Glasshouse raises on purpose."""


class InputError(GlasshouseError, ValueError):
    """A mistake in what was asked; the message is one sentence that names the way out."""


class TextError(InputError):
    """A text file or folder that cannot be trained on: empty, not UTF-8, too short."""


class RunError(InputError):
    """A run folder that is missing, half-written or written by another version."""
