"""Networks of timm."""

import importlib

from torch import nn

from permviz.models.networks import Build, Network, picture

SIZES = {
    "resnet50d": 64,
    "ghostnet_100": 64,
    "mixer_s32_224": 224,
    "efficientnet_lite0": 64,
    "convnextv2_atto": 64,
    "mobilevit_xxs": 64,
    "efficientvit_b0": 64,
}


def _build(name: str, size: int) -> Build:
    def build() -> tuple[nn.Module, object]:
        model = importlib.import_module("timm").create_model(name, pretrained=False)
        return model, picture(size)

    return build


NETWORKS = tuple(Network(name, "timm", _build(name, size)) for name, size in SIZES.items())
