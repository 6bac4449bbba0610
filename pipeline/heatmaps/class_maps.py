"""Maps of one batch by all methods, for all wanted classes, from one forward pass."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.heatmaps.cam import cam, gradcam, gradcampp, hirescam, layercam, xgradcam
from pipeline.heatmaps.explain_arguments import ClassLists
from pipeline.heatmaps.hooks import (
    Captured,
    capture_input,
    capture_output,
    capture_pooled,
    checked_logits,
    class_gradients,
)
from pipeline.heatmaps.layers import TargetLayer
from pipeline.params import HeatmapMethod

METHODS: tuple[str, ...] = get_args(HeatmapMethod)


@dataclass(frozen=True)
class ClassMaps:
    """Maps of one batch."""

    maps: dict[str, Tensor]  # by method, float32 (N, P, h, w); 0 where an image has fewer than P classes
    classes: ClassLists
    earlier: tuple[Tensor, ...] = ()  # LayerCAM of each earlier layer, (N, P, h, w) of its own h and w


def class_maps(
    model: nn.Module,
    images: Tensor,
    classes: ClassLists | None,
    methods: Sequence[str],
    target: TargetLayer,
    earlier: Sequence[nn.Module] = (),
) -> ClassMaps:
    """Maps of the classes by each method; P is the length of the longest list of classes, at least 1.

    Args:
        model: in eval mode; gives logits (N, C).
        images: (N, 3, H, W) as `model` wants them, on its device.
        classes: class indices of each image; None: the class with the largest logit.
        earlier: layers before the target, whose outputs (N, K, h, w) get maps by LayerCAM.

    Raises:
        ValueError: not one list of classes per image, an index beyond the logits, an unknown method, or `cam`
            for a network whose logits are not one linear layer of pooled features.
        CaptureError: the layer was not reached, or its activations are no feature map.
    """
    check_request(classes, len(images), methods, target)
    with ExitStack() as stack:
        earlier_captured = [stack.enter_context(capture_output(layer)) for layer in earlier]
        captured = stack.enter_context(capture_target(target))
        return maps_of(captured, model(images), classes, methods, target, earlier_captured)


def maps_of(
    captured: Captured,
    output: object,
    classes: ClassLists | None,
    methods: Sequence[str],
    target: TargetLayer,
    earlier: Sequence[Captured] = (),
) -> ClassMaps:
    """`class_maps` from a forward pass that has run: `output` is what the model returned, with its graph."""
    logits = checked_logits(output, len(captured.activations))
    if classes is None:
        classes = logits.argmax(1, keepdim=True).tolist()
    _check_known(classes, logits.shape[1])
    leaves = [captured.leaf, *(layer.leaf for layer in earlier)]
    slots = (class_gradients(logits, leaves, slot) for slot in _slots(classes))
    target_gradients, *earlier_gradients = zip(*slots, strict=True)
    activations = captured.activations.detach()[:, None]
    gradients = torch.stack([target.reshape(g) if target.reshape else g for g in target_gradients], 1)
    if target.pooled is not None:
        gradients = gradients.reshape(*gradients.shape[:3], 1, 1) / activations.shape[-2:].numel()
    with torch.autocast(logits.device.type, enabled=False):  # else the sums would be in bfloat16
        maps = {method: _map(method, activations, gradients) for method in methods}
        earlier_maps = tuple(
            layercam(layer.activations.detach()[:, None], torch.stack(layer_gradients, 1))
            for layer, layer_gradients in zip(earlier, earlier_gradients, strict=True)
        )
    return ClassMaps(maps, classes, earlier_maps)


def check_request(
    classes: ClassLists | None, count: int, methods: Sequence[str], target: TargetLayer
) -> None:
    """Raise ValueError where the request has no answer, before anything is computed."""
    if classes is not None and len(classes) != count:
        raise ValueError(f"expected one list of classes per image ({count}), got {len(classes)}")
    check_methods(methods)
    if "cam" in methods and not target.linear_head:
        raise UserError(
            "cam: the logits are not one linear layer of globally averaged features. Use gradcam: where "
            "both exist they are the same, but for negative values"
        )


def check_methods(methods: Sequence[str]) -> None:
    """Raise ValueError for a method that is not in `METHODS`."""
    for method in methods:
        if method not in METHODS:
            raise ValueError(f"expected a method of {', '.join(METHODS)}, got {method!r}")


def _check_known(classes: ClassLists, count: int) -> None:
    unknown = [index for indices in classes for index in indices if not 0 <= index < count]
    if unknown:
        raise ValueError(
            f"expected class indices in 0..{count - 1}, the classes of the logits, got {unknown[0]}"
        )


def capture_target(target: TargetLayer) -> AbstractContextManager[Captured]:
    """The capture for a target: of an input, of an output, or after pooling."""
    if target.pooled is not None:
        return capture_pooled(target.layer, target.side, target.pooled)
    if target.side == "input":
        return capture_input(target.layer)
    return capture_output(target.layer, target.reshape)


def longest(classes: ClassLists) -> int:
    """P, the length of the longest list of classes, at least 1."""
    return max([1, *map(len, classes)])


def _map(method: str, activations: Tensor, gradients: Tensor) -> Tensor:
    match method:
        case "cam":  # of a linear head: w_ck = dy_c / dF_k, the sum of the gradient over the cells
            return cam(activations, gradients.mean((-2, -1)) * activations.shape[-2:].numel())
        case "gradcam":
            return gradcam(activations, gradients)
        case "gradcampp":
            return gradcampp(activations, gradients)
        case "xgradcam":
            return xgradcam(activations, gradients)
        case "hirescam":
            return hirescam(activations, gradients)
        case _:
            return layercam(activations, gradients)


def _slots(classes: ClassLists) -> list[list[int]]:
    """P lists: the j-th class of every image, -1 where an image has fewer classes."""
    return [[c[j] if j < len(c) else -1 for c in classes] for j in range(longest(classes))]
