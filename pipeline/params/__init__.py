"""`params.yaml` as frozen, validated values."""

from pipeline.params.load import ParamsError, check_params, load_params, parse_params, unknown_key
from pipeline.params.section import Section
from pipeline.params.sections import (
    ClassifierParams,
    CrfParams,
    DataParams,
    ErasingParams,
    EvaluationParams,
    GainParams,
    HeatmapParams,
    ParParams,
    PseudoMaskParams,
    ScenesParams,
    SegmentationParams,
    SegmentParams,
    SelfTrainingParams,
    TeacherParams,
    WalkParams,
)
from pipeline.params.supervision import (
    FULL,
    ROUND,
    Supervision,
    default_masks,
    default_method,
    default_supervision,
    masks_by,
    method_of,
    model_before,
    round_name,
)
from pipeline.params.training import TrainingParams
from pipeline.params.values import LEAST_WIDTH, HeatmapMethod, ObjectSize, Refinement, Source, weights_file
from pipeline.params.whole import Params
