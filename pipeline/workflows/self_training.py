"""A self-training round: a model's probabilities for the training images, stored like heatmaps."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.heatmaps.store import shard_file, write_index, write_shard
from pipeline.params import SelfTrainingParams
from pipeline.segmentation.network import load_segmentation_net
from pipeline.segmentation.prediction import predict_heatmaps

SHARD = 64  # images in a file; an interruption loses at most one file
THRESHOLD = 0.5  # above it a class is more probable than the background


def predict_training_images(
    model: Path, manifest: Manifest, samples: Sequence[Sample], params: SelfTrainingParams, folder: Path
) -> None:
    """Store the probabilities of each image's labels as if they were heatmaps; finished shards are kept."""
    net = to_channels_last(load_segmentation_net(model), pick_device())
    shards = [samples[start : start + SHARD] for start in range(0, len(samples), SHARD)]
    with tqdm(total=len(samples), desc="self-training", unit="image") as bar:
        for number, shard in enumerate(shards):
            if not shard_file(folder, number).exists():
                heat = {
                    s.name: predict_heatmaps(
                        net, manifest.image(s), s.labels, params.scales, flip=params.flip
                    )
                    for s in shard
                }
                write_shard(folder, number, heat)
            bar.update(len(shard))
    write_index(folder, [[sample.name for sample in shard] for shard in shards])
