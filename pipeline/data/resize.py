"""Images as tensors at the working resolution."""

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.base.sizes import working_size
from pipeline.data.images import ImageArray


def image_tensor(image: ImageArray, long_side: int) -> Tensor:
    """RGB uint8 (H, W, 3) -> float32 (3, h, w) in [0, 1] with the longer side at `long_side` pixels."""
    # A copy, since torch takes no read-only arrays.
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255
    return resize(tensor, working_size(image.shape[0], image.shape[1], long_side))


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear with antialiasing: (..., H, W) float -> (..., *size); values keep their range."""
    if tuple(images.shape[-2:]) == size:
        return images
    batch = images.reshape(-1, 1, *images.shape[-2:])
    small = functional.interpolate(batch, size, mode="bilinear", align_corners=False, antialias=True)
    return small.reshape(*images.shape[:-2], *size)


def whole_cells(images: Tensor, cell: int) -> Tensor:
    """Images (..., H, W), enlarged to sides that are multiples of `cell` pixels."""
    height, width = (-(-side // cell) * cell for side in images.shape[-2:])
    return resize(images, (height, width))
