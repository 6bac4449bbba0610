"""What `pseudo_masks.refine: auto` means for the heatmaps of a data set."""

from pathlib import Path

from pipeline.heatmaps.evidence import read_evidence
from pipeline.params import PseudoMaskParams


def with_refinement(params: PseudoMaskParams, heatmaps: Path) -> PseudoMaskParams:
    """`params` with `colours` instead of `auto` where the evidence says that objects are small, else `crf`.

    Args:
        heatmaps: the folder of a method's heatmaps, where its evidence lies.
    """
    if params.refine != "auto":
        return params
    evidence = read_evidence(heatmaps)
    small = evidence is not None and evidence.small
    return params.model_copy(update={"refine": "colours" if small else "crf"})
