"""Heatmaps of the package grad-cam, such as Score-CAM: methods that need many forward passes, and others.

The package scales each map to [0, 1] by its minimum and maximum. It writes `.grad` of the parameters, which
is put back here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.heatmaps.class_maps import METHODS, longest
from pipeline.heatmaps.explain_arguments import ClassLists
from pipeline.heatmaps.layers import TargetLayer

# Methods of ours under other names, and classes that are no method for one layer of any network.
NO_METHODS = {"basecam", "gradcam", "gradcamplusplus", "xgradcam", "hirescam", "layercam", "refinecam"}


def library_names() -> list[str]:
    """The methods of grad-cam besides ours, in lower case: `ablationcam`, `eigencam`, `scorecam`, ..."""
    return sorted(_library())


def pytorch_grad_cam_maps(
    name: str, model: nn.Module, images: Tensor, classes: ClassLists, target: TargetLayer
) -> Tensor:
    """Maps of the classes of each image by a method of grad-cam, float32 (N, P, H, W) in [0, 1].

    Raises:
        ValueError: grad-cam has no such method, none for such a layer, or is not installed.
    """
    methods = _library()
    if name not in methods:
        raise UserError(f"expected a method of {', '.join([*METHODS, *sorted(methods)])}, got {name!r}")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    maps = torch.zeros(len(images), longest(classes), *images.shape[-2:], device=images.device)
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        _gradients_kept(model),
        _probed(model, target) as probed,
    ):
        # Not as a context manager: as one, it swallows an IndexError.
        method = methods[name](probed, [probed.probe], reshape_transform=target.reshape)
        for n, indices in enumerate(classes):
            for j, index in enumerate(indices):
                try:
                    heatmap = method(images[n : n + 1], [ClassifierOutputTarget(index)])[0]
                except (
                    IndexError,
                    TypeError,
                    ValueError,
                ) as error:  # of methods that know feature maps alone
                    raise UserError(f"{name}: grad-cam cannot make it of this layer: {error}") from error
                maps[n, j] = torch.as_tensor(heatmap)
    return maps


class _Probed(nn.Module):
    """The model with the feature map as the output of a module, where the package looks for it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.probe: nn.Module = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images)
        return logits


@contextmanager
def _probed(model: nn.Module, target: TargetLayer) -> Iterator[_Probed]:
    probed = _Probed(model)

    # Each call looks `probed.probe` up: Ablation-CAM puts another module in its place.
    def before(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (probed.probe(inputs[0]), *inputs[1:])

    def after(_module: nn.Module, _inputs: Any, output: Tensor) -> Any:
        return probed.probe(output)

    layer, is_output = target.layer, target.side == "output"
    with layer.register_forward_hook(after) if is_output else layer.register_forward_pre_hook(before):
        yield probed


@contextmanager
def _gradients_kept(model: nn.Module) -> Iterator[None]:
    """Let each parameter have a gradient, also in frozen networks; put `.grad` and `requires_grad` back."""
    states = [(p, p.grad, p.requires_grad) for p in model.parameters()]
    for parameter, _, _ in states:
        parameter.grad = None
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter, gradient, requires_grad in states:
            parameter.requires_grad_(requires_grad)
            parameter.grad = gradient


def _library() -> dict[str, Any]:
    try:
        import pytorch_grad_cam as library
    except ImportError as error:
        raise UserError(
            "this method is of the package grad-cam, which is not installed: pip install '.[methods]'"
        ) from error
    classes = {name.lower().replace("_", ""): c for name, c in vars(library).items() if name.endswith("CAM")}
    return {name: method for name, method in classes.items() if name not in NO_METHODS}
