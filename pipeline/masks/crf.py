"""Dense CRF (fully connected conditional random field); the only module that imports pydensecrf.

Source: Kraehenbuehl and Koltun 2011, arXiv:1210.5644, with the reference code that pydensecrf wraps.
pydensecrf crashes the interpreter on a kernel width of 0, next to 0, or NaN, and silently turns NaN into
background. So everything is checked before and after the call. It holds the GIL: run processes, not threads.
"""

from typing import Any

import numpy as np

from pipeline.data.arrays import Probabilities
from pipeline.data.images import ImageArray
from pipeline.errors import UserError
from pipeline.masks.refiner_input import normalised_input, solve_at
from pipeline.params import LEAST_WIDTH, CrfParams

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
            kernel width is below `LEAST_WIDTH` or not finite.
        UserError: pydensecrf is not installed.
        ArithmeticError: the result is not finite, or does not sum to 1.
    """
    normalised = normalised_input(image, probabilities)
    _check_params(params)
    if len(normalised) == 1:
        return normalised
    return solve_at(params.max_side, lambda *at_size: _checked(_solve(params, *at_size)), image, normalised)


def _solve(params: CrfParams, image: ImageArray, probabilities: Probabilities) -> Probabilities:
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


def _check_params(params: CrfParams) -> None:
    """NaN, 0 and what is next to 0 crash the C++ code: it cuts coordinates in widths to 16 bits."""
    for name in ("gaussian_sxy", "bilateral_sxy", "bilateral_srgb"):
        value, least = getattr(params, name), LEAST_WIDTH[name.partition("_")[2]]
        if not (np.isfinite(value) and value >= least):
            raise UserError(
                f"Expected pseudo_masks.crf.{name} of at least {least} and finite, got {value}. Raise it; "
                f"{name.partition('_')[0]}_compat: 0 leaves this kernel out"
            )


def _checked(result: Probabilities) -> Probabilities:
    # The comparison is false for NaN, so this also catches what is not finite.
    if not np.all(np.abs(result.sum(axis=0) - 1) < 1e-3):
        raise ArithmeticError("dense CRF: the result is not finite, or does not sum to 1 at each pixel")
    return result


def _library() -> Any:
    try:
        from pydensecrf import densecrf
    except ImportError as error:
        raise UserError(
            "pydensecrf is not installed. Install a C++ compiler and run `make`, or set "
            "pseudo_masks.refine: none or par in params.yaml to do without the CRF."
        ) from error
    return densecrf
