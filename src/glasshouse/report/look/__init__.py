"""A look inside a model: some prompts, what was fed, what was fetched, on one page.

- `ask`: Question, look, explain: run the prompts, keep what is shown (`session`, `texts`, `lens`)
- `feeding`: what is fed, in words (`blocks.2.attn.z[head=5, pos=-1]=zero`)
- `look`: what was found; `view`, `heat`, `page`: how it is shown; `write`: the folder
"""

from glasshouse.report.look.ask import Question, explain, look
from glasshouse.report.look.feeding import Feeding, parse_feeding
from glasshouse.report.look.look import Look
from glasshouse.report.look.write import PAGE, VALUES, check_out, write_look

__all__ = [
    "PAGE",
    "VALUES",
    "Feeding",
    "Look",
    "Question",
    "check_out",
    "explain",
    "look",
    "parse_feeding",
    "write_look",
]
