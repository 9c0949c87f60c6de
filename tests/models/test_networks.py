"""The networks of `reproduce coverage`, and what is measured on them."""

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.rpn import AnchorGenerator

import permviz as pv
from permviz.errors import CaptureError, SourceError
from permviz.models.covering import covered
from permviz.models.detectors import detector_forward
from permviz.models.networks import Network, chosen, enliven, networks, picture

SMALL = ("gnmt", "transformer (nn.Transformer)", "lstm stack", "gru stack", "unet")


@pytest.mark.parametrize("name", SMALL)
def test_every_layer_of_our_own_networks_can_be_permuted(name: str) -> None:
    row = covered(chosen([name])[0])
    assert row.captured
    picture_read = name == "unet"
    assert row.permutable_layers == row.layers - picture_read
    assert row.share > 99 if picture_read else row.share == 100
    assert row.float64_change < 1e-13
    assert row.control_change > 1e-3
    assert row.analysis_seconds is not None


def test_the_paper_s_networks_and_today_s_are_there_once_each() -> None:
    names = [network.name for network in networks()]
    assert len(names) == len(set(names))
    wanted = "mobilenet_v2 densenet161 lraspp_mobilenet_v3_large keypointrcnn_resnet50_fpn gnmt"
    assert set(wanted.split()) <= {*names}
    assert {"gpt2", "mixtral", "whisper", "ghostnet_100", "convnextv2_atto"} <= {*names}
    with pytest.raises(SourceError, match=r"'nothing' is unknown; choose from mobilenet_v2"):
        chosen(["unet", "nothing"])


def test_a_network_whose_package_is_missing_is_a_row_that_says_so() -> None:
    def never() -> tuple[nn.Module, object]:
        raise AssertionError

    row = covered(Network("odd", "no_such_package", never))
    assert (row.captured, row.note) == (False, "no_such_package is not installed.")


def test_a_network_that_is_not_captured_is_a_row_with_the_reason() -> None:
    class Branching(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x if x.sum() > 0 else -x)

    row = covered(Network("odd", "permviz", lambda: (Branching(nn.Conv2d(3, 4, 1)), picture(4))))
    assert not row.captured
    assert "test_networks.py" in row.note
    assert row.share is None


def test_constant_parameters_are_drawn_and_others_are_kept() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 4))
    nn.init.zeros_(model[2].weight)
    kept = model[0].weight.clone()
    assert not enliven(model).training
    assert torch.equal(model[0].weight, kept)
    assert model[1].running_var.unique().numel() == 8
    assert model[1].weight.min() > 0.4
    assert model[2].weight.std() > 0.1
    assert int(model[1].num_batches_tracked) == 0


class Backbone(nn.Module):
    """Two small levels of features."""

    def __init__(self) -> None:
        super().__init__()
        self.out_channels = 8
        self.first, self.second = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 3, 2, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = torch.relu(self.first(x))
        return {"0": y, "1": torch.relu(self.second(y))}


ANCHORS = AnchorGenerator(((8,), (16,)), ((0.5, 1.0),) * 2)
Pool = torchvision.ops.MultiScaleRoIAlign


def mask_rcnn() -> nn.Module:
    heads = {
        "box_roi_pool": Pool(["0", "1"], 4, 2),
        "box_head": detection.faster_rcnn.TwoMLPHead(8 * 16, 16),
        "box_predictor": detection.faster_rcnn.FastRCNNPredictor(16, 3),
        "mask_roi_pool": Pool(["0", "1"], 4, 2),
        "mask_head": detection.mask_rcnn.MaskRCNNHeads(8, (8, 8), 1),
        "mask_predictor": detection.mask_rcnn.MaskRCNNPredictor(8, 8, 3),
    }
    return detection.MaskRCNN(
        Backbone(), rpn_anchor_generator=ANCHORS, min_size=64, box_score_thresh=0.0, **heads
    )


def retinanet() -> nn.Module:
    anchors = {"anchor_generator": ANCHORS, "min_size": 64, "score_thresh": 0.0}
    head = detection.retinanet.RetinaNetHead(8, 2, 3, lambda width: nn.GroupNorm(2, width))
    return detection.RetinaNet(Backbone(), 3, head=head, **anchors)


@pytest.mark.parametrize("build", [mask_rcnn, retinanet])
def test_a_detector_detects_the_same_after_it_was_analysed_by_its_forward_function(
    build: Callable[[], nn.Module],
) -> None:
    torch.manual_seed(0)
    model = enliven(build()).double()
    images = [picture(64)[0].double()]
    with pytest.raises(CaptureError):
        pv.analyze(model, (images,))
    graph = pv.analyze(model, torch.stack(images), forward=detector_forward(model))
    assert [layer.name for layer in graph.layers if layer.frozen] == ["backbone.first"]
    permuted = pv.apply(model, pv.plan(graph, "random(count=2)"))
    assert pv.verify(model, permuted, graph.example_inputs).ok
    with torch.no_grad():
        before, after = model(images)[0], permuted(images)[0]
    assert len(before["boxes"]) > 5
    for name, found in before.items():
        torch.testing.assert_close(after[name], found)


def test_other_models_have_no_forward_function() -> None:
    with pytest.raises(SourceError, match=r"Linear.*Pass your own"):
        detector_forward(nn.Linear(2, 2))
