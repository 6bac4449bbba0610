"""Methods of the package grad-cam: those that need many forward passes, and all else it offers.

Its maps are scaled to [0, 1] by minimum and maximum, one by one. It writes `.grad` of the parameters, which
is put back here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.heatmaps.hooks import Reshape
from pipeline.heatmaps.layers import TargetLayer

# Ours by other names, and classes that are no method for one layer of any network.
NO_METHODS = {
    "basecam",
    "gradcam",
    "gradcamplusplus",
    "xgradcam",
    "hirescam",
    "layercam",
    "refinecam",
    "fullgrad",
}


def library_names() -> list[str]:
    """What the package offers besides the own methods, in lower case: `scorecam`, `ablationcam`, `eigencam`,
    ...

    Raises:
        ValueError: grad-cam is not installed.
    """
    return sorted(_library())


def library_maps(
    name: str,
    model: nn.Module,
    images: Tensor,
    classes: Sequence[Sequence[int]],
    target: TargetLayer,
    reshape: Reshape | None = None,
) -> Tensor:
    """Maps of the classes of each image by a method of grad-cam, float32 (N, P, H, W) in [0, 1].

    Raises:
        ValueError: it has no such method, or is not installed.
    """
    methods = _library()
    if name not in methods:
        raise UserError(
            f"expected a method of cam, gradcam, gradcampp, xgradcam, hirescam, layercam, "
            f"{', '.join(sorted(methods))}, got {name!r}"
        )
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    longest = max(1, *(len(present) for present in classes)) if classes else 1
    maps = torch.zeros(len(images), longest, *images.shape[-2:], device=images.device)
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        _gradients_kept(model),
        _probed(model, target) as probed,
    ):
        # Not as a context manager: as one, it swallows an IndexError.
        method = methods[name](probed, [probed.probe], reshape_transform=reshape)
        for n, present in enumerate(classes):
            for j, index in enumerate(present):
                heat = method(images[n : n + 1], [ClassifierOutputTarget(index)])[0]
                maps[n, j] = torch.as_tensor(heat)
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

    # `probed.probe` is looked up at each call: Ablation-CAM puts another module in its place.
    def before(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (probed.probe(inputs[0]), *inputs[1:])

    def after(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        result: Tensor = probed.probe(output)
        return result

    layer = target.layer
    handle = (
        layer.register_forward_hook(after)
        if target.side == "output"
        else layer.register_forward_pre_hook(before)
    )
    try:
        yield probed
    finally:
        handle.remove()


@contextmanager
def _gradients_kept(model: nn.Module) -> Iterator[None]:
    """Give each parameter back its `.grad` and whether it wants one; frozen networks work too."""
    kept = [(p, p.grad, p.requires_grad) for p in model.parameters()]
    for parameter, _, _ in kept:
        parameter.grad = None
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter, gradient, wanted in kept:
            parameter.requires_grad_(wanted)
            parameter.grad = gradient


def _library() -> dict[str, Any]:
    try:
        import pytorch_grad_cam as library
    except ImportError as error:
        raise UserError(
            "this method is of the package grad-cam, which is not installed: pip install 'camseg[methods]'"
        ) from error
    found = {
        name.lower().replace("_", ""): value for name, value in vars(library).items() if name.endswith("CAM")
    }
    return {name: value for name, value in found.items() if name not in NO_METHODS}
