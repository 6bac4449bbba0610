"""What the review page shows of one image, as data for its script."""

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from pipeline import paths
from pipeline.base.sizes import bounded_size
from pipeline.base.work_folder import digest
from pipeline.data.images import IGNORE, ImageArray, Mask, resize_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import has_mask, load_mask, mask_png_of
from pipeline.heatmaps.store import HeatmapStore
from pipeline.params import masks_by
from pipeline.report.safe_colours import safe_colours
from pipeline.workflows.reviewed_masks import ReviewedMask, corrected_mask, correction_file, pseudo_mask_of

VIEW = 640  # pixels of the longer side of an image; a smaller one keeps its size
THUMB = 112  # pixels of the longer side
QUALITY = 75  # of WebP, 0..100
FAST = 2  # effort of WebP, 0..6
OPACITY = 150  # of a class on a thumbnail, 0..255


@dataclass(frozen=True)
class ReviewSource:
    """Where the page takes what it shows from."""

    manifest: Manifest  # without samples
    masks: str  # the folder of masks to decide on
    method: str  # of the heatmaps, and of the masks without self-training
    supervision: str  # of the predictions
    max_megapixels: float  # of a corrected mask

    def reviewed(self, sample: Sample) -> ReviewedMask | None:
        """The mask of a training image that a person decides on; None for other images."""
        if sample.split != "train":
            return None
        corrected = corrected_mask(sample, self.manifest, self.max_megapixels)
        return corrected or pseudo_mask_of(paths.MASKS / self.masks, sample)

    def added(self, sample: Sample) -> Mask | None:
        """The added ground truth of an image, which people drew for scoring; None if it has none."""
        folder = paths.ADDED_GROUND_TRUTH
        drawn = corrected_mask(sample, self.manifest, self.max_megapixels, folder, scoring=True)
        return drawn.ids if drawn else None

    @property
    def within(self) -> str:
        """The masks that the model makes of its training images within their labels, if it did."""
        return masks_by(self.supervision)

    def shown_digest(self, sample: Sample) -> str:
        """The digest of the file of that mask; empty where there is none."""
        folder, file = paths.MASKS / self.masks, correction_file(sample)
        if sample.split != "train" or not (file.is_file() or has_mask(folder, sample)):
            return ""
        return digest(file.read_bytes() if file.is_file() else mask_png_of(folder, sample))


def view_size(sample: Sample) -> tuple[int, int]:
    """Height and width in pixels of an image on the page."""
    return bounded_size(sample.height, sample.width, VIEW)


def image_data(
    source: ReviewSource,
    heat: HeatmapStore,
    sample: Sample,
    image: ImageArray,
    reviewed: ReviewedMask | None,
) -> dict[str, Any]:
    """The image itself, its masks by layer, and its heatmaps, all as addresses of data.

    `shown` is the digest of the mask to decide on, and empty where there is none.
    """
    size, masks = view_size(sample), layer_masks(source, sample)
    if reviewed:
        masks = {"mask": reviewed.ids} | masks
    return {
        "photo": photo_url(image, size),
        "size": size,
        "masks": {key: grey_url(resize_mask(mask, size)) for key, mask in masks.items()},
        "heat": heat_data(heat, sample) if sample.split == "train" and sample.labels else None,
        "shown": reviewed.sha256 if reviewed else "",
        "corrected": bool(reviewed and reviewed.corrected),
    }


def layer_masks(source: ReviewSource, sample: Sample) -> dict[str, Mask]:
    """The masks of an image beside the one to decide on, by layer, as far as there are any."""
    folders = {
        "method": paths.MASKS / source.method,
        "within": paths.MASKS / source.within,
        "prediction": paths.PREDICTIONS / source.supervision,
        "truth": paths.GROUND_TRUTH,
    }
    for key in ("method", "within"):
        if folders[key] == paths.MASKS / source.masks or sample.split != "train":
            del folders[key]  # it is the reviewed mask, or there is none
    masks = {key: load_mask(folder, sample) for key, folder in folders.items() if has_mask(folder, sample)}
    added = source.added(sample)
    return masks if added is None else masks | {"added": added}


def heat_data(heat: HeatmapStore, sample: Sample) -> dict[str, Any]:
    """The heatmaps of the image's labels, one below the other in a grey image of `size` each."""
    stored = heat.read(sample)
    return {"url": grey_url(np.concatenate(list(stored))), "size": stored.shape[1:]}


def thumb_urls(image: ImageArray, mask: Mask | None, classes: int) -> tuple[str, str]:
    """A small image, and its mask in colours to lay over it; empty without a mask."""
    size = bounded_size(image.shape[0], image.shape[1], THUMB)
    return photo_url(image, size), "" if mask is None else coloured_url(resize_mask(mask, size), classes)


def photo_url(image: ImageArray, size: tuple[int, int]) -> str:
    """RGB (H, W, 3) at `size` as the address of an image."""
    shrunk = Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR, reducing_gap=2.0)
    return _url(shrunk, "webp", quality=QUALITY, method=FAST)


def grey_url(values: Mask) -> str:
    """uint8 (H, W) as the address of a grey image without loss."""
    return _url(Image.fromarray(values), "png")


def coloured_url(mask: Mask, classes: int) -> str:
    """Ids (H, W) as the address of an image that is clear at the background and white at 255."""
    image, opacity = Image.fromarray(mask), np.zeros(256, np.uint8)
    opacity[1:] = OPACITY
    palette = np.full((256, 3), 255, np.uint8)
    palette[1 : min(classes + 1, IGNORE)] = safe_colours(classes)[: IGNORE - 1]
    image.putpalette(palette.tobytes())
    return _url(image, "png", transparency=opacity.tobytes())


def _url(image: Image.Image, kind: str, **options: Any) -> str:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
