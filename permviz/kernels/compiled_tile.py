"""Compiled: max-sums of a few slots and a few channels, held in registers throughout.

Written in the compiler's own language: its vectorizer looks at innermost loops alone, and
in those a sum is spread over the lanes of a vector, to be added up across them at the end.
Here each lane is a channel. A sum stays in its lane and is made row by row, so that it is
the same on every machine, however wide its vectors are.
"""

from typing import Any

from llvmlite import binding, ir  # pyright: ignore[reportMissingTypeStubs] - has none
from numba import types
from numba.extending import intrinsic

_FEATURES: Any = binding.get_host_cpu_features()

HEIGHT = 5
"""Slots of a tile: twice as many sums, and what they are made of, fit sixteen registers."""

LANES = 16 if _FEATURES.get("avx512f") else 8
"""Channels of a vector."""

WIDTH = 2 * LANES
"""Channels of a tile."""

_INDEX, _FLOAT, _NUMBER = ir.IntType(64), ir.FloatType(), ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_FAST = ("nnan", "ninf", "nsz", "contract")


def _declare(
    typing: Any, floors: Any, at: Any, columns: Any, start: Any, rows: Any, one: Any, sums: Any
) -> Any:  # fmt: skip
    del typing
    return types.void(floors, at, columns, start, rows, one, sums), _write


def _write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    floors, columns, sums = (
        context.make_array(signature.args[place])(context, builder, given[place]).data
        for place in (0, 2, 6)
    )
    floors, columns = builder.gep(floors, [given[1]]), builder.gep(columns, [given[3]])
    factor, before = _spread(builder, given[5]), builder.block
    loop, after = builder.append_basic_block("rows"), builder.append_basic_block("summed")
    builder.branch(loop)
    builder.position_at_end(loop)
    row, held = builder.phi(_INDEX), [builder.phi(_VECTOR) for _ in range(2 * HEIGHT)]
    floors = builder.gep(floors, [builder.mul(row, _INDEX(HEIGHT))])
    columns = builder.gep(columns, [builder.mul(row, _INDEX(WIDTH))])
    added = _add_row(builder, floors, columns, factor, held)
    following = builder.add(row, _INDEX(1))
    firsts = [_INDEX(0), *[_VECTOR([0.0] * LANES)] * len(held)]
    for value, first, later in zip([row, *held], firsts, [following, *added], strict=True):
        value.add_incoming(first, before)
        value.add_incoming(later, loop)
    builder.cbranch(builder.icmp_unsigned("<", following, given[4]), loop, after)
    builder.position_at_end(after)
    for place, vector in enumerate(added):
        builder.store(vector, _at(builder, sums, place), align=4)
    return context.get_dummy_value()


def _add_row(builder: Any, floors: Any, columns: Any, factor: Any, held: list[Any]) -> list[Any]:
    """The sums with one row more."""
    added: list[Any] = []
    pair = [builder.load(_at(builder, columns, side), align=4) for side in (0, 1)]
    for slot in range(HEIGHT):
        score = builder.load(builder.gep(floors, [_INDEX(slot)]), align=4)
        floor = _spread(builder, score)
        for side, column in enumerate(pair):
            above = builder.fcmp_ordered(">", floor, column, flags=("nnan", "nsz"))
            term = builder.fmul(builder.select(above, floor, column), factor, flags=_FAST)
            added.append(builder.fadd(held[2 * slot + side], term, flags=_FAST))
    return added


def _at(builder: Any, scores: Any, place: int) -> Any:
    """Where a vector begins."""
    return builder.bitcast(builder.gep(scores, [_INDEX(place * LANES)]), _VECTOR.as_pointer())


def _spread(builder: Any, score: Any) -> Any:
    """The same score in every lane."""
    zeros, firsts = _VECTOR([0.0] * LANES), ir.VectorType(_NUMBER, LANES)([0] * LANES)
    return builder.shuffle_vector(builder.insert_element(zeros, score, _NUMBER(0)), zeros, firsts)


max_sums: Any = intrinsic(_declare)
"""Sums over some rows of the larger score of each floor and each column, into `sums`.

Floors and columns stand row by row, `HEIGHT` and `WIDTH` of them side by side, from place
`at` and `start` on: float32[...]. `rows`, at least 1, and the places are uint64; `sums:
float32[HEIGHT, WIDTH]`. Times `one`, which the compiler cannot know, an addition becomes a
fused multiply-add: AMD's cores make maxima and additions in the same two units, but
multiply-adds in two others.
"""
