"""The mask of a training image that a person decides on: the corrected one, else the pseudo-mask."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline import paths
from pipeline.base.files import safe_join
from pipeline.base.work_folder import digest
from pipeline.data.corrections.inspection import inspect_corrections
from pipeline.data.corrections.read import read_pngs
from pipeline.data.images import Mask, read_mask, write_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import has_mask, mask_png_of
from pipeline.data.sources.documents import listed_classes
from pipeline.errors import UserError


@dataclass(frozen=True)
class ReviewedMask:
    """A mask and the digest of the file that holds it: what a person decides on has to be what is there."""

    ids: Mask  # (H, W), ids of the manifest; a corrected one has the size of the image itself
    sha256: str
    corrected: bool


def correction_file(sample: Sample, folder: Path = paths.CORRECTIONS) -> Path:
    """Where the corrected mask of a sample lies in a folder of corrections, if there is one."""
    return safe_join(folder, f"{sample.name}.png")


def corrected_mask(
    sample: Sample,
    manifest: Manifest,
    max_megapixels: float,
    folder: Path = paths.CORRECTIONS,
    *,
    scoring: bool = False,
) -> ReviewedMask | None:
    """The mask of a sample in a folder of corrections; None if it has none that fits the data set.

    `scoring` as for `inspect_corrections`.
    """
    file = correction_file(sample, folder)
    if not file.is_file():
        return None
    parsed = read_pngs(folder, folder, listed_classes(folder), [f"{sample.name}.png"])
    alone = replace(manifest, samples=(sample,))
    found = inspect_corrections(parsed, alone, manifest.classes, max_megapixels, scoring=scoring)
    if found.errors:
        return None  # `prepare` names it
    ids = read_mask(file, content=found.masks[sample.name])
    return ReviewedMask(ids, digest(file.read_bytes()), corrected=True)


def pseudo_mask_of(folder: Path, sample: Sample) -> ReviewedMask | None:
    """The mask of a sample in a folder of masks, if it has one."""
    if not has_mask(folder, sample):
        return None
    content = mask_png_of(folder, sample)
    return ReviewedMask(read_mask(folder, content=content), digest(content), corrected=False)


def checked_correction(
    sample: Sample, mask: Mask, manifest: Manifest, order: Sequence[str], max_megapixels: float
) -> bytes:
    """`mask` (H, W of the image itself, ids of the manifest) as the PNG that `data/corrections` keeps.

    Args:
        order: the classes in the order of the ids there.

    Raises:
        UserError: `camseg corrections add` would refuse the mask.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_mask(correction_file(sample, folder), mask)
        parsed = read_pngs(folder, folder, manifest.classes, [f"{sample.name}.png"])
        alone = replace(manifest, samples=(sample,))
        found = inspect_corrections(parsed, alone, order, max_megapixels)
    if found.errors:
        raise UserError("\n".join(found.errors).replace(f"{folder}/", ""))
    return found.masks[sample.name]
