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
    ReportParams,
    ScenesParams,
    Section,
    SegmentationParams,
    SelfTrainingParams,
)
from pipeline.params.supervision import FULL, ROUND, method_of, model_before


class Params(Section):
    """All of `params.yaml`."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    data: DataParams
    scenes: ScenesParams
    classifier: ClassifierParams
    heatmaps: HeatmapParams
    pseudo_masks: PseudoMaskParams
    segmentation: SegmentationParams
    self_training: SelfTrainingParams
    diagnose: DiagnoseParams
    evaluation: EvaluationParams
    report: ReportParams

    def segmentation_is_pretrained(self) -> bool:
        """Whether the segmentation encoder starts from other images than the data set's own."""
        start = self.segmentation.weights
        return (self.classifier.weights if start == "classifier" else start) != "none"

    @model_validator(mode="after")
    def _check_supervision(self) -> Self:
        supervision, rounds = self.segmentation.supervision, self.self_training.rounds
        missing = {method_of(name) for name in supervision if name != FULL} - set(self.heatmaps.methods)
        if missing:
            raise ValueError(
                f"segmentation.supervision names {sorted(missing)}, which heatmaps.methods does not make"
            )
        for masks, model in rounds.items():
            if model != model_before(masks):
                raise ValueError(
                    f"expected self_training.rounds.{masks} to be {model_before(masks)}, got {model}"
                )
        untrained = set(rounds.values()) - set(supervision)
        if untrained:
            raise ValueError(
                f"self_training.rounds needs the models {sorted(untrained)} in segmentation.supervision"
            )
        unmade = {name for name in supervision if ROUND in name} - set(rounds)
        if unmade:
            raise ValueError(f"segmentation.supervision needs {sorted(unmade)} in self_training.rounds")
        if self.segmentation.weights == "classifier" and self.segmentation.encoder != self.classifier.encoder:
            raise ValueError(
                "segmentation.weights is `classifier`, so segmentation.encoder has to be "
                f"{self.classifier.encoder!r} (classifier.encoder), got {self.segmentation.encoder!r}"
            )
        return self
