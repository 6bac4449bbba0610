"""What `pseudo_masks.refine` goes by: corrected masks, size of objects, masks before, segments."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline import paths
from pipeline.base.files import read_json
from pipeline.base.spaced import spaced
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import has_mask, load_mask
from pipeline.data.segment_maps import check_segment_files
from pipeline.heatmaps.evidence import read_evidence
from pipeline.masks.threshold import Threshold
from pipeline.params import PseudoMaskParams, Refinement

FEW = 5  # corrected masks of each class that choose
MOST = 50  # of each class that are looked at, and of images without a class


class MaskChoice(NamedTuple):
    """What a stage has chosen for its masks; the self-training round after it follows."""

    refine: Refinement
    confidence_threshold: Threshold  # of the heat that the confidence comes from


def read_choice(masks: str) -> MaskChoice:
    """What `reports/pseudo_masks/MASKS` says."""
    metrics = read_json(paths.REPORTS / "pseudo_masks" / masks / "metrics.json")
    return MaskChoice(*(metrics[key] for key in MaskChoice._fields))


def choosing_masks(manifest: Manifest) -> list[Sample]:
    """The corrected training images; none where fewer than `FEW` of their masks show a class.

    At most `MOST` of each class and as many without any are chosen, evenly spaced: each costs a mask by every
    refiner.
    """
    corrected = [sample for sample in manifest.split("train") if has_mask(paths.CORRECTED, sample)]
    ids = np.arange(1, len(manifest.classes) + 1)
    shown = np.array([np.isin(ids, load_mask(paths.CORRECTED, sample)) for sample in corrected])
    if not len(corrected) or (shown.sum(0) < FEW).any():
        return []
    kinds = [*shown.T, ~shown.any(1)]
    chosen = sorted({int(i) for kind in kinds for i in spaced(np.flatnonzero(kind).tolist(), MOST)})
    return [corrected[i] for i in chosen]


def has_small_objects(heatmaps: Path) -> bool:
    """Whether the evidence beside a method's heatmaps says that objects are small."""
    evidence = read_evidence(heatmaps)
    return evidence is not None and evidence.small


def of_rounds(params: PseudoMaskParams, first: Refinement) -> PseudoMaskParams:
    """`params` for self-training: its model has learnt what colours and pixels of a class look like.

    Args:
        first: what made the masks before, which `auto` leaves open.
    """
    refine: dict[Refinement, Refinement] = {"colours": "none", "pixels": "crf"}
    return params.model_copy(update={"refine": refine.get(first, first)})


def segment_folder(params: PseudoMaskParams) -> Path | None:
    """The folder of segment maps that another tool made, where masks are refined by them."""
    folder = params.segments.folder
    return Path(folder) if params.refine == "segments" and folder is not None else None


def checked_segments(params: PseudoMaskParams, samples: Sequence[Sample]) -> Path | None:
    """`segment_folder`, with a map for each of `samples` that has labels.

    Raises:
        UserError: a map is missing; the message names the images.
    """
    folder = segment_folder(params)
    if folder is not None:
        check_segment_files(folder, [sample for sample in samples if sample.labels])
    return folder
