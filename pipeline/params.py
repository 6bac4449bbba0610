"""`params.yaml` as frozen, validated values.

Every section of the file is one class here. Unknown keys are refused, and all problems of a file are
reported at once, each with its dotted path.
"""

from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import UserError

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Scales = Annotated[tuple[Annotated[float, Field(gt=0, le=8)], ...], Field(min_length=1)]
HeatmapMethod = Literal["cam", "gradcam", "gradcampp", "xgradcam", "hirescam", "layercam"]
FULL = "full"  # the supervision by true masks: the control
RELABELLED = "-relabelled"  # masks of the training images by a model, and the model of those; more than once
Method = Literal["cam", "gradcam", "gradcampp"]
Supervision = Annotated[str, Field(pattern=rf"^({'|'.join(get_args(Method))})({RELABELLED})*$|^{FULL}$")]
Source = Literal["csv", "imagefolder", "coco", "voc", "labelstudio", "cvat"]  # kinds of folders


def method_of(supervision: str) -> str:
    """The heatmap method that masks go back to, however often they were relabelled."""
    return supervision.partition(RELABELLED)[0]


class ParamsError(UserError):
    """`params.yaml` cannot be used; the message lists every problem."""


class Section(BaseModel):
    """A section of `params.yaml`: immutable, no unknown keys, no silent conversion of text to numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataParams(Section):
    """Where the photos and their labels come from."""

    source: Literal["scenes"] | Source
    path: str
    classes: tuple[str, ...] | None
    rename: dict[str, str | None]
    difficult: bool
    on_bad_image: Literal["error", "skip"]
    max_megapixels: Positive
    val_share: Annotated[float, Field(gt=0, lt=1)]
    long_side: Annotated[int, Field(ge=32)]


class ScenesParams(Section):
    """The rendered data set and its hard cases."""

    train: Count
    val: Count
    long_side: Annotated[int, Field(ge=64, multiple_of=8)]
    empty_share: Share
    max_classes: Annotated[int, Field(ge=1, le=5)]
    max_instances: Annotated[int, Field(ge=1, le=8)]
    size_range: tuple[Annotated[float, Field(ge=0.1, le=1)], Annotated[float, Field(ge=0.1, le=1)]]
    shared_bodies: bool
    context_bias: Share
    occlusion: bool
    clutter: bool

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.size_range[0] > self.size_range[1]:
            raise ValueError(f"expected size_range to be [smallest, largest], got {list(self.size_range)}")
        return self


class TrainingParams(Section):
    """How a network is trained; lengths are optimiser steps, sizes are relative to `data.long_side`."""

    steps: Count
    batch_size: Annotated[int, Field(ge=2)]
    crop: Positive
    scale: tuple[Positive, Positive]
    colour_jitter: Share
    optimizer: Literal["adamw", "sgd"]
    lr: Positive
    pretrained_lr_factor: Positive
    weight_decay: NotNegative
    warmup_steps: Annotated[int, Field(ge=0)]
    poly_power: NotNegative
    clip_norm: Positive
    checkpoint_steps: Count

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"expected scale to be [smallest, largest], got {list(self.scale)}")
        if self.warmup_steps >= self.steps:
            raise ValueError(f"expected warmup_steps below steps ({self.steps}), got {self.warmup_steps}")
        return self


class ErasingParams(Section):
    """Parts of the training pictures that are taken away by the classifier's own heatmaps."""

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
    weights: str
    output_stride: Literal[8, 16, 32]
    batch_norm: Literal["auto", "frozen", "trained"]
    erasing: ErasingParams
    gain: GainParams
    attention_from: Share
    training: TrainingParams


class WalkParams(Section):
    """The random walk that spreads heat over what looks alike."""

    power: Positive
    restart: Annotated[float, Field(gt=0, le=1)]
    scale: Positive
    cells: Annotated[int, Field(ge=16)]


class HeatmapParams(Section):
    """How heatmaps are computed."""

    methods: Annotated[tuple[HeatmapMethod, ...], Field(min_length=1)]
    depths: Annotated[int, Field(ge=1, le=4)]
    scales: Scales
    flip: bool
    walk: WalkParams
    batch_size: Count

    @model_validator(mode="after")
    def _check_scale(self) -> Self:
        if self.walk.scale not in self.scales:
            found = self.walk.scale
            raise ValueError(f"expected walk.scale to be one of scales {list(self.scales)}, got {found}")
        return self


class CrfParams(Section):
    """Dense CRF; `sxy` in shares of the working picture's long side, `srgb` in grey levels."""

    iterations: Count
    gaussian_sxy: Positive
    gaussian_compat: NotNegative
    bilateral_sxy: Positive
    bilateral_srgb: Positive
    bilateral_compat: NotNegative
    max_side: Annotated[int, Field(ge=16)]


class PseudoMaskParams(Section):
    """How heatmaps become masks."""

    threshold: Literal["auto", "calibrated"] | Annotated[float, Field(gt=0, lt=1)]
    band: Annotated[float, Field(ge=0, lt=0.5)]
    refine: Literal["crf", "none"]
    crf: CrfParams


class TeacherParams(Section):
    """An average of past weights that corrects pseudo-masks while a model trains on them."""

    confidence: Annotated[float, Field(gt=0, le=1)]
    start: Share
    decay: Annotated[float, Field(gt=0, lt=1)]


class SegmentationParams(Section):
    """The model trained on the masks, and what it is trained on."""

    supervision: Annotated[tuple[Supervision, ...], Field(min_length=1)]
    architecture: str
    decoder: dict[str, Count | tuple[Count, ...]]
    encoder: str
    weights: str
    batch_norm: Literal["auto", "frozen", "trained"]
    background_prior: Share
    corrected_repeats: Count
    teacher: TeacherParams
    training: TrainingParams


class RelabelParams(Section):
    """Which models label the training images anew, and how they look at them."""

    supervision: tuple[Supervision, ...]
    scales: Scales
    flip: bool


class EvaluationParams(Section):
    """How the segmentation model is tested."""

    scales: Scales
    flip: bool
    refine: Literal["none", "crf"]
    boundary: Positive


class DiagnoseParams(Section):
    """How closely the classifier is examined."""

    images: Annotated[int, Field(ge=0)]


class ReportParams(Section):
    """What the report shows."""

    images: Annotated[int, Field(ge=0, le=500)]


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


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate `path`.

    Raises:
        ParamsError: the file is missing, is not YAML, or has invalid or unknown keys (all are listed).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ParamsError(f"{path}: no such file. Run this in the folder of the project") from error
    except (OSError, ValueError) as error:
        raise ParamsError(f"{path}: cannot be read: {error}") from error
    return parse_params(text, path)


def parse_params(text: str, path: Path) -> Params:
    """Validate `text`, which messages call `path`.

    Raises:
        ParamsError: it is not YAML, or has invalid or unknown keys (all are listed).
    """
    try:
        # DVC reads YAML 1.2 with ruamel; PyYAML would read 1e-3 as a string.
        raw = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ParamsError(f"{path}: cannot be read: {error}") from error
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc'])) or 'params'}: {e['msg']}" for e in error.errors()]
        raise ParamsError(f"{path}: {len(lines)} problem(s):\n" + "\n".join(lines)) from error
