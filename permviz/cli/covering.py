"""`permviz reproduce coverage`: today's networks, and how much of each can be permuted."""

from pathlib import Path

from permviz.cli.console import progress_bar, remarks
from permviz.cli.measuring import INTERRUPTED, Record, machine, texts, write
from permviz.models.covering import Covered, covered
from permviz.models.networks import chosen


def run(networks: str, form: str, out: Path | None) -> int:
    """Measure and print; return the exit code.

    Raises:
        SourceError: a network is unknown.
    """
    wanted = chosen(texts(networks))
    records: list[Record] = []
    whole = True
    try:
        with progress_bar(remarks()) as advance:
            for done, network in enumerate(wanted):
                advance(f"Analysing {network.name}", done / len(wanted))
                records.append(_record(covered(network)))
    except KeyboardInterrupt:
        remarks().print("Interrupted: the rows that are complete follow.", soft_wrap=True)
        whole = False
    about = {
        "title": "What can be permuted in networks with random weights, output unchanged",
        "machine": machine("cpu"),
        "remark": "Layers that read one channel a row (depthwise) are left out. Share: weights "
        "in input channels that can move. Changes are relative: all groups permuted at random "
        "together, and the smallest of the negative controls (one side of a group alone).",
    }
    write(records, form, out, about)
    return 0 if whole else INTERRUPTED


def _record(row: Covered) -> Record:
    return {
        "network": row.name,
        "from": row.package,
        "captured": "yes" if row.captured else "no",
        "capture seconds": row.capture_seconds,
        "analysis seconds": row.analysis_seconds,
        "verification seconds": row.verification_seconds,
        "groups": row.groups,
        "layers": None if row.layers is None else f"{row.permutable_layers} of {row.layers}",
        "weights %": row.share,
        "change float64": _scientific(row.float64_change),
        "change native": _scientific(row.native_change),
        "control": _scientific(row.control_change),
        "note": row.note or None,
    }


def _scientific(value: float | None) -> str | None:
    return None if value is None else f"{value:.1e}"
