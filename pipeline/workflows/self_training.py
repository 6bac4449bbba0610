"""A self-training round: a model's probabilities for the training images, stored like heatmaps."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pipeline.base.sizes import working_size
from pipeline.data.arrays import StoredHeatmaps
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.mapping import Batch, ImagePass, fitting_batch_size, map_blocks, split_blocks
from pipeline.engine.processes import group
from pipeline.heatmaps.store import shard_file, write_index, write_shard
from pipeline.masks.threshold import EVEN, normalised_odds
from pipeline.params import SelfTrainingParams
from pipeline.segmentation.network import SegmentationNet, load_segmentation_net
from pipeline.segmentation.prediction import batch_logits, heatmaps_of, view_sides
from pipeline.workflows.pseudo_mask_job import ThresholdedHeat


def predicted_heat(folder: Path, manifest: Manifest) -> ThresholdedHeat:
    """What `predict_training_images` stores, with its threshold."""
    if not manifest.background:
        return ThresholdedHeat(folder, None)
    return ThresholdedHeat(folder, EVEN, normalised_odds)


def predict_training_images(
    model: Path, manifest: Manifest, samples: Sequence[Sample], params: SelfTrainingParams, folder: Path
) -> None:
    """Store the probabilities of each image's labels as if they were heatmaps; finished shards are kept."""
    net = to_channels_last(load_segmentation_net(model), pick_device())
    sides = view_sides(params.scales, net.config.long_side)
    compute = partial(_batch_heatmaps, net, params)
    work = ImagePass("self-training", manifest, sides, fitting_batch_size(sides), compute)
    map_blocks(samples, work, lambda n: shard_file(folder, n).exists(), partial(write_shard, folder))
    names = [[sample.name for sample in block] for block in split_blocks(samples)]
    group().by_first(lambda: write_index(folder, names))


def _batch_heatmaps(net: SegmentationNet, params: SelfTrainingParams, batch: Batch) -> list[StoredHeatmaps]:
    logits = batch_logits(net, batch.views, flip=params.flip)
    size = working_size(batch.samples[0].height, batch.samples[0].width, net.config.long_side)
    return [heatmaps_of(logits, n, sample.labels, size) for n, sample in enumerate(batch.samples)]
