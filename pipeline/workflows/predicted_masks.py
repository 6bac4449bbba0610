"""Predicted masks of many images: a finished block of images is three files, so a killed run goes on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline import paths
from pipeline.base.files import write_json, write_npz
from pipeline.data.images import Mask, mask_png
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import MaskWriter, load_mask, mask_writer
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.mapping import block_file, map_blocks, read_block_files, split_blocks
from pipeline.engine.processes import group
from pipeline.evaluation.confusion import Counts
from pipeline.evaluation.probability_histograms import probability_histograms
from pipeline.params import Params
from pipeline.segmentation.network import load_segmentation_net
from pipeline.workflows.findings import no_histograms
from pipeline.workflows.prediction import prediction_pass

KeptMask = tuple[bytes, list[float]]  # a PNG, and the highest probability of each class


@dataclass(frozen=True)
class PredictedSamples:
    """What is known of predictions beside their masks."""

    confidences: dict[str, float]  # of the masks, by name
    highest: NDArray[np.float32]  # (N, C), the highest probability of each class in each of these images
    histograms: Counts  # (L, 4, BINS), summed over the scored images, see `probability_histograms`


@dataclass(frozen=True)
class PredictedBlocks:
    """The files of the blocks: masks, what is known of each, and the sum of their histograms."""

    blocks: Sequence[Sequence[Sample]]
    writer: MaskWriter
    work: Path
    labels: int
    # Of blocks that are in work: histograms of single images take much memory.
    totals: dict[int, Counts] = field(default_factory=dict)

    def keep(self, sample: Sample, mask: Mask, probabilities: Tensor) -> KeptMask:
        """What is kept of a prediction; its histograms are added to those of its block."""
        values = probabilities.cpu().numpy()
        if sample.score:
            total = self.totals.setdefault(self.numbers[sample.name], no_histograms(self.labels))
            total += probability_histograms(load_mask(paths.GROUND_TRUTH, sample), values)
        return mask_png(mask), values[1:].max((1, 2)).tolist()

    def write(self, number: int, predictions: dict[str, tuple[KeptMask, float]]) -> None:
        """Write what `done` looks for."""
        self.writer.write(number, {name: png for name, ((png, _), _) in predictions.items()})
        total = self.totals.pop(number, no_histograms(self.labels))
        write_npz(self.histogram_file(number), {"histograms": total})
        found = {
            name: {"confidence": confidence, "highest": highest}
            for name, ((_, highest), confidence) in predictions.items()
        }
        write_json(block_file(self.work, number), found)  # last

    def done(self, number: int) -> bool:
        """Whether all files of a block are there: a run that is killed in `publish` leaves a part of them."""
        files = block_file(self.work, number), self.histogram_file(number)
        names = [sample.name for sample in self.blocks[number]]
        return all(file.exists() for file in files) and self.writer.has(number, names)

    def histograms(self) -> Counts:
        """The sum over all blocks."""
        total = no_histograms(self.labels)
        for number in range(len(self.blocks)):
            with np.load(self.histogram_file(number), allow_pickle=False) as arrays:
                total += arrays["histograms"]
        return total

    def histogram_file(self, number: int) -> Path:
        return self.work / f"histograms-{number:05d}.npz"

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The block of each sample, by name."""
        return {sample.name: number for number, block in enumerate(self.blocks) for sample in block}


def predict_samples(
    supervision: str, manifest: Manifest, samples: Sequence[Sample], params: Params, work: Path
) -> PredictedSamples:
    """Write the predicted mask of every image into `work/masks`. Without a model, nothing is predicted.

    Of several processes the first returns.
    """
    model, folder, labels = paths.SEGMENTATION / supervision, work / "masks", len(manifest.classes) + 1
    folder.mkdir(parents=True, exist_ok=True)
    if (model / paths.SKIPPED).exists():
        group().keep(1)
        return PredictedSamples({}, np.zeros((0, labels - 1), np.float32), no_histograms(labels))
    net = to_channels_last(load_segmentation_net(model), pick_device())
    blocks = PredictedBlocks(split_blocks(samples), mask_writer(folder, len(samples)), work, labels)
    masks = prediction_pass(net, manifest, params, blocks.keep, f"prediction ({supervision})")
    map_blocks(samples, masks, blocks.done, blocks.write)
    group().keep(1)
    blocks.writer.finish()
    confidences, highest = {}, np.zeros((len(samples), labels - 1), np.float32)
    for row, (sample, found) in enumerate(zip(samples, read_block_files(work, samples), strict=True)):
        confidences[sample.name], highest[row] = found["confidence"], found["highest"]
    return PredictedSamples(confidences, highest, blocks.histograms())
