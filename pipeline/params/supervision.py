"""What a segmentation model is trained on, by name: pseudo-masks, relabelled masks, or true masks."""

from typing import Annotated, Literal, get_args

from pydantic import Field

FULL = "full"  # the supervision by true masks: the control
RELABELLED = "-relabelled"  # masks of the training images by a model, and the model of those; more than once
Method = Literal["cam", "gradcam", "gradcampp"]
Supervision = Annotated[str, Field(pattern=rf"^({'|'.join(get_args(Method))})({RELABELLED})*$|^{FULL}$")]


def method_of(supervision: str) -> str:
    """The heatmap method that masks go back to, however often they were relabelled."""
    return supervision.partition(RELABELLED)[0]
