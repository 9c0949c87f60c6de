"""One torch thread: the tests' tensors are small, and waiting threads spin on all cores."""

import torch

torch.set_num_threads(1)
