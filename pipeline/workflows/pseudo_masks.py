"""Masks of the training images from stored heatmaps, and the scores of those that nobody corrected."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from pipeline import paths
from pipeline.base.files import write_csv, write_json, write_lines, write_text
from pipeline.base.job_part import job_part
from pipeline.base.parallel import in_blocks, parallel_stream
from pipeline.base.work_folder import publish
from pipeline.data.manifest import Sample
from pipeline.data.mask_store import MaskWriter, mask_writer
from pipeline.engine.mapping import block_name
from pipeline.engine.processes import group
from pipeline.evaluation.means import score_or_none
from pipeline.workflows.confidence import IMAGES
from pipeline.workflows.mask_quality import MaskQuality, summarise_quality
from pipeline.workflows.pseudo_mask_blocks import (
    MadeBlock,
    MaskBlock,
    MaskRow,
    failure_of_block,
    is_made,
    make_block,
    read_block,
)
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob
from pipeline.workflows.pseudo_mask_scores import no_counts, write_mask_scores
from pipeline.workflows.refinement import MaskChoice

COLUMNS = ("name", "confidence", "corrected", "miou_before", "miou_after", "lost_labels")  # of `images.csv`


def make_masks(stage: str, target: str, job: PseudoMaskJob, samples: Sequence[Sample]) -> None:
    """Write `data/masks/TARGET` and `reports/pseudo_masks/TARGET`, then clear the work of `stage`.

    A part of the stage writes its masks into the work folder and no more. Of several processes the first
    returns.
    """
    blocks = [MaskBlock(number, block) for number, block in enumerate(in_blocks(samples))]
    writer = mask_writer(job.work / "masks", len(samples))
    make_missing(target, job, writer, blocks)
    group().keep(1)
    if job_part() is not None:
        return
    writer.finish()
    counts, rows, lost = read_blocks(job, blocks)
    corrected = [s.name for s, row in zip(samples, rows, strict=True) if row.corrected]
    write_lines(job.work / "masks" / paths.BY_HAND, corrected)
    if (paths.CORRECTED / paths.REJECTED).exists():
        write_text(job.work / "masks" / paths.REJECTED, (paths.CORRECTED / paths.REJECTED).read_text("utf-8"))
    folder, classes = paths.REPORTS / "pseudo_masks" / target, job.manifest.classes
    scored = any(s.score and not row.corrected for s, row in zip(samples, rows, strict=True))
    metrics = write_mask_scores(counts, job.heat.threshold, classes, folder, scored=scored)
    quality = [MaskQuality(row.confidence, row.ignored) for row in rows if not row.corrected]
    metrics |= {"corrected": len(corrected), "quality": summarise_quality(quality)}
    metrics |= MaskChoice(job.params.refine, job.judge.threshold)._asdict()
    by_class = zip(classes, lost.sum(0).tolist(), strict=True)
    metrics["lost_labels"] = {name: count for name, count in by_class if count}
    write_json(folder / "metrics.json", metrics)
    names = [[classes[label] for label in np.flatnonzero(of_image)] for of_image in lost]
    write_csv(folder / IMAGES, COLUMNS, map(image_row, samples, rows, names))
    publish(stage, {job.work / "masks": paths.MASKS / target})


def make_missing(target: str, job: PseudoMaskJob, writer: MaskWriter, blocks: Sequence[MaskBlock]) -> None:
    """Write the masks of all blocks that have none yet; of those of `CAMSEG_PART`, where it is set."""
    part, processes = job_part(), group()
    own = [block for block in blocks if part is None or part.has(block.number)]
    missing = processes.by_first(lambda: [b.number for b in own if not is_made(job, writer, b)])
    function = make_block if processes.store is None else failure_of_block
    with processes.bar(f"pseudo-masks ({target})", len(own), len(own) - len(missing), "block") as advance:

        def make(numbers: Sequence[int]) -> None:
            todo, failures = [blocks[number] for number in numbers], []
            for result in parallel_stream(partial(function, job, writer), todo, description=None):
                advance(1)
                failures += [result] if isinstance(result, Exception) else []
            if failures:
                raise failures[0]

        processes.share_out(
            missing,
            make,
            lambda number: is_made(job, writer, blocks[number]),
            lambda number: block_name(number, blocks[number].samples),
        )


def read_blocks(job: PseudoMaskJob, blocks: Sequence[MaskBlock]) -> MadeBlock:
    """All blocks as one, with the sum of their counts."""
    classes = len(job.manifest.classes)
    counts, rows, lost = no_counts(classes + 1), list[MaskRow](), [np.zeros((0, classes), bool)]
    for block in blocks:  # one at a time: the counts of many classes are large
        made = read_block(job, block)
        counts += made.counts
        rows += made.rows
        lost.append(made.lost)
    return MadeBlock(counts, rows, np.concatenate(lost))


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
