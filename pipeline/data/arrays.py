"""The arrays that subpackages hand to each other: the dtype, shape and range of each.

P is the number of classes that an image shows, C that of the data set, L = C + 1 counts the background too.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Heatmaps = NDArray[np.float32]  # (P, H, W) in [0, 1], one for each class that the image shows
StoredHeatmaps = NDArray[np.uint8]  # (P, h, w), heatmaps * 255 at a lower resolution
ClassIndices = NDArray[np.integer[Any]]  # (P,) class indices; label id = index + 1
ShownClasses = NDArray[np.bool_]  # (N, C), whether each image shows each class by its labels
Probabilities = NDArray[np.float32]  # (L, H, W) in [0, 1], one for each label; the background comes first
