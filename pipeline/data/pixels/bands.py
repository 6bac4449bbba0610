"""Which bands of a file become the colours of an image, and which one its opacity."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.pixels.stored import Note
from pipeline.errors import UserError

SURE = 0.9  # share of an opacity that is all or nothing: the edges of a mask may be soft, a band of light is


@dataclass(frozen=True)
class ChosenBands:
    """The bands of an image."""

    values: NDArray[Any]  # (H, W, 3) or (H, W, 1)
    opacity: NDArray[np.uint8] | None  # (H, W)
    notes: tuple[Note, ...]


def choose_bands(
    values: NDArray[Any], bands: tuple[int, ...] | None, *, colours: bool, opacity: bool
) -> ChosenBands:
    """Bands of `values` (H, W, B).

    Args:
        bands: their numbers from 1, as `data.bands` says; None: the file decides.
        colours: the file says that the first three are red, green and blue.
        opacity: the file says that the band behind the colours is opacity.

    Raises:
        UserError: there is no such band, or it is not clear which are meant.
    """
    count = values.shape[-1]
    if bands is not None:
        if max(bands) > count:
            raise UserError(f"expected {max(bands)} bands or more (data.bands), got {count}")
        return ChosenBands(values[..., [band - 1 for band in bands]], None, ())
    used = 3 if count == 3 or (colours and count > 3) else 1
    extra = values[..., used] if opacity and count == used + 1 else None
    if extra is not None:
        return _by_opacity(values[..., :used], extra)
    if count == used:
        return ChosenBands(values, None, () if colours or count == 1 else ("bands without a colour",))
    if colours and count > 3:
        return ChosenBands(values[..., :3], None, ("fourth band" if count == 4 else "more bands",))
    some = (
        "number of one of them, as [1]" if count == 2 else "numbers of three of them, as [3, 2, 1], or of one"
    )
    raise UserError(
        f"expected one band, or red, green and blue, got {count} bands. Set data.bands in params.yaml to the "
        f"{some}. They count from 1."
    )


def is_opacity(band: NDArray[Any]) -> bool:
    """Whether a band that the file calls opacity looks like it: nearly all 0 or its largest, and not flat."""
    return not is_flat(band) and all_or_nothing(band) >= SURE


def is_flat(opacity: NDArray[Any]) -> bool:
    """Whether an opacity is the same everywhere and not full: it says nothing of any pixel."""
    largest = opacity.max()
    full = largest == 255 if opacity.dtype == np.uint8 else largest > 0
    return bool(opacity.min() == largest and not full)


def all_or_nothing(opacity: NDArray[Any]) -> float:
    """The share of an opacity that is 0 or its largest value."""
    return float(np.mean((opacity == 0) | (opacity == opacity.max())))


def _by_opacity(colours: NDArray[Any], extra: NDArray[Any]) -> ChosenBands:
    """The colours, with the band behind them where it looks like opacity."""
    if is_opacity(extra):
        return ChosenBands(colours, _to_uint8(extra), ())
    return ChosenBands(colours, None, ("flat opacity" if is_flat(extra) else "fourth band",))


def _to_uint8(opacity: NDArray[Any]) -> NDArray[np.uint8]:
    if opacity.dtype == np.uint8:
        return opacity
    share: NDArray[np.float64] = np.clip(opacity / opacity.max(), 0, 1)
    return np.rint(share * 255).astype(np.uint8)
