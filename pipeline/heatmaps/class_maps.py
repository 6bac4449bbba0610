"""All methods and all wanted classes of a batch, from one forward pass."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.heatmaps.cam import cam, gradcam, gradcampp, hirescam, layercam, xgradcam
from pipeline.heatmaps.hooks import (
    Captured,
    Reshape,
    capture_input,
    capture_output,
    capture_pooled,
    class_gradients,
)
from pipeline.heatmaps.layers import TargetLayer

METHODS = ("cam", "gradcam", "gradcampp", "xgradcam", "hirescam", "layercam")

ClassLists = Sequence[Sequence[int]]  # class indices of each image


@dataclass(frozen=True)
class ClassMaps:
    """Maps of one batch."""

    maps: dict[str, Tensor]  # by method, float32 (N, P, h, w); slots beyond an image's own classes are 0
    classes: ClassLists
    earlier: tuple[Tensor, ...] = ()  # LayerCAM of each earlier layer, (N, P, h, w) of its own h and w


def class_maps(
    model: nn.Module,
    images: Tensor,
    classes: ClassLists | None,
    methods: Sequence[str],
    target: TargetLayer,
    reshape: Reshape | None = None,
    earlier: Sequence[nn.Module] = (),
) -> ClassMaps:
    """Maps of the given classes by each method; P is the longest list's length, at least 1.

    Args:
        model: in eval mode; gives logits (N, C).
        images: (N, 3, H, W) as `model` wants them, on its device.
        classes: class indices of each image; None: the best-scoring class of each.
        methods: of `METHODS`.
        target: see `find_target`.
        reshape: see `capture_output`.
        earlier: layers before the target, whose outputs (N, K, h, w) get maps by LayerCAM.

    Raises:
        ValueError: not one list of classes per image, an index beyond the logits, an unknown method, or `cam`
            for a network whose logits are not one linear layer of pooled features.
        CaptureError: the layer was not reached, or its activations are no feature map.
    """
    check_request(classes, len(images), methods, target)
    with ExitStack() as stack:
        before = [stack.enter_context(capture_output(layer)) for layer in earlier]
        captured = stack.enter_context(capture_target(target, reshape))
        return maps_of(captured, model(images), classes, methods, target, reshape, before)


def maps_of(
    captured: Captured,
    output: object,
    classes: ClassLists | None,
    methods: Sequence[str],
    target: TargetLayer,
    reshape: Reshape | None = None,
    before: Sequence[Captured] = (),
) -> ClassMaps:
    """Maps from a forward pass that has run.

    Args:
        captured: of `capture_target`; `before` of the earlier layers.
        output: what the model gave, with its graph.

    Raises:
        ValueError, CaptureError: see `class_maps`.
    """
    logits = _checked_logits(output, len(captured.activations))
    chosen = logits.argmax(1, keepdim=True).tolist() if classes is None else classes
    leaves = [captured.leaf, *(layer.leaf for layer in before)]
    found, *others = zip(*(class_gradients(logits, leaves, slot) for slot in _slots(chosen)), strict=True)
    activations = captured.activations.detach()[:, None]
    gradients = torch.stack([reshape(g) if reshape else g for g in found], 1)
    if target.pooled is not None:
        gradients = gradients.reshape(*gradients.shape[:3], 1, 1) / activations.shape[-2:].numel()
    with torch.autocast(logits.device.type, enabled=False):  # else the sums would be in bfloat16
        maps = {m: _map(m, activations, gradients) for m in methods}
        layers = zip(before, others, strict=True)
        return ClassMaps(
            maps,
            chosen,
            tuple(layercam(c.activations.detach()[:, None], torch.stack(g, 1)) for c, g in layers),
        )


def check_request(
    classes: ClassLists | None, count: int, methods: Sequence[str], target: TargetLayer
) -> None:
    """Refuse what cannot be answered before anything is computed."""
    if classes is not None and len(classes) != count:
        raise ValueError(f"expected one list of classes per image ({count}), got {len(classes)}")
    for method in methods:
        if method not in METHODS:
            raise ValueError(f"expected a method of {', '.join(METHODS)}, got {method!r}")
    if "cam" in methods and not target.linear_head:
        raise UserError(
            "cam: the logits are not one linear layer of globally averaged features. Use gradcam: where "
            "both exist they are the same, but for negative values"
        )


def capture_target(target: TargetLayer, reshape: Reshape | None) -> AbstractContextManager[Captured]:
    """The capture for a target: of an input, an output, or behind pooling."""
    if target.pooled is not None:
        return capture_pooled(target.layer, target.side, target.pooled)
    return capture_input(target.layer) if target.side == "input" else capture_output(target.layer, reshape)


def _map(method: str, activations: Tensor, gradients: Tensor) -> Tensor:
    match method:
        case "cam":  # of a linear head: w_ck = dy_c / dF_k, the sum of the gradient over the cells
            return cam(activations, gradients[..., 0, 0] * activations.shape[-2:].numel())
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


def _checked_logits(logits: object, count: int) -> Tensor:
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != count:
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise UserError(f"expected logits ({count}, C) from the model, got {got}")
    return logits


def _slots(classes: ClassLists) -> list[list[int]]:
    """The j-th class of every image, -1 where it has none."""
    longest = max(1, *(len(present) for present in classes)) if classes else 1
    return [[present[j] if j < len(present) else -1 for present in classes] for j in range(longest)]
