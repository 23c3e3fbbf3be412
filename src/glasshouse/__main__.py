"""`python -m glasshouse`: the command line, where the `glasshouse` command is not on the path."""

from glasshouse.cli import main

if __name__ == "__main__":
    main()
