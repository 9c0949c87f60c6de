"""`python -m permviz` is the command line."""

from permviz.cli import main

if __name__ == "__main__":
    main()
