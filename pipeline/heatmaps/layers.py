"""Which layer of a network the heatmaps are made of."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.heatmaps.hooks import Side

PROBE = (1, 3, 64, 64)  # images that show which module makes which feature map
SAME = 1e-2  # relative difference up to which a vector counts as the mean of a map; bfloat16 has 4e-3


@dataclass(frozen=True)
class TargetLayer:
    """Where the feature map is captured: the output or the input of `layer`."""

    layer: nn.Module
    side: Side = "output"
    pooled: nn.Module | None = None  # its input is the map's mean over the cells: gradients are taken there
    linear_head: bool = False  # the logits are one linear layer of that mean: CAM is defined


def find_target(model: nn.Module, image: Tensor, layer: nn.Module | str | None) -> TargetLayer:
    """The target for a module, a dotted name such as `layer4.-1`, or None.

    None: the last feature map before global pooling, found by hooks on a forward pass of one image. It is the
    input of a module that reduces it to one cell; where none does, the output of the last module that saw it.

    Args:
        image: (1, 3, H, W), only used for None.

    Raises:
        ValueError: no such layer, or no feature map was found; the message lists what there is.
    """
    if isinstance(layer, nn.Module):
        return TargetLayer(layer)
    if isinstance(layer, str):
        return TargetLayer(named_layer(model, layer))
    with torch.no_grad(), _recorded(model) as calls:
        logits = model(image)
    if not calls or any(call.given.ndim == 3 for call in calls):
        raise UserError(
            "no feature map before global pooling was found (a transformer?). Name a layer, and `reshape` if "
            f"its output is not (N, K, h, w). Layers: {', '.join(name for name, _ in model.named_children())}"
        )
    last, *head = calls
    if last.shared:
        raise UserError(
            "the last feature map goes into several pooling modules side by side, and a hook sees one. "
            f"Name the layer it comes from. Layers: {', '.join(name for name, _ in model.named_children())}"
        )
    reduced = not _is_map(last.result)
    target = TargetLayer(last.module, "input" if reduced else "output")
    mean = (last.given if reduced else last.result).float().mean((-2, -1))
    if not head or not _is_close(head[0].given, mean):
        return target
    linear = next((call for call in reversed(head) if isinstance(call.module, nn.Linear)), None)
    is_linear = linear is not None and _is_close(linear.given, mean) and torch.equal(linear.result, logits)
    return TargetLayer(target.layer, target.side, head[0].module, is_linear)


def named_layer(model: nn.Module, name: str) -> nn.Module:
    """The module of a dotted name; parts of sequences may count from the end, as in `layer4.-1`.

    Raises:
        ValueError: there is none; the message lists what there is at that point.
    """
    module = model
    for part in name.split("."):
        children = dict(module.named_children())
        if (
            part.lstrip("-").isdigit()
            and part not in children
            and -len(children) <= int(part) < len(children)
        ):
            part = list(children)[int(part)]
        if part not in children:
            raise UserError(
                f"layer {name!r}: expected one of {', '.join(children) or 'nothing'}, got {part!r}"
            )
        module = children[part]
    return module


def earlier_layers(backbone: nn.Module, count: int) -> list[nn.Module]:
    """The modules whose outputs are the feature maps before the last one, `count` of them, in their order.

    Args:
        backbone: images (N, 3, H, W) -> feature maps at all depths, a list of (N, K, h, w).

    Raises:
        ValueError: one of them is not the output of a module.
    """
    if not count:
        return []
    layers = depth_layers(backbone)
    if count > len(layers):
        raise UserError(
            f"heatmaps.depths: expected at most {len(layers) + 1}, since earlier feature maps of this "
            f"encoder are not the output of one module, got {count + 1}"
        )
    return layers[-count:]


def depth_layers(backbone: nn.Module) -> list[nn.Module]:
    """The modules whose outputs are the feature maps right before the last one, as far as modules make them.

    Args:
        backbone: see `earlier_layers`.

    Raises:
        ValueError: it does not take images of that size.
    """
    made: list[tuple[nn.Module, Any, int]] = []
    device = next(backbone.parameters()).device

    def hook(module: nn.Module, _inputs: tuple[Any, ...], result: Any) -> None:
        made.append((module, result, result._version if isinstance(result, Tensor) else 0))

    handles = [module.register_forward_hook(hook) for module in backbone.modules() if module is not backbone]
    try:
        with torch.no_grad():
            depths = backbone(torch.zeros(PROBE, device=device))
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"the encoder takes no images of {PROBE[2]} x {PROBE[3]} pixels: {error}") from error
    finally:
        for handle in handles:
            handle.remove()
    found: list[nn.Module] = []
    for depth in reversed(depths[:-1]):
        # Of the modules that hand a map on, the first; one before a change in place has not made it yet.
        makers = [m for m, result, version in made if result is depth and version == depth._version]
        if not makers:
            break
        found.insert(0, makers[0])
    return found


def same_target(target: TargetLayer, net: nn.Module, twin: nn.Module) -> TargetLayer:
    """The target of `net` in a copy of it."""
    names = {id(module): name for name, module in net.named_modules()}
    pooled = None if target.pooled is None else twin.get_submodule(names[id(target.pooled)])
    return replace(target, layer=twin.get_submodule(names[id(target.layer)]), pooled=pooled)


@dataclass(frozen=True)
class _Call:
    """One call of a module without children; copies, since layers that follow may work in place."""

    module: nn.Module
    source: Tensor  # the very tensor that was given
    given: Tensor
    result: Any
    shared: bool = False  # a module before has reduced the same feature map


@contextmanager
def _recorded(model: nn.Module) -> Iterator[list[_Call]]:
    """Record the last call that is given a feature map, and the calls after it."""
    calls: list[_Call] = []
    handles = []

    def hook(module: nn.Module, inputs: tuple[Any, ...], result: Any) -> None:
        if not inputs or not isinstance(inputs[0], Tensor):
            return
        source, shared = inputs[0], False
        if _is_map(source):
            shared = any(call.source is source and not _is_map(call.result) for call in calls)
            calls.clear()
        elif not calls:
            return
        copied = result.clone() if isinstance(result, Tensor) else result
        calls.append(_Call(module, source, source.clone(), copied, shared))

    try:
        for module in model.modules():
            if not any(True for _ in module.children()):
                handles.append(module.register_forward_hook(hook))
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _is_map(tensor: Any) -> bool:
    return isinstance(tensor, Tensor) and tensor.ndim == 4 and tensor.shape[-2:].numel() > 1


def _is_close(vector: Tensor, mean: Tensor) -> bool:
    return vector.numel() == mean.numel() and torch.allclose(
        vector.float().reshape(mean.shape), mean, rtol=SAME, atol=SAME * float(mean.abs().max())
    )
