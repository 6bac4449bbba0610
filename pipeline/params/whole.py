"""All of `params.yaml` as one value, and the checks across its sections."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline.params import sections
from pipeline.params.supervision import FULL, ROUND, method_of, model_before


class Params(sections.Section):
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    data: sections.DataParams
    scenes: sections.ScenesParams
    classifier: sections.ClassifierParams
    heatmaps: sections.HeatmapParams
    pseudo_masks: sections.PseudoMaskParams
    segmentation: sections.SegmentationParams
    self_training: sections.SelfTrainingParams
    diagnose: sections.DiagnoseParams
    evaluation: sections.EvaluationParams
    report: sections.ReportParams

    def segmentation_is_pretrained(self) -> bool:
        """Whether the segmentation encoder starts from weights that have seen other images."""
        start = self.segmentation.weights
        return (self.classifier.weights if start == "classifier" else start) != "none"

    @model_validator(mode="after")
    def _check_supervision(self) -> Self:
        supervision, rounds = self.segmentation.supervision, self.self_training.rounds
        missing = {method_of(name) for name in supervision if name != FULL} - set(self.heatmaps.methods)
        if missing:
            methods = sorted(missing)
            raise ValueError(
                f"segmentation.supervision names {methods}, which heatmaps.methods does not make"
            )
        for masks, model in rounds.items():
            before = model_before(masks)
            if model != before:
                raise ValueError(f"expected self_training.rounds.{masks} to be {before}, got {model}")
        untrained = set(rounds.values()) - set(supervision)
        if untrained:
            models = sorted(untrained)
            raise ValueError(f"self_training.rounds needs the models {models} in segmentation.supervision")
        unmade = {name for name in supervision if ROUND in name} - set(rounds)
        if unmade:
            raise ValueError(f"segmentation.supervision needs {sorted(unmade)} in self_training.rounds")
        if self.segmentation.weights == "classifier" and self.segmentation.encoder != self.classifier.encoder:
            raise ValueError(
                "segmentation.weights is `classifier`, so segmentation.encoder has to be "
                f"{self.classifier.encoder!r} (classifier.encoder), got {self.segmentation.encoder!r}"
            )
        return self
