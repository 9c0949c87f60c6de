"""Run a notebook from top to bottom and write it with its outputs: execute.py BOOK OUTPUT."""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    book = nbformat.read(source, as_version=4)
    here = {"metadata": {"path": str(source.parent)}}
    NotebookClient(book, timeout=120, kernel_name="python3", resources=here).execute()
    nbformat.write(book, target)
