"""What `pseudo_masks.refine: auto` means for the heatmaps of a data set."""

from pathlib import Path

from pipeline.heatmaps.evidence import read_evidence
from pipeline.params import PseudoMaskParams, Refinement


def refinement(refine: Refinement, heatmaps: Path) -> Refinement:
    """`colours` instead of `auto` where the evidence says that objects are small, else `crf`.

    Args:
        heatmaps: the folder of a method's heatmaps, where its evidence lies.
    """
    if refine != "auto":
        return refine
    evidence = read_evidence(heatmaps)
    return "colours" if evidence is not None and evidence.small else "crf"


def with_refinement(params: PseudoMaskParams, heatmaps: Path) -> PseudoMaskParams:
    """`params` with what `auto` means for these heatmaps."""
    return params.model_copy(update={"refine": refinement(params.refine, heatmaps)})
