"""The sections of `params.yaml`, one class each: the type and the limits of every value."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.params.section import Section
from pipeline.params.supervision import SelfTrained, Supervision
from pipeline.params.training import TrainingParams
from pipeline.params.values import (
    Bands,
    Count,
    GreyRange,
    GreyWidth,
    HeatmapMethod,
    Many,
    NotNegative,
    ObjectSize,
    Pattern,
    Positive,
    Range,
    Refinement,
    Scales,
    Share,
    Source,
    Weights,
    Width,
)


class DataParams(Section):
    """Where the images and their labels come from."""

    source: Literal["scenes", Source]
    path: str
    classes: Many[str] | None
    rename: dict[str, str | None]
    separator: str
    difficult: bool
    masks: Literal["auto", "ids", "binary", "instances", "colours"]
    mask_key: str | None
    background: bool
    on_bad_image: Literal["error", "skip"]
    max_megapixels: Positive
    intensity: Literal["auto", "image"] | GreyRange
    bands: Bands | None
    frame: Count | None
    val_share: Annotated[float, Field(gt=0, lt=1)]
    group_by: Pattern | None
    held_out: Annotated[float, Field(ge=0, le=0.5)]
    long_side: Annotated[int, Field(ge=32)]
    tiles: Count
    max_side: Annotated[int, Field(ge=32)]


class ScenesParams(Section):
    """The rendered data set and its hard cases."""

    train: Count
    val: Count
    long_side: Annotated[int, Field(ge=64, multiple_of=8)]
    empty_share: Share
    max_classes: Annotated[int, Field(ge=1, le=5)]
    max_instances: Annotated[int, Field(ge=1, le=8)]
    size_range: Range[Annotated[float, Field(ge=0.1, le=1)]]
    shared_bodies: bool
    context_bias: Share
    occlusion: bool
    clutter: bool


class ErasingParams(Section):
    """How the classifier's heatmaps choose the parts of the training images that are erased."""

    region: Literal["none", "object", "background"]
    threshold: Annotated[float, Field(gt=0, lt=1)]
    share: Share
    decay: Annotated[float, Field(gt=0, lt=1)]


class GainParams(Section):
    """The losses of GAIN: attention mining, and the supervision of attention by corrected masks."""

    weight: NotNegative
    sigma: Share
    omega: Positive
    max_area: Share
    supervision_weight: NotNegative


class ClassifierParams(Section):
    """The network whose heatmaps become pseudo-masks."""

    encoder: str
    weights: Weights
    output_stride: Literal[8, 16, 32]
    batch_norm: Literal["auto", "frozen", "trained"]
    pooling: Literal["mean"] | Annotated[float, Field(gt=0, le=1)]
    erasing: ErasingParams
    gain: GainParams
    attention_from: Share
    training: TrainingParams

    @model_validator(mode="after")
    def _check_gain(self) -> Self:
        if self.gain.weight > 0 and self.training.shards > 1:
            raise ValueError(f"expected training.shards: 1 with gain.weight, got {self.training.shards}")
        return self


class WalkParams(Section):
    """The random walk that spreads heat over similar parts of the image."""

    power: Positive
    restart: Annotated[float, Field(gt=0, le=1)]
    scale: Positive
    cells: Annotated[int, Field(ge=16)]
    features: str
    weights: Weights
    share: Annotated[float, Field(gt=0, le=1)]

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        if self.weights == "none":
            raise ValueError("expected weights: pretrained, or the path of a file. Random ones know nothing")
        return self

    def encoders(self) -> list[tuple[str, str]]:
        """The encoder that the walk uses beside the classifier and its weights, if there is one."""
        own = self.features == "classifier" or self.restart == 1
        return [] if own else [(self.features, self.weights)]


class HeatmapParams(Section):
    """How heatmaps are computed."""

    methods: Annotated[Many[HeatmapMethod], Field(min_length=1)]
    objects: ObjectSize
    depths: Annotated[int, Field(ge=1, le=4)]
    scales: Scales
    flip: bool
    walk: WalkParams
    batch_size: Count

    @model_validator(mode="after")
    def _check_scale(self) -> Self:
        if self.walk.scale not in self.scales:
            scales = list(self.scales)
            raise ValueError(f"expected walk.scale to be one of scales {scales}, got {self.walk.scale}")
        return self


class CrfParams(Section):
    """Dense CRF; `sxy` in shares of the working image's long side, `srgb` in grey levels."""

    iterations: Count
    gaussian_sxy: Width
    gaussian_compat: NotNegative
    bilateral_sxy: Width
    bilateral_srgb: GreyWidth
    bilateral_compat: NotNegative
    max_side: Annotated[int, Field(ge=16)]


class ParParams(Section):
    """Pixel-adaptive refinement."""

    iterations: Count
    max_side: Annotated[int, Field(ge=16)]


class SegmentParams(Section):
    """Segments that get one label each: superpixels, or those in a folder."""

    folder: str | None
    count: Annotated[int, Field(ge=2)]
    compactness: Positive


class PseudoMaskParams(Section):
    """How heatmaps become masks."""

    threshold: Literal["auto", "calibrated"] | Annotated[float, Field(gt=0, lt=1)]
    band: Annotated[float, Field(ge=0, lt=0.5)]
    refine: Refinement
    crf: CrfParams
    par: ParParams
    segments: SegmentParams


class TeacherParams(Section):
    """An average of past weights that corrects pseudo-masks while a model trains on them."""

    confidence: Annotated[float, Field(gt=0, le=1)]
    start: Share
    decay: Annotated[float, Field(gt=0, lt=1)]


class SegmentationParams(Section):
    """The segmentation models, and the masks that they are trained on."""

    supervision: Annotated[Many[Supervision], Field(min_length=1)]
    architecture: str
    decoder: dict[str, Count | Many[Count]]
    encoder: str
    weights: Weights
    batch_norm: Literal["auto", "frozen", "trained"]
    background_prior: Share
    corrected_repeats: Count
    teacher: TeacherParams
    training: TrainingParams


class SelfTrainingParams(Section):
    """Which models make new masks of the training images, and at which scales."""

    rounds: dict[SelfTrained, Supervision]  # {masks of the round: the model that makes them}
    scales: Scales
    flip: bool


class EvaluationParams(Section):
    """How the segmentation models are scored, and on which images."""

    split: Literal["val", "test"]
    scales: Scales
    flip: bool
    refine: Literal["none", "crf", "par", "segments"]
    boundary: Positive


class DiagnoseParams(Section):
    """How many images are diagnosed in detail."""

    images: Annotated[int, Field(ge=0)]


class ReportParams(Section):
    """What the report shows."""

    images: Annotated[int, Field(ge=0, le=500)]
