"""Published figures of channel permutation searches, as facts with their source.

All for 2:4. `PAPER` is Pool and Yu, Channel Permutations for N:M Sparsity, NeurIPS 2021;
`README` is the page that its authors publish with their code; `CODE` are runs of that code
on the paper's matrices, from before permviz: they stand where the printed values of the
paper's Tables 1 and 3 are not part of this package.
"""

from dataclasses import dataclass

PAPER = "paper"
README = "authors' README, V100"
CODE = "authors' code"


@dataclass(frozen=True, slots=True)
class Figure:
    """One published result.

    Attributes:
        efficacy: percent; the mean where there are several matrices.
        seconds: searching time; None where it was not published.
        source: who says so, and on which machine.
    """

    efficacy: float
    seconds: float | None
    source: str


@dataclass(frozen=True, slots=True)
class PaperStrategy:
    """A strategy of the paper.

    Attributes:
        label: as the paper writes it.
        text: as `permviz` writes it.
    """

    label: str
    text: str


RANDOM = PaperStrategy("random 1000", "random(count=1000)")
SWAP = PaperStrategy("channel swap", "channel_swap(escapes=0)")
SWAP_100 = PaperStrategy("channel swap + BR(100)", "channel_swap(escapes=100)")
SWAP_1000 = PaperStrategy("channel swap + BR(1000)", "channel_swap(escapes=1000)")
OSG2 = PaperStrategy("OSG(2)", "osg(stripes=2, escapes=0)")
OSG2_100 = PaperStrategy("OSG(2) + BR(100)", "osg(stripes=2, escapes=100)")
OSG2_1000 = PaperStrategy("OSG(2) + BR(1000)", "osg(stripes=2, escapes=1000)")
OSG3 = PaperStrategy("OSG(3)", "osg(stripes=3, escapes=0)")
OSG3_100 = PaperStrategy("OSG(3) + BR(100)", "osg(stripes=3, escapes=100)")
OSG3_1000 = PaperStrategy("OSG(3) + BR(1000)", "osg(stripes=3, escapes=1000)")

ABLATION = (
    RANDOM, SWAP, SWAP_100, SWAP_1000, OSG2, OSG2_100, OSG2_1000, OSG3, OSG3_100, OSG3_1000,
)  # fmt: skip

# Means over the seeds 0 to 11 (0 to 7 for BR(1000), 0 to 5 for OSG(3)), without times:
# they were taken on machines of all kinds.
TABLE_1_64X128 = {
    SWAP: Figure(47.45, None, f"{CODE}, 12 seeds"),
    SWAP_100: Figure(47.80, None, f"{CODE}, 12 seeds"),
    SWAP_1000: Figure(48.64, None, f"{CODE}, 8 seeds"),
    OSG2: Figure(48.25, None, f"{CODE}, 12 seeds"),
    OSG2_100: Figure(48.53, None, f"{CODE}, 12 seeds"),
    OSG2_1000: Figure(49.49, None, f"{CODE}, 8 seeds"),
    OSG3: Figure(51.81, None, f"{CODE}, 6 seeds"),
}

TABLE_3_SIZES = (
    (32, 32), (64, 32), (64, 64), (128, 64), (128, 128), (256, 128), (256, 256), (512, 256),
    (2048, 2048),
)  # fmt: skip
"""Rows and channels; the matrices of seed 1."""

TABLE_3 = {
    (64, 32): {
        SWAP: Figure(50.9, None, CODE),
        SWAP_100: Figure(52.3, None, CODE),
        OSG2: Figure(47.6, None, CODE),
        OSG2_100: Figure(49.6, None, CODE),
        OSG2_1000: Figure(49.6, None, CODE),
        OSG3: Figure(53.1, None, CODE),
    },
    (128, 64): {
        RANDOM: Figure(11.1, 0.116, README),
        SWAP: Figure(32.1, 0.214, README),
        SWAP_100: Figure(32.5, 2.249, README),
        SWAP_1000: Figure(36.0, 20.248, README),
        OSG2: Figure(35.5, 0.013, README),
        OSG2_100: Figure(35.5, 0.152, README),
        OSG2_1000: Figure(35.6, 1.387, README),
        OSG3: Figure(36.6, 0.860, README),
    },
    (128, 128): {
        SWAP: Figure(35.8, None, CODE),
        SWAP_100: Figure(36.5, None, CODE),
        OSG2: Figure(35.4, None, CODE),
        OSG2_100: Figure(35.5, None, CODE),
        OSG2_1000: Figure(36.9, None, CODE),
        OSG3: Figure(39.2, None, CODE),
    },
    (256, 256): {
        SWAP: Figure(26.3, None, CODE),
        SWAP_100: Figure(26.7, None, CODE),
        OSG2: Figure(26.5, None, CODE),
        OSG2_100: Figure(26.7, None, CODE),
        OSG2_1000: Figure(26.8, None, CODE),
    },
}

TABLE_9 = {
    "best of 10 random": Figure(7.5, None, PAPER),
    "greedy": Figure(46.5, None, PAPER),
    "best of 10 random, then greedy": Figure(46.1, None, PAPER),
}

TABLE_10_LAYER = "features.8.conv.2"
TABLE_10 = {
    0.70: {
        SWAP: Figure(95.2, None, PAPER),
        SWAP_100: Figure(96.8, None, PAPER),
        OSG2: Figure(95.8, None, PAPER),
        OSG2_100: Figure(96.2, None, PAPER),
        OSG3: Figure(99.5, None, PAPER),
        OSG3_100: Figure(99.9, None, PAPER),
    },
    0.75: {
        SWAP: Figure(99.7, None, PAPER),
        SWAP_100: Figure(100.0, None, PAPER),
        OSG2: Figure(99.8, None, PAPER),
        OSG2_100: Figure(100.0, None, PAPER),
        OSG3: Figure(100.0, None, PAPER),
        OSG3_100: Figure(100.0, None, PAPER),
    },
}

FIGURE_3_SEED = 1
FIGURE_3 = (0.0, 3.95, 9.35, 13.52, 17.09, 22.42, 25.87, 30.44, 35.47)
"""Efficacies of the orders in the README: the default, seven between, and OSG(2)'s.

They follow from the magnitudes printed there, 2852.377 by default, 3042.332 at most, and
2859.886, 2870.139, 2878.068, 2884.832, 2894.970, 2901.512, 2910.204 and 2919.757.
"""
