"""The names of supervisions: `cam`, `cam-round1` after self-training, or `full`."""

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
