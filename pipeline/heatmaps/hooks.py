"""Capturing a layer's activations for heatmaps, and the gradients of logits with respect to them.

* A **forward hook** sees, and may replace, a layer's output (`capture_output`).
* A **forward pre-hook** sees, and may replace, a layer's input (`capture_input`): put on the pooling layer,
  it finds the feature map of any network with a GAP head.

Both cut the graph: the rest of the network continues from a fresh leaf, so that nothing below the layer keeps
a graph, no `.grad` is written, and frozen networks and callers without gradients work. `capture_pooled` cuts
behind global average pooling instead, where the gradient is one number per channel. Of several captures at
once, the layer that is reached first cuts the graph, and one backward pass serves all.

All are context managers that remove their hook however the block ends. docs/hooks.md shows two other kinds of
hooks that reach the same numbers, and why they are not used.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

Reshape = Callable[[Tensor], Tensor]  # a layer's output -> (N, K, h, w)
Side = Literal["output", "input"]


class CaptureError(RuntimeError):
    """A layer that was not reached, or whose activations are no feature map."""


@dataclass
class Captured:
    """What a hook has seen; empty until the forward pass has run."""

    _activations: Tensor | None = None
    _leaf: Tensor | None = None

    @property
    def activations(self) -> Tensor:
        """Feature map (N, K, h, w), float32 where the graph was cut.

        Raises:
            CaptureError: the forward pass did not reach the layer.
        """
        if self._activations is None:
            raise CaptureError("the forward pass did not reach the captured layer")
        return self._activations

    @property
    def leaf(self) -> Tensor:
        """What the rest of the network was computed from, float32: take gradients with respect to this.

        Raises:
            CaptureError: the forward pass did not reach the layer, or the graph was not cut.
        """
        if self._leaf is None:
            raise CaptureError("the forward pass did not reach the captured layer")
        return self._leaf


@contextmanager
def capture_output(layer: nn.Module, reshape: Reshape | None = None) -> Iterator[Captured]:
    """Capture the output of `layer` as a float32 leaf, by a forward hook.

    Args:
        reshape: brings an output of another form, e.g. tokens (N, T, K), to activations (N, K, h, w).
    """
    captured = Captured()

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        passed = _cut(captured, output)
        captured._activations = _feature_map(reshape(captured.leaf) if reshape else captured.leaf)
        return passed

    with _without_graph(), _hooked(layer.register_forward_hook, hook):
        yield captured


@contextmanager
def capture_input(layer: nn.Module) -> Iterator[Captured]:
    """Capture the first input of `layer` as a float32 leaf, by a forward pre-hook."""
    captured = Captured()

    def hook(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        passed = _cut(captured, inputs[0])
        captured._activations = _feature_map(captured.leaf)
        return (passed, *inputs[1:])

    with _without_graph(), _hooked(layer.register_forward_pre_hook, hook):
        yield captured


@contextmanager
def capture_pooled(layer: nn.Module, side: Side, pooled: nn.Module) -> Iterator[Captured]:
    """Capture a feature map, and as the leaf its mean over the cells: the input of the module `pooled`.

    There the gradient of the activations is the leaf's, divided by h w, in every cell. The leaf is (N, K) or
    (N, K, 1, 1).
    """
    captured = Captured()

    def before(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
        captured._activations = _feature_map(inputs[0]).detach().float()

    def after(_module: nn.Module, _inputs: Any, output: Any) -> None:
        captured._activations = _feature_map(output).detach().float()

    def cut(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (_cut(captured, inputs[0]), *inputs[1:])

    mapped = (
        _hooked(layer.register_forward_pre_hook, before)
        if side == "input"
        else _hooked(layer.register_forward_hook, after)
    )
    with _without_graph(), mapped, _hooked(pooled.register_forward_pre_hook, cut):
        yield captured


@contextmanager
def first_output(module: nn.Module) -> Iterator[list[Any]]:
    """Keep what `module` gives in its first forward pass within the block, detached, by a forward hook."""
    found: list[Any] = []

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if not found:
            found.append(tree_map_only(Tensor, Tensor.detach, output))

    with _hooked(module.register_forward_hook, hook):
        yield found


def class_gradients(logits: Tensor, leaves: Sequence[Tensor], classes: Sequence[int]) -> tuple[Tensor, ...]:
    """Gradients of one logit per image with respect to captured leaves, float32 of their shapes.

    Args:
        logits: (N, C), computed from `leaves`.
        leaves: of `capture_output`, `capture_input` or `capture_pooled`.
        classes: one class index per image; -1 gives a zero gradient.

    Raises:
        ValueError: not one class per image, or an index beyond the logits.
        CaptureError: the logits were not computed from the leaves with a graph.
    """
    count, total = logits.shape
    if len(classes) != count or any(not -1 <= c < total for c in classes):
        raise ValueError(f"expected {count} class indices in -1..{total - 1}, got {list(classes)}")
    if not logits.requires_grad:
        raise CaptureError(
            "the logits have no graph to the captured layer: choose a layer that they are made of, and take "
            "torch.no_grad and torch.inference_mode out of the model's forward"
        )
    with torch.inference_mode(False), torch.enable_grad():
        wanted = torch.tensor(classes, device=logits.device)
        chosen = logits.gather(1, wanted.clamp(min=0)[:, None])[:, 0]
        # Images of a batch do not mix in eval mode: the sum's gradient holds each image's own.
        total_score = (chosen * (wanted >= 0)).sum()
        return torch.autograd.grad(total_score, list(leaves), retain_graph=True)


def _cut(captured: Captured, tensor: Any) -> Tensor:
    """Make a leaf and what the network continues with: a copy, since the next layer may work in place.

    Behind another cut there is a graph already, and the leaf is a part of it.
    """
    if captured._leaf is not None:
        raise CaptureError("the captured layer is called more than once in a forward pass: choose another")
    if not isinstance(tensor, Tensor):
        raise CaptureError(f"expected a tensor at the captured layer, got {type(tensor).__name__}")
    behind = torch.is_grad_enabled()  # only a cut enables it within a capture
    captured._leaf = leaf = tensor.float() if behind else tensor.detach().float().requires_grad_()
    # The layers above the leaf run with a graph; leaving the capture's no_grad block resets the mode.
    torch.set_grad_enabled(True)
    # Autocast casts by itself; networks in half precision need their own dtype.
    return leaf.clone() if torch.is_autocast_enabled(leaf.device.type) else leaf.to(tensor.dtype, copy=True)


def _feature_map(tensor: Any) -> Tensor:
    if not isinstance(tensor, Tensor) or tensor.ndim != 4:
        got = f"shape {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else type(tensor).__name__
        raise CaptureError(f"expected activations (N, K, h, w) at the captured layer, got {got}")
    return tensor


@contextmanager
def _without_graph() -> Iterator[None]:
    # A leaf needs a graph above it, which inference mode would refuse.
    with torch.inference_mode(False), torch.no_grad():
        yield


@contextmanager
def _hooked(register: Callable[..., Any], hook: Callable[..., Any]) -> Iterator[None]:
    handle = register(hook)
    try:
        yield
    finally:
        handle.remove()
