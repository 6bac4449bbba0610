"""Painting on the enlarged canvas: parts with soft shading and grain, shadows, wakes.

The canvas is float32 `(3H, 3W, 3)` RGB in [0, 255]: `ENLARGE` times the image in both directions. Averaging
it over `ENLARGE` x `ENLARGE` blocks gives the smooth image; its block centres give the exact mask.
"""

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.scenes.colours import Palette
from pipeline.scenes.shapes import Outline, Part, Parts, bounds

ENLARGE = 3
_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Box = tuple[slice, slice]


def resized(image: Floats, size: tuple[int, ...], method: int) -> Floats:
    """The float32 image at `size` (rows, columns, ...) by one of OpenCV's interpolations."""
    return cv2.resize(image, (size[1], size[0]), interpolation=method).astype(np.float32, copy=False)


def fill(target: Bytes, outline: Outline, value: int, corner: tuple[int, int] = (0, 0)) -> None:
    """Fill an outline (image pixels) on an enlarged array that starts at `corner` (row, column)."""
    enlarged = outline * ENLARGE - (corner[1], corner[0]) - 0.5
    points = np.rint(enlarged * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(target, [points], value, lineType=cv2.LINE_8, shift=_SHIFT)


def crop_box(parts: Parts, shape: tuple[int, ...], margin: float = 1.0) -> Box | None:
    """The rows and columns of the enlarged canvas around the parts, None if they lie outside of it."""
    left, top, right, bottom = bounds(parts)
    rows = _clipped(int((top - margin) * ENLARGE), int((bottom + margin) * ENLARGE) + 1, shape[0])
    columns = _clipped(int((left - margin) * ENLARGE), int((right + margin) * ENLARGE) + 1, shape[1])
    if rows.stop - rows.start < 2 or columns.stop - columns.start < 2:
        return None
    return rows, columns


def _clipped(start: int, stop: int, length: int) -> slice:
    """The part of `start` to `stop` that lies within `length`."""
    return slice(min(max(start, 0), length), min(max(stop, 0), length))


def paint_part(
    canvas: Floats, part: Part, palette: Palette, light: tuple[float, float], grain: Floats
) -> None:
    """Paint one part in place; `light` points to the light (x, y), `grain` is a texture around 0."""
    box = crop_box((part,), canvas.shape)
    if box is None:
        return
    corner = (box[0].start, box[1].start)
    mask = np.zeros((box[0].stop - corner[0], box[1].stop - corner[1]), np.uint8)
    fill(mask, part.outline, 255, corner)
    surface = np.full((*mask.shape, 3), palette[part.colour], np.float32)
    for detail in part.details:
        stencil = np.zeros_like(mask)
        fill(stencil, detail.outline, 255, corner)
        surface[stencil > 0] = palette[detail.colour]
    factor = _shading(mask, part, light) + part.grain * grain[: mask.shape[0], : mask.shape[1]]
    cv2.copyTo(surface * factor[..., None], mask, canvas[box])


def _shading(mask: Bytes, part: Part, light: tuple[float, float]) -> Floats:
    """Brightness factors of a part, shaped like `mask`, as if the part were inflated.

    The mask is blurred into a dome: its slope towards the light is brighter, its low rim darker. A dome is
    soft, so it is computed at the size of the image.
    """
    small = (max(mask.shape[1] // ENLARGE, 1), max(mask.shape[0] // ENLARGE, 1))
    solid = cv2.resize(mask, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    sigma = max(0.5 * _half_thickness(part.outline), 0.6)
    dome = cv2.GaussianBlur(solid, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    slope = -light[0] * cv2.Sobel(dome, cv2.CV_32F, 1, 0, scale=0.125)
    slope -= light[1] * cv2.Sobel(dome, cv2.CV_32F, 0, 1, scale=0.125)
    factor = 1.0 + part.relief * (0.55 * sigma * slope + 0.25 * (dome - 0.8))
    return resized(np.clip(factor, 0.65, 1.3), mask.shape, cv2.INTER_LINEAR)


def _half_thickness(outline: Outline) -> float:
    """Twice the area over the perimeter: the radius of a disc, half the width of a long strip."""
    after = np.roll(outline, -1, axis=0)
    area = 0.5 * abs(float(np.sum(outline[:, 0] * after[:, 1] - outline[:, 1] * after[:, 0])))
    return 2 * area / max(float(np.linalg.norm(after - outline, axis=1).sum()), 1e-6)


def paint_shadow(canvas: Floats, parts: Parts, light: tuple[float, float]) -> None:
    """Darken the ground below the parts, away from the light."""
    left, top, right, bottom = bounds(parts)
    width, height = right - left, bottom - top
    x, y = (left + right) / 2 - light[0] * 0.12 * width, bottom - 0.02 * height
    _paint_spot(canvas, x, y, 0.6 * width, 0.11 * height + 1, -0.38)


def paint_wake(canvas: Floats, parts: Parts) -> None:
    """Paint the bright ring of water around floating parts and their dark reflection below."""
    left, top, right, bottom = bounds(parts)
    x, width, height = (left + right) / 2, right - left, bottom - top
    _paint_spot(canvas, x, bottom + 0.1 * height, 0.5 * width, 0.16 * height, -0.3)
    _paint_spot(canvas, x, bottom, 0.62 * width, 0.03 * height + 0.6, 0.3)


def _paint_spot(canvas: Floats, x: float, y: float, rx: float, ry: float, change: float) -> None:
    """Brighten the centre of a soft ellipse (image pixels) by the share `change`, less so outwards."""
    rows = _clipped(int((y - 2 * ry) * ENLARGE), int((y + 2 * ry) * ENLARGE), canvas.shape[0])
    columns = _clipped(int((x - 2 * rx) * ENLARGE), int((x + 2 * rx) * ENLARGE), canvas.shape[1])
    across = ((np.arange(columns.start, columns.stop) / ENLARGE - x) / rx) ** 2
    down = ((np.arange(rows.start, rows.stop) / ENLARGE - y) / ry) ** 2
    factor = 1 + change * np.exp(-1.5 * (down[:, None] + across))
    canvas[rows, columns] *= factor[..., None].astype(np.float32)
