"""The names that models are loaded by; a page offers them before torch is there."""

from importlib.util import find_spec

DIGITS = "digits"
MOBILENET = "mobilenet_v2"
TORCHVISION = (
    MOBILENET,
    "alexnet",
    "densenet121",
    "efficientnet_b0",
    "mnasnet1_0",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnext50_32x4d",
    "shufflenet_v2_x1_0",
    "squeezenet1_1",
    "vgg11_bn",
    "vgg16_bn",
    "wide_resnet50_2",
)


def architectures() -> tuple[str, ...]:
    """Names that `load_model` and `load_state` understand, the demos first.

    They understand names of libraries, such as ``timm:resnet50d``, as well.
    """
    return (DIGITS, *TORCHVISION) if torchvision_installed() else (DIGITS, MOBILENET)


def torchvision_installed() -> bool:
    """Whether torchvision is there."""
    return find_spec("torchvision") is not None
