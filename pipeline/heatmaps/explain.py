"""`explain`: heatmaps of any classifier in one call."""

from collections.abc import Sequence
from typing import overload

from torch import Tensor, nn

from pipeline.data.resize import resize
from pipeline.heatmaps.class_maps import METHODS, capture_target, check_request, maps_of
from pipeline.heatmaps.explain_arguments import ClassArgument, check_images, check_scales, class_lists
from pipeline.heatmaps.explainer import in_eval_mode
from pipeline.heatmaps.hooks import Reshape
from pipeline.heatmaps.layers import check_cells, find_target
from pipeline.heatmaps.multi_scale import fuse
from pipeline.heatmaps.pytorch_grad_cam import pytorch_grad_cam_maps


@overload
def explain(
    model: nn.Module,
    images: Tensor,
    classes: ClassArgument,
    *,
    layer: nn.Module | str | None = None,
    method: str = "gradcampp",
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    reshape: Reshape | None = None,
) -> list[Tensor]: ...


@overload
def explain(
    model: nn.Module,
    images: Tensor,
    classes: ClassArgument,
    *,
    layer: nn.Module | str | None = None,
    method: list[str] | tuple[str, ...],
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    reshape: Reshape | None = None,
) -> dict[str, list[Tensor]]: ...


def explain(
    model: nn.Module,
    images: Tensor,
    classes: ClassArgument,
    *,
    layer: nn.Module | str | None = None,
    method: str | list[str] | tuple[str, ...] = "gradcampp",
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    reshape: Reshape | None = None,
) -> list[Tensor] | dict[str, list[Tensor]]:
    """Heatmaps of the classes of each image, by one method or several.

    One forward pass per scale and flip serves all images, classes and methods, except those of grad-cam. The
    model runs in eval mode; modes, hooks and `.grad` are put back. With `explainer`, you call the model.

    Args:
        model: images -> logits (N, C); on the device of `images`.
        images: (N, 3, H, W) as `model` wants them, normalised if it does not do that itself.
        classes: class indices of each image, a list per image, or a tensor or array (N, P); None: the class
            with the largest logit.
        layer: a module, a dotted name such as `layer4.-1`, or None: the last feature map before global
            pooling, found with a forward pass of the first image; in ViT and Swin the last tokens that all
            reach the logits.
        method: `cam`, `gradcam`, `gradcampp`, `xgradcam`, `hirescam`, `layercam`, or a name of the package
            grad-cam, e.g. `scorecam` (see `pytorch_grad_cam_maps`). Several names give a dict.
        scales: factors of the size of `images`; maps are summed over scales (and flips) and divided once.
        flip: also of the mirrored images: then mirrored images have exactly the mirrored maps.
        reshape: brings the output of `layer`, if it has another form, to (N, K, h, w), e.g. a transformer's
            tokens. Of ViT and Swin of timm and torchvision it is known.

    Returns:
        One float32 tensor (P, H, W) in [0, 1] per image, in the order of its classes; a map without positive
        values is 0.

    Raises:
        ValueError: no such method or layer, no logits, not one list of classes per image, a class beyond the
            logits, or images so small that the feature map is 1 x 1.
        CaptureError: the layer was not reached, was called twice, or its output is no feature map.
    """
    methods = [method] if isinstance(method, str) else list(method)
    check_images(images)
    check_scales(scales)
    indices = class_lists(classes, len(images))
    of_library = [m for m in methods if m not in METHODS]
    ours = [m for m in methods if m in METHODS]
    with in_eval_mode(model):
        target = find_target(model, images[:1], layer, reshape)
        check_request(indices, len(images), ours, target)

        def make_maps(batch: Tensor) -> dict[str, Tensor]:
            nonlocal indices  # None: the first scale chooses for all
            with capture_target(target) as captured:
                result = maps_of(captured, model(batch), indices, ours, target)
            check_cells(captured.activations)
            indices = result.classes
            return result.maps | {
                m: pytorch_grad_cam_maps(m, model, batch, indices, target) for m in of_library
            }

        size = images.shape[-2], images.shape[-1]
        pyramid = [resize(images, (round(size[0] * s), round(size[1] * s))) for s in scales]
        fused = fuse(make_maps, pyramid, size, flip=flip)
    heatmaps = {m: [maps[: len(c)] for maps, c in zip(fused[m], indices or (), strict=True)] for m in methods}
    return heatmaps[method] if isinstance(method, str) else heatmaps
