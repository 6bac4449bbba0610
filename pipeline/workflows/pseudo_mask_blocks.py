"""Pseudo-masks block by block: an image is read once, its mask made, judged, counted, and written once.

A finished block is a file in the work folder: counts that may be added, and a row for each image. A run that
was killed goes on with the blocks that are missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.base.files import write_npz
from pipeline.data.arrays import Heatmaps
from pipeline.data.images import IGNORE, ImageArray, Mask, mask_png
from pipeline.data.manifest import Sample
from pipeline.data.mask_store import MaskWriter, has_mask, load_mask, mask_png_of
from pipeline.data.segment_maps import read_segments
from pipeline.errors import UserError
from pipeline.evaluation.confusion import image_iou
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.confidence import heat_confidence, mask_confidence
from pipeline.masks.pseudo_masks import PseudoMask, make_pseudo_mask
from pipeline.masks.segments import SegmentMap
from pipeline.masks.threshold import EVEN, normalised_odds, upsample
from pipeline.workflows.learnt_pixels import LearntPixels
from pipeline.workflows.object_colours import ObjectColours
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob
from pipeline.workflows.pseudo_mask_scores import MaskCounts, count_image, no_counts
from pipeline.workflows.refinement import segment_folder


@dataclass(frozen=True)
class MaskBlock:
    """Training images whose masks are made together."""

    number: int  # among the blocks
    samples: Sequence[Sample]


class MaskRow(NamedTuple):
    """What is known of one published mask; NaN stands for what is not known."""

    corrected: float  # 1: a person made the mask, which no score counts
    confidence: float  # in [0, 1], see `mask_confidence`; 1 for a corrected mask
    ignored: float = np.nan  # share of its pixels with the id 255
    miou_before: float = np.nan  # in [0, 1], of the heatmaps at the threshold
    miou_after: float = np.nan  # after refinement


class MadeMask(NamedTuple):
    """A mask as it is published, its row, the labels that no pixel of it has, and its counts.

    There are no counts without ground truth. A corrected mask loses nothing: a person made it.
    """

    png: bytes
    row: MaskRow
    lost: Sequence[int] = ()
    counts: MaskCounts | None = None


class MadeBlock(NamedTuple):
    """What is known of the masks of a finished block."""

    counts: MaskCounts
    rows: list[MaskRow]  # one a sample
    lost: NDArray[np.bool_]  # (samples, C): labels that no pixel of the mask has


@dataclass(frozen=True)
class MaskMaker:
    """Makes the masks of a block; its stores are opened once."""

    job: PseudoMaskJob
    heat: HeatmapStore
    judge: HeatmapStore
    colours: ObjectColours | None = None
    pixels: LearntPixels | None = None

    def make(self, sample: Sample) -> MadeMask:
        """The mask of one image: the corrected one, else the pseudo-mask."""
        if has_mask(paths.CORRECTED, sample):
            return MadeMask(mask_png_of(paths.CORRECTED, sample), MaskRow(corrected=1, confidence=1))
        job, classes = self.job, np.array(sample.labels, int)
        _, heatmaps, made = self.pseudo_mask(sample)
        row = MaskRow(0, self.confidence(sample, made), float((made.mask == IGNORE).mean()))
        lost = lost_labels(made.mask, sample.labels)
        if not sample.score or not len(made.ids):
            return MadeMask(mask_png(made.mask), row, lost)
        ground_truth = load_mask(paths.GROUND_TRUTH, sample)
        labels, threshold = len(job.manifest.classes) + 1, job.heat.threshold
        counts = count_image(ground_truth, heatmaps, classes, threshold, made, labels)
        before, after = image_iou(counts.seed), image_iou(counts.refined)
        return MadeMask(mask_png(made.mask), row._replace(miou_before=before, miou_after=after), lost, counts)

    def pseudo_mask(self, sample: Sample) -> tuple[ImageArray, Heatmaps, PseudoMask]:
        """An image, its heatmaps at its size, and its pseudo-mask, also where a person corrected the mask."""
        image = self.job.manifest.image(sample)
        heatmaps = upsample(self.heat.read(sample), (image.shape[0], image.shape[1]))
        return image, heatmaps, self.refined(sample, image, heatmaps)

    def refined(self, sample: Sample, image: ImageArray, heatmaps: Heatmaps) -> PseudoMask:
        """The pseudo-mask by colours or pixels where they tell all labels of the image, else by the CRF."""
        classes, params, heat = np.array(sample.labels, int), self.job.params, self.job.heat
        make = partial(make_pseudo_mask, tiles=self.job.tiles, segments=self.segments(sample))
        if self.pixels is not None and sample.labels and self.pixels.tell(sample):
            make = partial(make, log_likelihoods=self.pixels.log_likelihoods(sample, image))
        if self.colours is None:
            return make(image, heatmaps, classes, heat.threshold, params, heat.normalise)
        if self.colours.tell(sample):
            by_colour = self.colours.heat(sample, image, heatmaps)
            return make(image, by_colour, classes, EVEN, params, normalised_odds)
        crf = params.model_copy(update={"refine": "crf"})
        return make(image, heatmaps, classes, heat.threshold, crf, heat.normalise)

    def segments(self, sample: Sample) -> SegmentMap | None:
        """The segments of an image that another tool made, where the params ask for them."""
        folder = segment_folder(self.job.params)
        return read_segments(folder, sample) if folder and sample.labels else None

    def confidence(self, sample: Sample, made: PseudoMask) -> float:
        """The confidence of a mask by `job.judge`: in self-training other heatmaps than it was made of."""
        judge = self.job.judge
        if judge == self.job.heat:
            return mask_confidence(made.mask, made.probabilities, made.ids)
        stored, classes = self.judge.read(sample), np.array(sample.labels, int)
        return heat_confidence(made.mask, stored, classes, judge.threshold, judge.normalise)


def lost_labels(mask: Mask, labels: Sequence[int]) -> list[int]:
    """The labels, indices from 0, that no pixel of a mask uint8 (H, W) has."""
    pixels = np.bincount(mask.ravel(), minlength=IGNORE + 1)
    return [label for label in labels if not pixels[label + 1]]


def make_block(job: PseudoMaskJob, writer: MaskWriter, block: MaskBlock) -> None:
    """Write the masks of a block, then the sum of its counts, and its rows."""
    maker = mask_maker(job)
    classes = len(job.manifest.classes)
    counts, rows, pngs = no_counts(classes + 1), [], {}
    lost = np.zeros((len(block.samples), classes), bool)
    for i, sample in enumerate(block.samples):
        made = maker.make(sample)
        pngs[sample.name] = made.png
        rows.append(made.row)
        lost[i, list(made.lost)] = True
        if made.counts:
            counts += made.counts
    writer.write(block.number, pngs)
    arrays = {"rows": np.array(rows, np.float64), "lost": lost}
    write_npz(mask_block_file(job, block), {**vars(counts), **arrays})


def mask_maker(job: PseudoMaskJob) -> MaskMaker:
    """The maker of a job's masks, with its stores and what was learnt for it."""
    colours = ObjectColours.read(job.colours) if job.colours else None
    pixels = LearntPixels.read(job.pixels) if job.pixels else None
    return MaskMaker(job, HeatmapStore(job.heat.folder), HeatmapStore(job.judge.folder), colours, pixels)


def failure_of_block(job: PseudoMaskJob, writer: MaskWriter, block: MaskBlock) -> Exception | None:
    """`make_block`; an error that a user can mend is returned, so that the other blocks are done."""
    try:
        make_block(job, writer, block)
    except (UserError, OSError) as error:
        return error
    return None


def is_made(job: PseudoMaskJob, writer: MaskWriter, block: MaskBlock) -> bool:
    """Whether a block is finished; a run that was killed in `publish` leaves its counts without its masks."""
    return mask_block_file(job, block).exists() and writer.has(block.number, [s.name for s in block.samples])


def read_block(job: PseudoMaskJob, block: MaskBlock) -> MadeBlock:
    """What `make_block` has written of a finished block."""
    with np.load(mask_block_file(job, block), allow_pickle=False) as arrays:
        read = dict(arrays)
    rows, lost = [MaskRow(*row) for row in read.pop("rows").tolist()], read.pop("lost")
    return MadeBlock(MaskCounts(**read), rows, lost)


def mask_block_file(job: PseudoMaskJob, block: MaskBlock) -> Path:
    """Where the counts and rows of a block lie; a finished block has this file."""
    return job.work / "blocks" / f"{block.number:05d}.npz"
