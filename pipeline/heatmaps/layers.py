"""The target layer: the layer of a network that heatmaps are made of, and the layers before it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.heatmaps.hooks import Reshape, Side, checked_logits
from pipeline.heatmaps.tokens import token_layout

PROBE = (1, 3, 64, 64)  # images that show which module makes which feature map
SAME = 1e-2  # relative difference up to which a vector counts as the mean of a map; bfloat16 has 4e-3


TOO_SMALL = "the images are too small for this network: its last feature map is 1 x 1"


class TargetError(UserError):
    """A network whose feature map cannot be found or used; the message lists the layers."""

    def __init__(self, problem: str, advice: str, model: nn.Module) -> None:
        layers = ", ".join(name for name, _ in model.named_children())
        super().__init__(f"{problem}. {advice}. Layers: {layers}")
        self.problem = problem  # alone, for callers with other advice


@dataclass(frozen=True)
class TargetLayer:
    """Where the feature map is captured: the output or the input of `layer`."""

    layer: nn.Module
    side: Side = "output"
    pooled: nn.Module | None = None  # its input is the map's mean over the cells: gradients are taken there
    linear_head: bool = False  # the logits are one linear layer of that mean: CAM is defined
    reshape: Reshape | None = None  # see `capture_output`


def find_target(
    model: nn.Module, image: Tensor, layer: nn.Module | str | None, reshape: Reshape | None = None
) -> TargetLayer:
    """The target for a module, a dotted name such as `layer4.-1`, or None.

    None: the last feature map before global pooling, found by hooks on a forward pass of one image. It is the
    input of the module that reduces it to one cell. Without such a module, it is the output of the last
    module whose input is a feature map.

    In transformers of which the form is known (`token_layout`), it is the last one that every token passes.

    Args:
        image: (1, 3, H, W), only used for None.
        reshape: of the output of a given layer, see `capture_output`.

    Raises:
        ValueError: no such layer, no logits, or no feature map; the message lists the layers.
    """
    tokens = token_layout(model)
    if isinstance(layer, str):
        layer = named_layer(model, layer)
    if isinstance(layer, nn.Module):  # convolutions have their channels first also where the network has not
        known = None if tokens is None or isinstance(layer, nn.Conv2d) else tokens.reshape
        return TargetLayer(layer, reshape=reshape or known)
    if layer is not None:
        raise UserError(f"layer: expected a module, a name or None, got {layer!r}")
    if reshape is not None:
        raise UserError("reshape: name the layer whose output it takes, as `layer`")
    if tokens is not None:
        return TargetLayer(tokens.layer, reshape=tokens.reshape)
    return _found_target(model, image)


def _found_target(model: nn.Module, image: Tensor) -> TargetLayer:
    with torch.no_grad(), _recorded(model) as calls:
        logits = checked_logits(model(image), len(image))
    _check_calls(model, calls)
    last, *head = calls
    reduced = not _is_map(last.output)
    feature_map = (last.input if reduced else last.output).float()
    target = TargetLayer(last.module, "input" if reduced else "output")
    mean = feature_map.mean((-2, -1))
    if head and head[0].input.numel() == feature_map.shape[-1] != feature_map.shape[1]:
        problem = "the last feature map has its channels last, (N, h, w, K)"
        raise TargetError(problem, "Name the layer it comes from, and `reshape`", model)
    if not head or not _is_close(head[0].input, mean):
        return target
    linear = next((call for call in reversed(head) if isinstance(call.module, nn.Linear)), None)
    is_linear = linear is not None and _is_close(linear.input, mean) and torch.equal(linear.output, logits)
    return replace(target, pooled=head[0].module, linear_head=is_linear)


def _check_calls(model: nn.Module, calls: Sequence["_Call"]) -> None:
    """Raise where the recorded calls show no feature map that one hook can reach."""
    if not calls or any(call.input.ndim == 3 for call in calls):
        problem = "no feature map before global pooling was found (a transformer?)"
        raise TargetError(problem, "Name a layer, and `reshape` if its output is not (N, K, h, w)", model)
    convolutions = [call.module for call in calls[1:] if isinstance(call.module, nn.Conv2d)]
    if any(max(layer.kernel_size) > 1 for layer in convolutions):  # pooled features have no neighbours
        raise TargetError(TOO_SMALL, "Give larger images, or name an earlier layer", model)
    if calls[0].shared:
        problem = "the last feature map goes into several pooling modules side by side, and a hook sees one"
        raise TargetError(problem, "Name the layer it comes from", model)


def check_cells(activations: Tensor) -> None:
    """Raise ValueError where heatmaps have one cell, and show nothing."""
    if activations.shape[-2:].numel() == 1:
        raise UserError(f"{TOO_SMALL}. Give larger images, or name an earlier layer")


def named_layer(model: nn.Module, name: str) -> nn.Module:
    """The module of a dotted name; parts of sequences may count from the end, as in `layer4.-1`.

    Raises:
        ValueError: no such module; the message lists the modules at that point.
    """
    module = model
    for part in name.split("."):
        children = dict(module.named_children())
        is_index = part not in children and part.removeprefix("-").isdecimal()
        if is_index and -len(children) <= int(part) < len(children):
            part = list(children)[int(part)]
        if part not in children:
            known = ", ".join(children) or "nothing"
            raise UserError(f"layer {name!r}: expected one of {known}, got {part!r}")
        module = children[part]
    return module


def earlier_layers(backbone: nn.Module, count: int) -> list[nn.Module]:
    """The `count` modules whose outputs are the feature maps right before the last one, in their order.

    Args:
        backbone: images (N, 3, H, W) -> feature maps at all depths, a list of (N, K, h, w).

    Raises:
        ValueError: one of these feature maps is not the output of a module.
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
    """The modules whose outputs are the feature maps before the last one, back to the first without a module.

    Each is called once in a forward pass.

    Raises:
        ValueError: the backbone does not take images of 64 x 64 pixels.
    """
    outputs: list[tuple[nn.Module, Any, int]] = []

    def hook(module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        outputs.append((module, output, output._version if isinstance(output, Tensor) else 0))

    with torch.no_grad(), ExitStack() as stack:
        for module in backbone.modules():
            if module is not backbone:
                stack.enter_context(module.register_forward_hook(hook))
        try:
            depths = backbone(torch.zeros(PROBE, device=next(backbone.parameters()).device))
        except (RuntimeError, AssertionError) as error:
            raise UserError(
                f"the encoder takes no images of {PROBE[2]} x {PROBE[3]} pixels: {error}"
            ) from error
    layers: list[nn.Module] = []
    calls = Counter(module for module, _, _ in outputs)
    once = [entry for entry in outputs if calls[entry[0]] == 1]  # a ReLU that a block calls twice is no layer
    for depth in reversed(depths[:-1]):
        # Several modules may return the same map: the first makes it. A map of an older version is another
        # map, which a later module has changed in place.
        makers = [m for m, output, version in once if output is depth and version == depth._version]
        if not makers:
            break
        layers.insert(0, makers[0])
    return layers


def same_target(target: TargetLayer, net: nn.Module, copied: nn.Module) -> TargetLayer:
    """The target of `net` in a copy of `net`."""
    names = {id(module): name for name, module in net.named_modules()}
    pooled = None if target.pooled is None else copied.get_submodule(names[id(target.pooled)])
    return replace(target, layer=copied.get_submodule(names[id(target.layer)]), pooled=pooled)


@dataclass(frozen=True)
class _Call:
    """One call of a module without children; copies, since later layers may work in place."""

    module: nn.Module
    source: Tensor  # the input itself, to compare by identity
    input: Tensor
    output: Any
    shared: bool  # another module has reduced the same feature map before


@contextmanager
def _recorded(model: nn.Module) -> Iterator[list[_Call]]:
    """Record the last call whose input is a feature map, and the calls after it."""
    calls: list[_Call] = []

    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not inputs or not isinstance(inputs[0], Tensor):
            return
        source, shared = inputs[0], False
        if _is_map(source):
            shared = any(call.source is source and not _is_map(call.output) for call in calls)
            calls.clear()
        elif not calls:
            return
        output = output.clone() if isinstance(output, Tensor) else output
        calls.append(_Call(module, source, source.clone(), output, shared))

    with ExitStack() as stack:
        for module in model.modules():
            if not any(True for _ in module.children()):
                stack.enter_context(module.register_forward_hook(hook))
        yield calls


def _is_map(tensor: Any) -> bool:
    return isinstance(tensor, Tensor) and tensor.ndim == 4 and tensor.shape[-2:].numel() > 1


def _is_close(vector: Tensor, mean: Tensor) -> bool:
    return vector.numel() == mean.numel() and torch.allclose(
        vector.float().reshape(mean.shape), mean, rtol=SAME, atol=SAME * float(mean.abs().max())
    )
