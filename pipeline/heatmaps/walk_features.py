"""Features of an encoder that was not trained on the labels: the walk may compare them too."""

import torch
from torch import Tensor, nn

from pipeline.data.resize import whole_cells
from pipeline.engine.encoders import cell_side
from pipeline.engine.normalise import MEAN, STD, Normalise
from pipeline.engine.weights import WeightsError, make_encoder
from pipeline.params import WalkParams, weights_file

KEY = "heatmaps.walk"


class WalkFeatures(nn.Module):
    """Images float32 (N, 3, H, W) in [0, 1] -> the last feature map (N, K, h, w) of an encoder, no gradients.

    Images are enlarged to whole cells. Encoders of timm get images with the mean and the deviation of their
    own training, others with those of ImageNet.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        trained = getattr(getattr(encoder, "model", None), "pretrained_cfg", {})
        self.encoder = encoder.eval().requires_grad_(False)
        self.normalise = Normalise(trained.get("mean", MEAN), trained.get("std", STD))
        self.cell = cell_side(encoder)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        depths: list[Tensor] = self.encoder(self.normalise(whole_cells(images, self.cell)))
        return depths[-1]


def make_walk_features(params: WalkParams) -> WalkFeatures | None:
    """The network that `walk.features` names; None: the walk compares the classifier's features alone.

    Raises:
        WeightsError: unknown encoder, no network for the download, or a file that does not fit.
    """
    for encoder, weights in params.encoders():
        try:
            return WalkFeatures(make_encoder(encoder, weights, key=f"{KEY}.weights"))
        except WeightsError as error:
            advice = f". Name a file in {KEY}.weights, and its encoder here" if weights_file(encoder) else ""
            raise WeightsError(f"{KEY}.features: {error}{advice}") from error
    return None
