"""Forward functions for torchvision's detectors, whose own forward no capture can follow.

A detector proposes boxes, suppresses overlapping ones and reads features inside those that
are left: how many depends on the picture. None of that mixes channels. The functions here
run the same modules on the same parameters, with fixed boxes in place of the proposals, so
every channel is read and written by exactly the layers that do so in the detector.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from permviz.errors import SourceError
from permviz.graph.wrappers import bare

Forward = Callable[..., Any]
#: Two boxes on each picture, as shares of its width and height: left, top, right, bottom.
BOXES = ((0.1, 0.1, 0.6, 0.7), (0.3, 0.2, 0.9, 0.8))


def detector_forward(model: nn.Module) -> Forward:
    """The forward function of a torchvision detector, to be given to `permviz.analyze`.

    It takes the detector and pictures float[batch, 3, height, width], normalised.

    Raises:
        SourceError: the model is not one of these detectors, or torchvision is missing.
    """
    kinds: dict[str, tuple[str, Forward]] = {
        "RetinaNet": ("retinanet", one_stage),
        "FasterRCNN": ("faster_rcnn", two_stages),
    }
    for name, (module, forward) in kinds.items():
        if isinstance(bare(model), getattr(_detection(module), name)):
            return forward
    raise SourceError(
        f"There is no forward function for {type(model).__name__}; there are some for "
        "torchvision's RetinaNet, Faster R-CNN, Mask R-CNN and Keypoint R-CNN. Pass your own: a "
        "function of the model and its inputs, without steps that depend on the data."
    )


def one_stage(model: Any, pictures: Tensor) -> Any:
    """Scores and boxes of every anchor of a RetinaNet."""
    features = _features(model.backbone, pictures)
    return model.head(list(features.values()))


def two_stages(model: Any, pictures: Tensor) -> Any:
    """Proposals of a Faster, Mask or Keypoint R-CNN, and what its heads make of fixed boxes."""
    features = _features(model.backbone, pictures)
    scores, boxes = model.rpn.head(list(features.values()))
    heads = model.roi_heads
    found = {
        "proposals": (scores, boxes),
        "boxes": heads.box_predictor(
            heads.box_head(_pooled(heads.box_roi_pool, features, pictures))
        ),
    }
    for kind in ("mask", "keypoint"):
        pool = getattr(heads, f"{kind}_roi_pool", None)
        if pool is not None:
            inside = getattr(heads, f"{kind}_head")(_pooled(pool, features, pictures))
            found[kind] = getattr(heads, f"{kind}_predictor")(inside)
    return found


def _features(backbone: nn.Module, pictures: Tensor) -> Mapping[str, Tensor]:
    features = backbone(pictures)
    return {"0": features} if isinstance(features, Tensor) else features


def _pooled(pool: Any, features: Mapping[str, Tensor], pictures: Tensor) -> Tensor:
    """What lies inside the fixed boxes, on every level that the pool reads."""
    height, width = pictures.shape[-2:]
    sizes = torch.tensor([width, height, width, height], dtype=pictures.dtype)
    boxes = (torch.tensor(BOXES, dtype=pictures.dtype) * sizes).to(pictures.device)
    read = [features[name] for name in pool.featmap_names if name in features]
    return torch.cat(
        [
            _operations().roi_align(
                level,
                [boxes] * pictures.shape[0],
                output_size=pool.output_size,
                spatial_scale=level.shape[-1] / width,
                sampling_ratio=pool.sampling_ratio,
            )
            for level in read
        ]
    )


def _detection(module: str) -> Any:
    try:
        return importlib.import_module(f"torchvision.models.detection.{module}")
    except ImportError as problem:
        raise SourceError(
            "torchvision's detectors need torchvision; run: pip install 'permviz[demo]'"
        ) from problem


def _operations() -> Any:
    return importlib.import_module("torchvision.ops")
