"""`permviz`, with the moment of every improvement written to a file, its first argument."""

import sys
import time
from pathlib import Path

import torch
from torch import nn

from permviz.cli import main
from permviz.core.trace import Improved
from permviz.session.events import SearchMoved
from permviz.session.log import EventLog


def date_improvements(path):
    tell, file = EventLog.tell, Path(path)

    def dated(self, event):
        if isinstance(event, SearchMoved) and isinstance(event.event, Improved):
            fields = (time.time(), event.group, event.strategy, event.event.seconds)
            with file.open("a") as out:
                out.write("\t".join(map(str, fields)) + "\n")
        tell(self, event)

    EventLog.tell = dated


def wide():
    """A network whose search takes long for a single layer."""
    torch.manual_seed(0)
    layers = nn.Linear(16, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, 4)
    return nn.Sequential(*layers).eval(), torch.randn(2, 16)


if __name__ == "__main__":
    date_improvements(sys.argv[1])
    main(sys.argv[2:])
