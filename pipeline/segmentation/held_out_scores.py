"""How well a segmentation model does, while it is trained, on images that it does not learn from."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.held_out import HELD_OUT_MAP, HELD_OUT_MIOU
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import load_mask
from pipeline.engine.mapping import Batch, ImagePass, fitting_batch_size, map_images
from pipeline.engine.training_loop import Record
from pipeline.evaluation.confusion import Counts, confusion_matrix, mean_iou
from pipeline.evaluation.means import mean_present
from pipeline.evaluation.ranking import average_precision
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.prediction import BatchLogits, batch_logits
from pipeline.segmentation.tiles import most_probable

Found = tuple[NDArray[np.float32], Counts | None]  # highest probabilities (C,); confusion with a known mask


def held_out_scores(
    net: SegmentationNet, manifest: Manifest, held: Sequence[Sample], masks: Path, known: Collection[str]
) -> Record:
    """The mean average precision of image-level labels, and the mIoU where masks are known.

    The score of a label is the highest probability of its class among the pixels of the image. Both are NaN
    where no image shows a class.

    Args:
        masks: the folder of the masks.
        known: names of the images whose mask there is true.
    """
    labels = np.array([[c in sample.labels for c in range(len(manifest.classes))] for sample in held])
    found = map_images(held, _pass(net.eval(), manifest, masks, known))
    highest, counts = np.stack([row for row, _ in found]), [count for _, count in found if count is not None]
    scores = {HELD_OUT_MAP: mean_present(average_precision(labels, highest))}
    return scores | ({HELD_OUT_MIOU: mean_iou(np.sum(counts, axis=0))} if counts else {})


def _pass(net: SegmentationNet, manifest: Manifest, masks: Path, known: Collection[str]) -> ImagePass[Found]:
    def compute(batch: Batch) -> list[Found]:
        logits = batch_logits(net, batch.views, flip=False)
        return [find(sample, n, logits) for n, sample in enumerate(batch.samples)]

    def find(sample: Sample, index: int, logits: BatchLogits) -> Found:
        probabilities = logits.probabilities(index, (sample.height, sample.width)).cpu().numpy()
        highest = probabilities[1:].max((1, 2))
        if sample.name not in known:
            return highest, None
        return highest, confusion_matrix(
            load_mask(masks, sample), most_probable(probabilities), len(probabilities)
        )

    side = net.config.long_side
    return ImagePass(None, manifest, [side], fitting_batch_size([side]), compute)
