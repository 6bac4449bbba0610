"""A trained segmentation model, loaded from its folder."""

from pathlib import Path

from safetensors import SafetensorError

from pipeline import paths
from pipeline.errors import UserError
from pipeline.params import Params, default_supervision
from pipeline.segmentation.network import SegmentationNet, load_segmentation_net
from pipeline.workflows.leading_round import find_lead

FILES = ("camseg.json", "config.json", "model.safetensors")


def default_model(params: Params) -> Path:
    """The folder of the leading model."""
    return paths.SEGMENTATION / default_supervision(find_lead(params).supervision)


def load_model(folder: Path) -> SegmentationNet:
    """The trained network of `folder`; the message for a missing or broken one says what to do."""
    if (folder / paths.SKIPPED).exists():
        raise UserError(f"{folder}: there is no model, since there were no masks to train on. Name another")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"{folder}: expected a segmentation model, got no {', '.join(missing)}. Run `camseg run` first, "
            f"or name another folder below {paths.SEGMENTATION} with --model"
        )
    try:
        return load_segmentation_net(folder)
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder}: cannot be read as a segmentation model: {str(error)[:500]}") from error
