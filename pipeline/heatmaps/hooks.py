"""Capturing a layer's activations for heatmaps, and the gradients of logits with respect to them.

Each capture is a context manager that removes its hooks however the block ends. It cuts the graph: the rest
of the network continues from a new leaf (docs/hooks.md tells why). Of several captures at once, the layer
that is reached first cuts the graph, and one backward pass serves all.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from pipeline.errors import UserError

Reshape = Callable[[Tensor], Tensor]  # a layer's output -> (N, K, h, w)
Side = Literal["output", "input"]


class CaptureError(RuntimeError):
    """A layer that was not reached, or whose activations are no feature map."""


@dataclass
class Captured:
    """What a hook has seen. Before the forward pass reaches the layer, reading it raises `CaptureError`."""

    _activations: Tensor | None = None
    _leaf: Tensor | None = None

    @property
    def activations(self) -> Tensor:
        """Feature map (N, K, h, w), float32 where the graph was cut."""
        return _reached(self._activations)

    @property
    def leaf(self) -> Tensor:
        """What the rest of the network was computed from, float32: take gradients with respect to this."""
        return _reached(self._leaf)


@contextmanager
def capture_output(layer: nn.Module, reshape: Reshape | None = None) -> Iterator[Captured]:
    """Capture the output of `layer` as a float32 leaf, by a forward hook.

    Args:
        reshape: brings an output of another form, e.g. tokens (N, T, K), to activations (N, K, h, w).
    """
    captured = Captured()

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        copy = _cut(captured, output)
        captured._activations = _feature_map(reshape(captured.leaf) if reshape else captured.leaf)
        return copy

    with _without_graph(), layer.register_forward_hook(hook):
        yield captured


@contextmanager
def capture_input(layer: nn.Module) -> Iterator[Captured]:
    """Capture the first input of `layer` as a float32 leaf, by a forward pre-hook."""
    captured = Captured()

    def hook(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        copy = _cut(captured, inputs[0])
        captured._activations = _feature_map(captured.leaf)
        return (copy, *inputs[1:])

    with _without_graph(), layer.register_forward_pre_hook(hook):
        yield captured


@contextmanager
def capture_pooled(layer: nn.Module, side: Side, pooled: nn.Module) -> Iterator[Captured]:
    """Capture a feature map, and as the leaf its mean over the cells: the input of the module `pooled`.

    The gradient of the activations is the leaf's gradient divided by h w, in every cell. The leaf is (N, K)
    or (N, K, 1, 1).
    """
    captured = Captured()

    def keep_map(_module: nn.Module, inputs: tuple[Any, ...], output: Any = None) -> None:
        feature_map = inputs[0] if side == "input" else output
        captured._activations = _feature_map(feature_map).detach().float()

    def cut(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (_cut(captured, inputs[0]), *inputs[1:])

    register = layer.register_forward_pre_hook if side == "input" else layer.register_forward_hook
    with _without_graph(), register(keep_map), pooled.register_forward_pre_hook(cut):
        yield captured


@contextmanager
def first_output(module: nn.Module) -> Iterator[list[Any]]:
    """A list that gets the output of the first forward pass of `module` in the block, detached."""
    outputs: list[Any] = []

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if not outputs:
            outputs.append(tree_map_only(Tensor, Tensor.detach, output))

    with module.register_forward_hook(hook):
        yield outputs


def checked_logits(output: object, count: int) -> Tensor:
    """What a model returned for `count` images, if it is logits (N, C).

    Raises:
        ValueError: it is something else, such as a dict or a tuple.
    """
    if isinstance(output, Tensor) and output.ndim == 2 and len(output) == count:
        return output
    if isinstance(output, Tensor):
        raise UserError(f"expected logits (N, C), got {tuple(output.shape)} for {count} image(s)")
    raise UserError(
        f"expected logits (N, C), got {type(output).__name__}: wrap the model so that it returns its logits"
    )


def class_gradients(logits: Tensor, leaves: Sequence[Tensor], classes: Sequence[int]) -> tuple[Tensor, ...]:
    """Gradients of one logit per image with respect to captured leaves, float32 of the leaves' shapes.

    Args:
        logits: (N, C), computed from `leaves`.
        classes: one class index per image; -1 gives a zero gradient.

    Raises:
        ValueError: not one class per image, or an index beyond the logits.
        CaptureError: the logits were not computed from the leaves with a graph.
    """
    count, class_count = logits.shape
    if len(classes) != count or any(not -1 <= c < class_count for c in classes):
        raise ValueError(f"expected {count} class indices in -1..{class_count - 1}, got {list(classes)}")
    if not logits.requires_grad:
        raise CaptureError(
            "the logits have no graph to the captured layer: choose a layer that they are made of, and take "
            "torch.no_grad and torch.inference_mode out of the model's forward"
        )
    with torch.inference_mode(False), torch.enable_grad():
        indices = torch.tensor(classes, device=logits.device)
        class_logits = logits.gather(1, indices.clamp(min=0)[:, None])[:, 0]
        # Images of a batch do not mix in eval mode: the gradient of the sum holds the gradient of each image.
        total = (class_logits * (indices >= 0)).sum()
        return torch.autograd.grad(total, list(leaves), retain_graph=True)


def _reached(tensor: Tensor | None) -> Tensor:
    if tensor is None:
        raise CaptureError("the forward pass did not reach the captured layer")
    return tensor


def _cut(captured: Captured, tensor: Any) -> Tensor:
    """Make a leaf, and return its copy for the next layer, which may work in place.

    After another cut there is a graph already, and the leaf is a part of that graph.
    """
    if captured._leaf is not None:
        raise CaptureError("the captured layer is called more than once in a forward pass: choose another")
    if not isinstance(tensor, Tensor):
        raise CaptureError(f"expected a tensor at the captured layer, got {type(tensor).__name__}")
    has_graph = torch.is_grad_enabled()  # within a capture, only a cut enables gradients
    captured._leaf = leaf = tensor.float() if has_graph else tensor.detach().float().requires_grad_()
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
    with torch.inference_mode(False), torch.no_grad():  # inference mode allows no graph above the leaf
        yield
