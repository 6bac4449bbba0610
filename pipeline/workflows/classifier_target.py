"""The layer of the classifier that heatmaps are made of."""

from pipeline.classifier.network import Classifier
from pipeline.heatmaps.layers import TargetLayer


def classifier_target(net: Classifier) -> TargetLayer:
    """The last feature map; CAM is defined for either pooling, since the FC layer is linear."""
    pooled = net.fc if net.config.pooling == "mean" else None  # with top cells, gradients differ by cell
    return TargetLayer(net.pool, "input", pooled=pooled, linear_head=True)
