"""The arguments of `explain` and `explainer`, checked before anything is computed."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import UserError

ClassLists = Sequence[Sequence[int]]  # class indices of each image
ClassArgument = ClassLists | Tensor | NDArray[np.integer] | None  # None: the class with the largest logit


def check_images(images: object) -> None:
    """Raise ValueError for anything but a batch of images that a network can take."""
    if not isinstance(images, Tensor) or images.ndim != 4 or not len(images):
        got = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise UserError(f"expected images (N, 3, H, W), a tensor, got {got}")
    if not images.is_floating_point():
        raise UserError(f"expected images as the model wants them, e.g. float32, got {images.dtype}")


def check_scales(scales: Sequence[float]) -> None:
    """Raise ValueError for no scale, and for one that is no factor of a size."""
    if not len(scales) or not all(0 < scale < np.inf for scale in scales):
        raise UserError(f"expected scales above 0, e.g. (1.0, 0.5), got {list(scales)}")


def class_lists(classes: ClassArgument, count: int) -> ClassLists | None:
    """`classes` as a list of integers for each of `count` images; None stays None.

    Args:
        classes: lists of integers; or a tensor or an array (N, P) of integers, read row by row.

    Raises:
        ValueError: not one list per image, no integers, an index below 0, or an index twice in a list.
    """
    if classes is None:
        return None
    rows = _numbers(classes)
    if not _is_list(rows) or not all(_is_list(_numbers(row)) for row in rows):
        got = f"shape {tuple(classes.shape)}" if isinstance(classes, Tensor | np.ndarray) else repr(classes)
        raise UserError(f"expected one list of classes per image, e.g. [[0], [1]], got {got[:80]}")
    if len(rows) != count:
        raise UserError(f"expected one list of classes per image ({count}), got {len(rows)}")
    return [_indices([_numbers(value) for value in _numbers(row)]) for row in rows]


def _indices(values: list[Any]) -> list[int]:
    if not all(hasattr(v, "__index__") and not isinstance(v, bool) and v >= 0 for v in values):
        raise UserError(f"expected the indices of classes, integers from 0, got {str(values)[:80]}")
    if len(set(values)) < len(values):
        raise UserError(f"expected each class of an image once, as an index, got {str(values)[:80]}")
    return [operator.index(value) for value in values]


def _numbers(value: Any) -> Any:
    """A tensor or an array as lists and numbers of Python."""
    return value.tolist() if isinstance(value, Tensor | np.ndarray | np.generic) else value


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
