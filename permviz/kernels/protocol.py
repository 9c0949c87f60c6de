"""What a search asks of the hardware.

Everything works on `columns: float32[channels, rows]`, one contiguous vector a channel,
and on `stripes: int64[stripes, m]`, the channels that stand in each stripe. Notation of
the derivation in `slot_values`: S the scores, i a slot, x a channel.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern

Columns = NDArray[np.float32]
Stripes = NDArray[np.int64]
Values = NDArray[np.float64]
Places = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Rounds:
    """What one call of block annealing does.

    Attributes:
        opened: stripes that are opened in a round, one slot in each; at least 2.
        swaps: Metropolis swaps on the table of a round.
        temperature: in units of the columns' sums; 0 accepts gains only.
        count: how many rounds.
    """

    opened: int
    swaps: int
    temperature: float
    count: int


@dataclass(frozen=True, slots=True)
class Sweeps:
    """What one call of annealing on a table does.

    Attributes:
        temperature: in units of the columns' sums; 0 accepts gains only.
        count: how often every swap is tried.
        most: swaps after which the call ends even so; at least 1.
        fill: whether the table is new; else the last call with it left the same order.
    """

    temperature: float
    count: int
    most: int
    fill: bool


class Kernels(Protocol):
    """The questions that local searches ask; answers never depend on threads.

    Attributes:
        threads: how many chains of an annealing run side by side.
        speed: rough max-adds in the time of one on a core; steps hold so much more work.
    """

    threads: int
    speed: int

    def suited(self, columns: Columns) -> "Kernels":
        """The kernels to search these columns with: others where these are at a loss."""
        ...

    def stripe_values(self, columns: Columns, stripes: Stripes, n: int) -> Values:
        """Retained score of each stripe: float64[stripes]."""
        ...

    def floors(self, columns: Columns, stripes: Stripes, n: int) -> Columns:
        """What a slot's stripe keeps in its place when the slot is empty.

        For each slot and row, the n-th largest of the m-1 other values of its stripe.

        Returns:
            float32[stripes * m, rows]
        """
        ...

    def slot_values(self, floors: Columns, columns: Columns) -> Values:
        """Value of every channel in every slot, up to a constant of the slot.

        Take slot i out of its stripe; let b be the n-th largest of what remains and A the
        sum of the n-1 largest. With channel x in the slot the stripe keeps exactly
        sum over rows of A + max(b, S[:, x]), so

            K[i, x] = sum over rows of max(b_i, S[:, x])

        answers every swap question, since A cancels in all gains.

        Returns:
            float64[slots, channels]
        """
        ...

    def swap_round(self, values: Values, order: NDArray[np.int64], m: int) -> Stripes:
        """The swaps of one greedy round: best first, each stripe in at most one.

        The gain of swapping slots i and j of different stripes is
        K[i,pj] + K[j,pi] - K[i,pi] - K[j,pj], with p the channels in the slots. Only
        swaps that gain are made; ties go to the first slots.

        Returns:
            int64[swaps, 2] slots to swap.
        """
        ...

    def group_gains(
        self, columns: Columns, stripes: Stripes, groups: Stripes, n: int
    ) -> tuple[Values, Places]:
        """The best way to share the channels of groups of two, three or four stripes.

        Args:
            columns: float32[channels, rows]
            stripes: int64[stripes, m]
            groups: int64[groups, size], indices of different stripes.
            n: how many channels of a stripe survive.

        Returns:
            float64[groups] gains over the present sharing, and uint8[groups, size * m] the
            places among the channels of the group that each new stripe takes.
        """
        ...

    def anneal(
        self,
        columns: Columns,
        orders: NDArray[np.int64],
        pattern: NMPattern,
        rounds: Rounds,
        states: NDArray[np.uint64],
    ) -> None:
        """Rearrange each chain by block annealing, in place.

        A round opens one random slot in each of some random stripes and swaps the opened
        channels by Metropolis' rule on the table of their values.

        Args:
            columns: float32[channels, rows]
            orders: int64[chains, channels], changed in place.
            pattern: the N:M pattern.
            rounds: what to do.
            states: uint64[chains, 1], the random numbers of each chain, advanced in place.
        """
        ...

    def anneal_table(
        self,
        columns: Columns,
        orders: NDArray[np.int64],
        pattern: NMPattern,
        sweeps: Sweeps,
        states: NDArray[np.uint64],
        tables: Columns,
    ) -> None:
        """Rearrange each chain by Metropolis swaps of any two slots, in place.

        A sweep goes through all slots in turn, and makes the swap of a slot whose gain and
        luck together are largest, where that is positive: luck is an exponential random
        number times the temperature, which is Metropolis' rule where few swaps are made.

        Args:
            columns: float32[channels, rows]
            orders: int64[chains, channels], changed in place.
            pattern: the N:M pattern.
            sweeps: what to do.
            states: uint64[chains, 1], the random numbers of each chain, advanced in place.
            tables: float32[chains, *room], zeros at first: what a call leaves to the next; see
                `permviz.kernels.compiled_table.room`.
        """
        ...
