"""In-context Learning and Induction Heads (arXiv 2209.11895) as one study."""
