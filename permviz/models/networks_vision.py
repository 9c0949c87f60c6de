"""Torchvision's networks: classification, segmentation, detection."""

import importlib
from typing import Any

from torch import nn

from permviz.models.detectors import detector_forward
from permviz.models.networks import Build, Network, picture

#: Side of the square pictures; smaller where a network takes any.
CLASSIFIERS = {
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "mobilenet_v3_large": 64,
    "squeezenet1_0": 64,
    "squeezenet1_1": 64,
    "mnasnet1_0": 64,
    "shufflenet_v2_x1_0": 64,
    "efficientnet_b0": 64,
    "resnet50": 64,
    "resnext50_32x4d": 64,
    "densenet161": 64,
    "alexnet": 96,
    "vgg16_bn": 64,
    "googlenet": 64,
    "inception_v3": 96,
    "regnet_y_400mf": 64,
    "convnext_tiny": 64,
    "vit_b_16": 224,
    "swin_t": 64,
    "swin_v2_t": 64,
    "maxvit_t": 224,
}
SEGMENTERS = (
    "fcn_resnet50",
    "fcn_resnet101",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "deeplabv3_mobilenet_v3_large",
    "lraspp_mobilenet_v3_large",
)
DETECTORS = ("maskrcnn_resnet50_fpn", "keypointrcnn_resnet50_fpn", "retinanet_resnet50_fpn")


def _classifier(name: str, size: int) -> Build:
    # These start with a truncated normal of scipy's, which takes minutes.
    quick = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}

    def build() -> tuple[nn.Module, object]:
        return _models().get_model(name, weights=None, **quick), picture(size)

    return build


def _segmenter(name: str) -> Build:
    def build() -> tuple[nn.Module, object]:
        options = {} if "lraspp" in name else {"aux_loss": True}
        model = _models().get_model(name, weights=None, weights_backbone=None, **options)
        return model, picture(64)

    return build


def _detector(name: str) -> Build:
    def build() -> tuple[nn.Module, object]:
        model = _models().get_model(name, weights=None, weights_backbone=None)
        return model, picture(64)

    return build


def _models() -> Any:
    return importlib.import_module("torchvision.models")


NETWORKS = (
    *(Network(name, "torchvision", _classifier(name, size)) for name, size in CLASSIFIERS.items()),
    *(Network(name, "torchvision", _segmenter(name)) for name in SEGMENTERS),
    *(Network(name, "torchvision", _detector(name), detector_forward) for name in DETECTORS),
)
