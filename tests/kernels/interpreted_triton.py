"""Run Triton's kernel in its interpreter, beside the obvious one; prints what differs most.

A program of its own, since Triton looks at TRITON_INTERPRET when a kernel is defined.
"""

import numpy as np
import torch

from permviz.kernels import triton_table
from permviz.kernels.reference import ReferenceKernels

SHAPES = ((1, 1, 1), (5, 7, 3), (17, 16, 9), (16, 20, 530))


def error(found, floors, columns):
    obvious = ReferenceKernels().slot_values(floors, columns)
    return float(np.abs(found.numpy() - obvious).max() / obvious.max())


errors = []
for slots, channels, rows in SHAPES:
    rng = np.random.default_rng(rows)
    floors = rng.random((slots, rows), dtype=np.float32)
    columns = rng.random((channels, rows), dtype=np.float32)
    given = torch.tensor(floors), torch.tensor(columns)
    errors.append(error(triton_table.slot_values(*given), floors, columns))
    if rows < 100:
        for tile in triton_table.TILES:
            # Blocks of 4 rows, so that even few rows fill more than one and leave a rest.
            constants = tile.kwargs | {"ROWS": 4}
            found = triton_table.launch(triton_table.tile.fn, *given, **constants)
            errors.append(error(found, floors, columns))
print(len(errors), max(errors))
