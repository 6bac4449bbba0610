"""`explainer`: a context manager that gives heatmaps of a model call of your own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.heatmaps.class_maps import capture_target, check_methods, check_request, maps_of
from pipeline.heatmaps.explain_arguments import ClassArgument, check_images, class_lists
from pipeline.heatmaps.hooks import Captured, CaptureError, Reshape
from pipeline.heatmaps.layers import TargetLayer, check_cells, find_target
from pipeline.heatmaps.multi_scale import fuse


class Explainer:
    """Gives heatmaps of the last call of the model in the block of `explainer`."""

    def __init__(self, target: TargetLayer | None, method: str) -> None:
        self._target = target  # None: the first call finds it
        self._method = method
        self._hooks = ExitStack()  # on the layer, while the model runs
        self._depth = 0  # of calls within calls: a search for the layer calls the model too
        self._captured: Captured | None = None
        self._images = torch.empty(0)
        self._output: Any = None  # with its graph; None: no call has ended
        self._over = False

    def __call__(self, classes: ClassArgument = None) -> list[Tensor]:
        """Heatmaps of the images of the last call, as from `explain`; other classes need no other call.

        Raises:
            CaptureError: the block is over, the model has not run in it, or it has no graph from the layer to
                the logits.
            ValueError: see `explain`.
        """
        if self._over:
            raise CaptureError("the block of `explainer` is over: ask for heatmaps in it")
        if self._output is None or self._captured is None or self._target is None:
            raise CaptureError("expected a call of the model before this one, got none: model(images)")
        indices = class_lists(classes, len(self._images))
        check_request(indices, len(self._images), [self._method], self._target)
        result = maps_of(self._captured, self._output, indices, [self._method], self._target)
        check_cells(self._captured.activations)
        size = self._images.shape[-2], self._images.shape[-1]
        heatmaps = fuse(lambda _: result.maps, [self._images], size, flip=False)[self._method]
        return [maps[: len(c)] for maps, c in zip(heatmaps, result.classes, strict=True)]

    def _start(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Put the hooks on the layer: a forward pre-hook of the model."""
        self._depth += 1
        if self._depth > 1:
            return
        self._output = self._captured = None
        self._images = _find_images(args, kwargs)
        check_images(self._images)
        self._target = self._target or find_target(model, self._images[:1], None)
        self._captured = self._hooks.enter_context(capture_target(self._target))

    def _finish(self, _model: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        """Remove the hooks and keep the output: a forward hook of the model, also when it raises (None)."""
        self._depth -= 1
        if self._depth == 0:
            self._hooks.close()
            self._output = output

    def _close(self) -> None:
        """End the block, and keep nothing of the network."""
        self._hooks.close()
        self._output = self._captured = None
        self._images = torch.empty(0)
        self._over = True


@contextmanager
def explainer(
    model: nn.Module,
    layer: nn.Module | str | None = None,
    *,
    method: str = "gradcampp",
    reshape: Reshape | None = None,
) -> Iterator[Explainer]:
    """An `Explainer` for calls of `model` that the caller makes in the block.

        with explainer(model) as cam:
            logits = model(images)
            heatmaps = cam([(0, 3), (1,)])

    The model is in eval mode in the block; modes, hooks and `.grad` are put back. The graph of the logits
    ends at the layer: train outside the block. Each call of the model takes the place of the one before.

    Args:
        model: images (N, 3, H, W) -> logits (N, C); the images are its first argument of this form.
        layer: see `explain`, as for `reshape`.
        method: one of `METHODS`. Methods of the package grad-cam call the model themselves: see `explain`.

    Raises:
        ValueError: no such method or layer.
        CaptureError: in the call of the model: the layer was called twice, or its output is no feature map.
    """
    check_methods([method])
    # The image only matters where the layer has to be found.
    target = None if layer is reshape is None else find_target(model, torch.empty(0), layer, reshape)
    cam = Explainer(target, method)
    with ExitStack() as stack:
        stack.enter_context(in_eval_mode(model))
        stack.callback(cam._close)
        stack.enter_context(model.register_forward_pre_hook(cam._start, with_kwargs=True))
        # In front: of several explainers, the last to start is the first to finish.
        stack.enter_context(model.register_forward_hook(cam._finish, prepend=True, always_call=True))
        yield cam


@contextmanager
def in_eval_mode(model: nn.Module) -> Iterator[None]:
    """Eval mode for the block; each module gets its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _find_images(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor) and value.ndim == 4:
            return value
    raise ValueError("expected images (N, 3, H, W) as an argument of the model, got none")
