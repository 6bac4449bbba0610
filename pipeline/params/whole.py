"""All of `params.yaml` as one value, and what its sections demand of each other."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline.params.sections import (
    ClassifierParams,
    DataParams,
    DiagnoseParams,
    EvaluationParams,
    HeatmapParams,
    PseudoMaskParams,
    RelabelParams,
    ReportParams,
    ScenesParams,
    Section,
    SegmentationParams,
)
from pipeline.params.supervision import FULL, RELABELLED, method_of


class Params(Section):
    """All of `params.yaml`."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    data: DataParams
    scenes: ScenesParams
    classifier: ClassifierParams
    heatmaps: HeatmapParams
    pseudo_masks: PseudoMaskParams
    segmentation: SegmentationParams
    relabel: RelabelParams
    diagnose: DiagnoseParams
    evaluation: EvaluationParams
    report: ReportParams

    def segmentation_is_pretrained(self) -> bool:
        """Whether the segmentation encoder starts from other pictures than the data set's own."""
        start = self.segmentation.weights
        return (self.classifier.weights if start == "classifier" else start) != "none"

    @model_validator(mode="after")
    def _check_supervision(self) -> Self:
        supervision, relabel = self.segmentation.supervision, self.relabel.supervision
        missing = {method_of(name) for name in supervision if name != FULL} - set(self.heatmaps.methods)
        if missing:
            raise ValueError(
                f"segmentation.supervision names {sorted(missing)}, which heatmaps.methods does not make"
            )
        models = set(supervision) - {FULL}
        if not set(relabel) <= models:
            raise ValueError(
                f"relabel.supervision names {sorted(set(relabel) - models)}, which are not in "
                "segmentation.supervision"
            )
        unmade = {s.removesuffix(RELABELLED) for s in models if s.endswith(RELABELLED)} - set(relabel)
        if unmade:
            raise ValueError(f"segmentation.supervision needs {sorted(unmade)} in relabel.supervision")
        if self.segmentation.weights == "classifier" and self.segmentation.encoder != self.classifier.encoder:
            raise ValueError(
                "segmentation.weights is `classifier`, so segmentation.encoder has to be "
                f"{self.classifier.encoder!r} (classifier.encoder), got {self.segmentation.encoder!r}"
            )
        return self
