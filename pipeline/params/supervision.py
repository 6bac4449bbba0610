"""The names of supervisions: `cam`, `cam-round1` after self-training, or `full`; and the default one."""

from collections.abc import Sequence
from typing import Annotated, Literal, get_args

from pydantic import Field

FULL = "full"  # the supervision by ground-truth masks: the control
ROUND = "-round"  # `cam-round2`: masks of the training images by the model that learnt from `cam-round1`
Method = Literal["cam", "gradcam", "gradcampp"]
_METHODS = "|".join(get_args(Method))
SelfTrained = Annotated[str, Field(pattern=rf"^({_METHODS}){ROUND}[1-9][0-9]*$")]
Supervision = Annotated[str, Field(pattern=rf"^({_METHODS})({ROUND}[1-9][0-9]*)?$|^{FULL}$")]


def method_of(supervision: str) -> str:
    """The heatmap method of a supervision, whatever its round."""
    return supervision.partition(ROUND)[0]


def round_name(method: str, number: int) -> str:
    """The masks of a self-training round: `cam-round2`; round 0 are the pseudo-masks of the method itself."""
    return f"{method}{ROUND}{number}" if number else method


def model_before(masks: str) -> str:
    """The model that makes the masks of a round: `cam` of `cam-round1`, `cam-round1` of `cam-round2`."""
    method, _, number = masks.partition(ROUND)
    return round_name(method, int(number) - 1)


def masks_by(model: str) -> str:
    """The masks that a model makes of its training images: `cam-round1` by `cam`, `cam-round2` by that."""
    method, _, number = model.partition(ROUND)
    return round_name(method, int(number or 0) + 1)


def default_supervision(supervision: Sequence[str]) -> str:
    """The model that `predict` and the report take first: the first that is not `full`, else `full`."""
    return next((s for s in supervision if s != FULL), FULL)


def default_masks(methods: Sequence[str], supervision: Sequence[str]) -> str:
    """The pseudo-masks that the default model learns from, else those of the first method."""
    default = default_supervision(supervision)
    return methods[0] if default == FULL else default


def default_method(methods: Sequence[str], supervision: Sequence[str]) -> str:
    """The heatmap method of the default model, else the first method."""
    return method_of(default_masks(methods, supervision))
