"""All of `params.yaml` as one value, and the checks across its sections."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline.params import sections
from pipeline.params.section import Section
from pipeline.params.supervision import FULL, ROUND, method_of, model_before
from pipeline.params.values import weights_file


class Params(Section):
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

    def segmentation_start(self) -> str:
        """`segmentation.weights`; in the place of `classifier`, those that the classifier started from."""
        start = self.segmentation.weights
        return self.classifier.weights if start == "classifier" else start

    def segmentation_is_pretrained(self) -> bool:
        """Whether the segmentation encoder starts from weights that have seen other images."""
        return self.segmentation_start() != "none"

    def weights_files(self) -> dict[str, Path]:
        """The file of weights that a stage reads, by the stage; all else that it reads is in `dvc.yaml`."""
        named = {
            "train_classifier": self.classifier.weights,
            "make_heatmaps": self.heatmaps.walk.weights,
            "train_segmentation": self.segmentation.weights,
        }
        files = {stage: weights_file(weights) for stage, weights in named.items()}
        return {stage: file for stage, file in files.items() if file is not None}

    def working_side(self) -> int:
        """Pixels of the longer side of an image at the working resolution."""
        return self.data.tiles * self.data.long_side

    def tile_side(self) -> int | None:
        """Pixels of the side of a tile, without its margin; None: networks take images whole."""
        return None if self.data.tiles == 1 else self.data.long_side

    @model_validator(mode="after")
    def _check_max_side(self) -> Self:
        """Networks and refiners never look at more pixels than a working copy has."""
        side = self.working_side()
        seen = "data.long_side" if self.data.tiles == 1 else "data.tiles x data.long_side"
        sides = {
            f"{seen} x heatmaps.scales": side * max(self.heatmaps.scales),
            f"{seen} x self_training.scales": side * max(self.self_training.scales),
            f"{seen} x evaluation.scales": side * max(self.evaluation.scales),
            f"{seen} x classifier.training.scale": side * self.classifier.training.scale[1],
            f"{seen} x segmentation.training.scale": side * self.segmentation.training.scale[1],
            "pseudo_masks.crf.max_side": self.pseudo_masks.crf.max_side,
            "pseudo_masks.par.max_side": self.pseudo_masks.par.max_side,
        }
        given = self.data.max_side
        larger = [f"{key} ({pixels:.0f})" for key, pixels in sides.items() if round(pixels) > given]
        if larger:
            least = f"{max(sides.values()):.0f} pixels"
            raise ValueError(f"expected data.max_side of at least {least}, got {given}: {', '.join(larger)}")
        return self

    @model_validator(mode="after")
    def _check_tiles(self) -> Self:
        """What looks at a whole image at once, or mixes the tiles of a batch, does not go with tiles."""
        if self.data.tiles == 1:
            return self
        section = self.classifier
        trained = section.batch_norm == "trained" or (
            section.batch_norm == "auto" and section.weights == "none"
        )
        wrong = {
            "classifier.batch_norm: frozen, or pretrained classifier.weights": trained,
            "classifier.erasing.region: none": section.erasing.region != "none",
            "classifier.gain.weight: 0": section.gain.weight > 0,
            "classifier.gain.supervision_weight: 0": section.gain.supervision_weight > 0,
            "heatmaps.walk.restart: 1": self.heatmaps.walk.restart < 1,
        }
        if expected := [text for text, is_wrong in wrong.items() if is_wrong]:
            raise ValueError(f"data.tiles {self.data.tiles} needs {', '.join(expected)}")
        return self

    @model_validator(mode="after")
    def _check_segments(self) -> Self:
        """Segments in a folder are those of the training images; predictions are of any image."""
        folder = self.pseudo_masks.segments.folder
        if self.evaluation.refine == "segments" and folder is not None:
            raise ValueError(
                f"evaluation.refine: segments needs pseudo_masks.segments.folder: null, got {folder!r}: new "
                "images have no segments there"
            )
        return self

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
