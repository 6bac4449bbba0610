"""The encoder that `camseg use` and `camseg init --data` choose, and at how many depths it makes heatmaps."""

from pathlib import Path

from pipeline.errors import UserError
from pipeline.params import Params

DEPTHS = 3  # of the encoder; their heatmaps are added
HIERARCHICAL = "tu-resnet10t"  # of segmentation models beside a plain transformer: that of a new project
OF_TRANSFORMERS = ("vit", "patch")  # in the names of all plain transformers of timm, and of some others
NAMED_WEIGHTS = ("pretrained", "none")  # all others are paths


def choose_encoder(weights: str, encoder: str | None, params: Params) -> str:
    """The encoder of both networks: `encoder`, else that of params.yaml, else one that fits the weights."""
    if weights in NAMED_WEIGHTS:
        from pipeline.engine.weights import make_encoder  # here, since it loads torch

        make_encoder(encoder or params.classifier.encoder, "none")  # refuses a name that is none
        return encoder or params.classifier.encoder
    file = Path(weights)
    if file.suffix not in (".safetensors", ".pth") or not file.is_file():
        raise UserError(
            f"--weights: expected pretrained, none, or a .safetensors or .pth file, got {weights!r}"
        )
    from pipeline.engine.weights import encoder_fits, encoders_that_fit  # here, since it loads torch

    preferred = encoder or params.classifier.encoder
    if encoder_fits(preferred, file):
        return preferred
    fitting = encoders_that_fit(file)
    if encoder or not fitting:
        target = f"the encoder {encoder}" if encoder else "any encoder"
        advice = f"It fits {', '.join(fitting)}." if fitting else "Name one of timm's: --encoder tu-NAME."
        raise UserError(f"--weights {weights}: does not fit {target}. {advice}")
    return next((name for name in fitting if name in file.stem), fitting[0])


def fitting_depths(encoder: str) -> int:
    """`DEPTHS`, or fewer if heatmaps can be made at fewer depths of the encoder."""
    from pipeline.engine.weights import make_encoder  # here, since torch takes seconds to load
    from pipeline.heatmaps.layers import depth_layers

    return min(DEPTHS, 1 + len(depth_layers(make_encoder(encoder, "none").eval())))


def classifier_cell(params: Params) -> int:
    """Pixels of the side of a cell of the classifier's last feature map: a patch of a plain transformer."""
    encoder, stride = params.classifier.encoder, params.classifier.output_stride
    if not any(word in encoder for word in OF_TRANSFORMERS):
        return stride
    from pipeline.engine.encoders import cell_pixels  # here, since it loads torch

    return cell_pixels(encoder, stride)


def segmentation_start(encoder: str, weights: str, params: Params) -> dict[str, object]:
    """`segmentation.encoder` and `segmentation.weights` beside a classifier's encoder.

    They follow the classifier if its encoder changes. No decoder takes the one feature map of a plain
    transformer, so there the segmentation models keep a hierarchical encoder.

    Args:
        encoder: of the classifier.
        weights: `--weights`.
        params: those before the change.
    """
    from pipeline.engine.encoders import is_plain  # here, since it loads torch

    if not is_plain(encoder):
        if encoder == params.classifier.encoder:
            return {}
        back = {"segmentation.weights": "classifier"} if is_plain(params.classifier.encoder) else {}
        return {"segmentation.encoder": encoder, **back}
    kept = params.segmentation.encoder
    return {
        "segmentation.encoder": HIERARCHICAL if is_plain(kept) else kept,
        "segmentation.weights": "none" if weights == "none" else "pretrained",
    }
