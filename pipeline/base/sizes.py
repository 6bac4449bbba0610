"""Sizes at the working resolution, in pixels: without torch, so that `camseg check` starts at once."""

from pipeline.params import TrainingParams

HEAT_STRIDE = 4  # pixels of the working image per cell of a stored heatmap


def working_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Height and width in pixels when the longer side becomes `long_side`, each at least 1."""
    factor = long_side / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def grid_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the stored heatmap of a working image, in cells."""
    return -(-height // HEAT_STRIDE), -(-width // HEAT_STRIDE)


def crop_side(params: TrainingParams, long_side: int) -> int:
    """Side of the training crop in pixels: a multiple of 32, as decoders need it."""
    return max(32, round(params.crop * long_side / 32) * 32)
