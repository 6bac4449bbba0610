"""Masks of the training images from stored heatmaps, and the scores of those that nobody corrected."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from pipeline import paths
from pipeline.base.files import write_csv, write_json, write_lines, write_text
from pipeline.base.parallel import in_blocks, parallel_map
from pipeline.base.work_folder import publish
from pipeline.data.manifest import Sample
from pipeline.data.mask_store import mask_writer
from pipeline.evaluation.means import score_or_none
from pipeline.workflows.confidence import IMAGES
from pipeline.workflows.mask_quality import MaskQuality, summarise_quality
from pipeline.workflows.pseudo_mask_blocks import (
    MadeBlock,
    MaskBlock,
    MaskRow,
    is_made,
    make_block,
    read_block,
)
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob
from pipeline.workflows.pseudo_mask_scores import no_counts, write_mask_scores

COLUMNS = ("name", "confidence", "corrected", "miou_before", "miou_after", "lost_labels")  # of `images.csv`


def make_masks(stage: str, target: str, job: PseudoMaskJob, samples: Sequence[Sample]) -> None:
    """Write `data/masks/TARGET` and `reports/pseudo_masks/TARGET`, then clear the work of `stage`."""
    counts, rows, lost = make_blocks(target, job, samples)
    corrected = [s.name for s, row in zip(samples, rows, strict=True) if row.corrected]
    write_lines(job.work / "masks" / paths.BY_HAND, corrected)
    if (paths.CORRECTED / paths.REJECTED).exists():
        write_text(job.work / "masks" / paths.REJECTED, (paths.CORRECTED / paths.REJECTED).read_text("utf-8"))
    folder, classes = paths.REPORTS / "pseudo_masks" / target, job.manifest.classes
    scored = any(s.score and not row.corrected for s, row in zip(samples, rows, strict=True))
    metrics = write_mask_scores(counts, job.heat.threshold, classes, folder, scored=scored)
    quality = [MaskQuality(row.confidence, row.ignored) for row in rows if not row.corrected]
    metrics |= {"corrected": len(corrected), "quality": summarise_quality(quality)}
    metrics["refine"] = job.params.refine
    by_class = zip(classes, lost.sum(0).tolist(), strict=True)
    metrics["lost_labels"] = {name: count for name, count in by_class if count}
    write_json(folder / "metrics.json", metrics)
    names = [[classes[label] for label in np.flatnonzero(of_image)] for of_image in lost]
    write_csv(folder / IMAGES, COLUMNS, map(image_row, samples, rows, names))
    publish(stage, {job.work / "masks": paths.MASKS / target})


def make_blocks(target: str, job: PseudoMaskJob, samples: Sequence[Sample]) -> MadeBlock:
    """Write the masks of all images that have none yet; all blocks as one, with the sum of their counts."""
    blocks = [MaskBlock(number, block) for number, block in enumerate(in_blocks(samples))]
    writer = mask_writer(job.work / "masks", len(samples))
    missing = [block for block in blocks if not is_made(job, writer, block)]
    parallel_map(partial(make_block, job, writer), missing, description=f"pseudo-masks ({target})")
    writer.finish()
    made = [read_block(job, block) for block in blocks]
    classes = len(job.manifest.classes)
    counts = sum((block.counts for block in made), start=no_counts(classes + 1))
    rows = [row for block in made for row in block.rows]
    return MadeBlock(counts, rows, np.concatenate([np.zeros((0, classes), bool), *(b.lost for b in made)]))


def image_row(sample: Sample, row: MaskRow, lost: Sequence[str]) -> dict[str, object]:
    """The row of one image in `images.csv`; `lost` are the labels that no pixel of its mask has."""
    return {
        "name": sample.name,
        "confidence": round(row.confidence, 6),
        "corrected": int(row.corrected),
        "miou_before": score_or_none(row.miou_before),
        "miou_after": score_or_none(row.miou_after),
        "lost_labels": ";".join(lost),
    }
