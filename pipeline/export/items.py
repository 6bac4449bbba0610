"""What is exported: photos of the data set with their masks, by file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from pipeline.data.files import inside, read_json
from pipeline.data.manifest import Manifest, Sample, mask_path
from pipeline.data.pictures import Mask, read_mask
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.confidence import confidence
from pipeline.masks.threshold import upsample


@dataclass(frozen=True)
class Item:
    """One photo and its mask."""

    sample: Sample
    photo: Path
    mask: Path
    confidence: float | None = None  # of the mask, in [0, 1]; None: it does not come from heatmaps

    def read(self) -> Mask:
        """The mask, uint8 (H, W).

        Raises:
            ValueError: it has not the size of the photo.
        """
        mask, expected = read_mask(self.mask), size_of(self)
        if mask.shape != expected:
            raise ValueError(
                f"{self.mask}: expected {expected} pixels as its photo, got {mask.shape}. "
                "Run `make repro` again"
            )
        return mask


def find_items(manifest: Manifest, folder: Path) -> tuple[Item, ...]:
    """The samples that have a mask in `folder`, in the order of the manifest.

    Raises:
        ValueError: there are none.
    """
    items = tuple(
        Item(sample, inside(Path(manifest.root), sample.image), mask_path(folder, sample))
        for sample in manifest.samples
        if mask_path(folder, sample).is_file()
    )
    if not items:
        raise ValueError(
            f"{folder}: expected masks of the {len(manifest.samples)} samples, got none. Run `make repro`"
        )
    return items


def with_confidence(items: Sequence[Item], heatmaps: Path, metrics: Path) -> tuple[Item, ...]:
    """The items with the confidence of their masks.

    Args:
        heatmaps: a folder of `HeatmapStore`, that the masks were made of.
        metrics: the JSON file with the `threshold` that was used.

    Raises:
        ValueError: `metrics` is missing, or a sample has no heatmaps.
    """
    if not metrics.is_file():
        raise ValueError(f"{metrics}: expected the threshold of the masks, got no file. Run `make repro`")
    store, threshold = HeatmapStore(heatmaps), float(read_json(metrics)["threshold"])
    return tuple(
        replace(item, confidence=confidence(upsample(store.read(item.sample), size_of(item)), threshold))
        for item in progress(items, "confidence")
    )


def size_of(item: Item) -> tuple[int, int]:
    """Height and width in pixels."""
    return item.sample.height, item.sample.width


def progress(items: Sequence[Item], description: str) -> Iterator[Item]:
    """The items under a progress bar."""
    return iter(tqdm(items, description, unit="image"))
