"""Training examples (image and target, augmented) by number: the same number gives the same bytes."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from pipeline.data.images import IGNORE, Mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.params import TrainingParams

GREY = (124, 116, 104)  # ImageNet's mean colour: what lies beyond the image

TargetParts = Tensor | Mask | tuple[Tensor | Mask, ...]  # what `target` returns for a sample
TrainingTarget = Tensor | tuple[Tensor, ...]  # of an example, or of a batch


class TrainingStream(Dataset[tuple[Tensor, TrainingTarget]]):
    """An endless shuffled pass over `samples`, cut at `length` examples.

    Example `i` depends on the seed and `i` alone, so a training that goes on at step s starts at example
    s * batch. Each example is an image float32 (3, crop, crop) in [0, 1] and what `target` returns for the
    sample: masks uint8 (H, W) become int64 (crop, crop) with the image's geometry; other tensors stay.
    """

    def __init__(
        self,
        manifest: Manifest,
        samples: Sequence[Sample],
        target: Callable[[Sample], TargetParts],
        params: TrainingParams,
        *,
        long_side: int,
        crop: int,
        seed: int,
    ) -> None:
        self.manifest = manifest
        self.samples = samples
        self.target = target
        self.transform = joint_transform(params, long_side, crop)
        self.length = params.steps * params.batch_size
        self.seed = seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, TrainingTarget]:
        sample = self.samples[self._sample_index(index)]
        # A copy, since torch takes no read-only arrays.
        image = tv_tensors.Image(torch.from_numpy(self.manifest.image(sample).copy()).permute(2, 0, 1))
        parts = self.target(sample)
        target = tuple(map(_as_tensor, parts)) if isinstance(parts, tuple) else _as_tensor(parts)
        # torchvision draws from torch's global generator: seed it for this example, then give it back.
        with torch.random.fork_rng(devices=[]):
            # Not torch.manual_seed: for other kinds of device it notes down a traceback, 0.8 ms an example.
            torch.default_generator.manual_seed(derive_seed(self.seed, index))
            image, target = self.transform(image, target)
        return image.as_subclass(Tensor), _plain(target)

    def _sample_index(self, index: int) -> int:
        epoch, position = divmod(index, len(self.samples))
        return int(epoch_order(self.seed, epoch, len(self.samples))[position])


@lru_cache(maxsize=2)  # a batch may reach into the next epoch
def epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The order in which an epoch shows `count` samples, int64 (count,)."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def joint_transform(params: TrainingParams, long_side: int, crop: int) -> Callable[..., Any]:
    """Random size, crop, flip and colour for an image and, with the same geometry, its mask.

    The long side becomes `long_side` times a factor drawn from `params.scale`. Beyond the image, the square
    of `crop` pixels is grey in the image and 255 in the mask. Masks are resampled to the nearest pixel.
    """
    jitter = params.colour_jitter
    transform: Callable[..., Any] = v2.Compose(
        [
            _ScaleJitter((long_side, long_side), scale_range=params.scale, antialias=True),
            v2.RandomCrop(crop, pad_if_needed=True, fill={tv_tensors.Image: GREY, tv_tensors.Mask: IGNORE}),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=jitter, contrast=jitter, saturation=jitter),
            v2.ToDtype(
                {tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64, "others": None}, scale=True
            ),
        ]
    )
    return transform


class _ScaleJitter(v2.ScaleJitter):  # type: ignore[misc]  # torchvision has no types
    """torchvision's, with sides of at least one pixel: those of a thin image would become 0."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        params: dict[str, Any] = super().make_params(flat_inputs)
        return params | {"size": tuple(max(1, side) for side in params["size"])}


def derive_seed(*parts: int) -> int:
    """One 63-bit seed from several numbers, well mixed."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def _as_tensor(part: Tensor | Mask) -> Tensor:
    """A mask as the type that `joint_transform` transforms like the image; other tensors as they are."""
    if isinstance(part, Tensor):
        return part
    mask: Tensor = tv_tensors.Mask(torch.from_numpy(part.copy()))
    return mask


def _plain(target: Any) -> Any:
    if isinstance(target, tuple):
        return tuple(map(_plain, target))
    return target.as_subclass(Tensor) if isinstance(target, tv_tensors.TVTensor) else target
