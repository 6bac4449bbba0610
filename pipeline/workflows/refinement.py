"""What `pseudo_masks.refine` means for a data set: that of `auto`, and where segments lie."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.data.manifest import Sample
from pipeline.data.segment_maps import check_segment_files
from pipeline.heatmaps.evidence import read_evidence
from pipeline.params import PseudoMaskParams, Refinement


def refinement(refine: Refinement, heatmaps: Path) -> Refinement:
    """`colours` instead of `auto` where the evidence says that objects are small, else `pixels`.

    Args:
        heatmaps: the folder of a method's heatmaps, where its evidence lies.
    """
    if refine != "auto":
        return refine
    evidence = read_evidence(heatmaps)
    return "colours" if evidence is not None and evidence.small else "pixels"


def with_refinement(params: PseudoMaskParams, heatmaps: Path) -> PseudoMaskParams:
    """`params` with what `auto` means for these heatmaps."""
    return params.model_copy(update={"refine": refinement(params.refine, heatmaps)})


def of_rounds(params: PseudoMaskParams) -> PseudoMaskParams:
    """`params` for self-training: its model has learnt what colours and pixels of a class look like."""
    refine: dict[Refinement, Refinement] = {"colours": "none", "pixels": "crf"}
    return params.model_copy(update={"refine": refine.get(params.refine, params.refine)})


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
