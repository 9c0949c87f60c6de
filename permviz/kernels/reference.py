"""The obvious kernels: each is its own definition, however slow. The tests' oracle."""

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.protocol import Columns, Stripes, Values
from permviz.kernels.subsets import subsets


class ReferenceKernels:
    """numpy, float64, nothing clever."""

    def stripe_values(self, columns: Columns, stripes: Stripes, n: int) -> Values:
        """Sort every stripe in every row and add up the n largest."""
        ranked = np.sort(columns.astype(np.float64)[stripes], axis=1)
        return ranked[:, -n:].sum(axis=(1, 2))

    def floors(self, columns: Columns, stripes: Stripes, n: int) -> Columns:
        """Leave each slot out in turn and take the n-th largest of the others."""
        m = stripes.shape[1]
        found = [
            np.sort(columns[np.delete(stripe, slot)], axis=0)[-n]
            for stripe in stripes
            for slot in range(m)
        ]
        return np.array(found, dtype=np.float32)

    def slot_values(self, floors: Columns, columns: Columns) -> Values:
        """Sum the maxima."""
        return np.maximum(floors[:, None].astype(np.float64), columns[None]).sum(axis=2)

    def swap_round(self, values: Values, order: NDArray[np.int64], m: int) -> Stripes:
        """Build the whole gain matrix and take its largest entries while stripes are free."""
        placed = values[:, order]
        own = np.diag(placed)
        gains = placed + placed.T - own[:, None] - own[None, :]
        stripe = np.arange(len(order)) // m
        gains[stripe[:, None] == stripe[None, :]] = -np.inf
        swaps: list[tuple[int, int]] = []
        while gains.max() > 0:
            i, j = np.unravel_index(gains.argmax(), gains.shape)
            swaps.append((int(i), int(j)))
            taken = (stripe == stripe[i]) | (stripe == stripe[j])
            gains[taken] = gains[:, taken] = -np.inf
        return np.array(swaps, dtype=np.int64).reshape(-1, 2)

    def pair_gains(
        self, columns: Columns, stripes: Stripes, pairs: NDArray[np.int64], n: int
    ) -> tuple[Values, NDArray[np.int64]]:
        """Value both halves of every partition of every pair."""
        listed = subsets(stripes.shape[1])
        gains, choices = np.empty(len(pairs)), np.empty(len(pairs), dtype=np.int64)
        for index, pair in enumerate(pairs):
            values = self.stripe_values(columns, stripes[pair].ravel()[listed], n)
            shared = (values + values[::-1])[: len(listed) // 2]
            choices[index] = shared.argmax()
            gains[index] = shared[choices[index]] - shared[0]
        return gains, choices
