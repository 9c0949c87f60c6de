"""Reading features inside boxes, as the heads of detectors do."""

from permviz.graph.combine import combine
from permviz.graph.labels import Value
from permviz.graph.ledger import Call
from permviz.graph.rules.local import untracked
from permviz.graph.rules.registry import rule


@rule("torchvision::roi_align", "torchvision::roi_pool")
def regions(call: Call) -> Value:
    """Channels of every picture inside every box; boxes and positions keep their order."""
    value = untracked(call, call.value("input"), [0, 2, 3])
    boxes = untracked(call, call.value("rois"), [0, 1])
    cause = call.cause("Runs over boxes and positions, not over channels.")
    read = Value(call.shape, value.facets, (False, value.uniform[1], False, False), cause)
    return combine(call, [read, Value((1, 1, 1, 1), (), (True,) * 4, boxes.cause)])
