"""Dense CRF (fully connected conditional random field); the only module that imports pydensecrf.

Source: Kraehenbuehl and Koltun 2011, arXiv:1210.5644, with the reference code that pydensecrf wraps.
pydensecrf crashes the interpreter on a kernel width of 0 or NaN, and silently turns NaN into background. So
everything is checked before and after the call. It holds the GIL: run processes, not threads.
"""

from typing import Any

import cv2
import numpy as np
import torch
from torch.nn import functional

from pipeline.data.arrays import Probabilities
from pipeline.data.images import ImageArray
from pipeline.errors import UserError
from pipeline.params import CrfParams

SMALLEST = 1e-5  # probabilities are clipped here: the energy of an impossible label stays finite


def dense_crf(image: ImageArray, probabilities: Probabilities, params: CrfParams) -> Probabilities:
    """Refine label probabilities along the colour edges of the image.

    The energy of a label is `-log p`. Images with a long side above `params.max_side` are solved at that
    size (image: area, probabilities: bilinear) and brought back bilinearly. Deterministic.

    Args:
        probabilities: (P + 1, H, W), background first; not negative, divided by their sum here.
        params: `sxy` in shares of the long side of the image that is solved, `srgb` in grey levels.

    Returns:
        float32 (P + 1, H, W) in [0, 1], sum 1 per pixel. For P = 0 all are 1, without pydensecrf.

    Raises:
        ValueError: sizes differ, a probability is negative, NaN or infinite, all are 0 at a pixel, or a
            kernel width is not above 0 and finite.
        UserError: pydensecrf is not installed.
        ArithmeticError: the result is not finite, or does not sum to 1.
    """
    normalised = _normalised(image, probabilities)
    _check_params(params)
    if len(normalised) == 1:
        return normalised
    height, width = image.shape[:2]
    share = min(1.0, params.max_side / max(height, width))
    if share == 1.0:
        return _checked(_solve(image, normalised, params))
    size = max(1, round(height * share)), max(1, round(width * share))
    small = cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA)  # cv2: width first
    solved = _solve(np.asarray(small, np.uint8), _resized(normalised, size), params)
    return _resized(_checked(solved), (height, width))


def _solve(image: ImageArray, probabilities: Probabilities, params: CrfParams) -> Probabilities:
    """Mean field at the size of `image`."""
    labels, height, width = probabilities.shape
    crf = _library().DenseCRF2D(width, height, labels)  # width first
    # pydensecrf refuses arrays that are not C-contiguous, or not float32.
    energy = -np.log(np.clip(probabilities, SMALLEST, 1)).reshape(labels, -1)
    crf.setUnaryEnergy(np.ascontiguousarray(energy, np.float32))
    long_side = max(height, width)
    if params.gaussian_compat:
        crf.addPairwiseGaussian(sxy=params.gaussian_sxy * long_side, compat=params.gaussian_compat)
    if params.bilateral_compat:
        crf.addPairwiseBilateral(
            sxy=params.bilateral_sxy * long_side,
            srgb=params.bilateral_srgb,
            rgbim=np.array(image, order="C"),  # a copy: it also refuses read-only arrays
            compat=params.bilateral_compat,
        )
    return np.array(crf.inference(params.iterations), np.float32).reshape(labels, height, width)


def _normalised(image: ImageArray, probabilities: Probabilities) -> Probabilities:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"Expected a uint8 image (H, W, 3), got {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    if probabilities.ndim != 3 or not len(probabilities) or probabilities.shape[1:] != (height, width):
        raise ValueError(f"Expected probabilities (P + 1, {height}, {width}), got {probabilities.shape}")
    total = probabilities.sum(axis=0)
    if not (np.isfinite(total).all() and probabilities.min() >= 0 and total.min() > 0):
        raise ValueError("Expected finite probabilities of at least 0, not all 0 at a pixel")
    return np.asarray(probabilities / total, np.float32)


def _check_params(params: CrfParams) -> None:
    for name in ("gaussian_sxy", "bilateral_sxy", "bilateral_srgb"):
        value = getattr(params, name)
        if not (np.isfinite(value) and value > 0):  # NaN and 0 crash the C++ code
            raise UserError(f"Expected pseudo_masks.crf.{name} above 0 and finite, got {value}")


def _checked(result: Probabilities) -> Probabilities:
    # The comparison is false for NaN, so this also catches what is not finite.
    if not np.all(np.abs(result.sum(axis=0) - 1) < 1e-3):
        raise ArithmeticError("dense CRF: the result is not finite, or does not sum to 1 at each pixel")
    return result


def _resized(maps: Probabilities, size: tuple[int, int]) -> Probabilities:
    """Bilinear, by torch: OpenCV stops at 128 channels. Sums of 1 stay sums of 1."""
    resized = functional.interpolate(torch.tensor(maps)[None], size, mode="bilinear", align_corners=False)
    return np.asarray(resized[0].numpy(), np.float32)


def _library() -> Any:
    try:
        from pydensecrf import densecrf
    except ImportError as error:
        raise UserError(
            "pydensecrf is not installed. Install a C++ compiler and run `make`, or set "
            "pseudo_masks.refine: none in params.yaml to do without the CRF."
        ) from error
    return densecrf
