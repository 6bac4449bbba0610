"""Writes `reports/review`: a page of all training and `val` images, with its data in scripts beside it.

Browsers let a page from disk load scripts and nothing else; so all data are scripts. The page loads them as
they are needed: `index.js` at once, small images in blocks, and what belongs to one image when it is opened.
"""

import json
from collections.abc import Iterable, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import paths
from pipeline.base.files import recreate_dir, write_text
from pipeline.base.parallel import parallel_map
from pipeline.base.work_folder import fingerprint
from pipeline.data.decisions import Decision
from pipeline.data.images import IGNORE, Mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import has_mask, load_mask
from pipeline.heatmaps.store import HeatmapStore
from pipeline.report.review_images import ReviewSource, image_data, thumb_urls
from pipeline.report.review_index import image_rows, index_data, least_sure_first

PAGE = ("review.html", "review.css", "review.js")  # package data
TABLE = "index.js"  # is written last: a page that has it is whole
DECIDED = "decisions.js"
BLOCK = 64  # small images in a script
MOST = 20_000  # images of the page, the least sure ones: 60 kB each


class ReviewBlock(NamedTuple):
    """Images that follow each other on the page, and the number of the first."""

    first: int
    samples: Sequence[Sample]


def build_review(folder: Path, source: ReviewSource, manifest: Manifest) -> list[str]:
    """Write the page, unless it is there and shows what there is now; the names of its images in order."""
    rows = image_rows(source)
    samples, built = least_sure_first(manifest, rows)[:MOST], review_fingerprint(source)
    if not shows(folder, built):
        recreate_dir(folder)
        blocks = [ReviewBlock(i, samples[i : i + BLOCK]) for i in range(0, len(samples), BLOCK)]
        shares = parallel_map(partial(write_block, folder, source), blocks, description="review page")
        table = index_data(source, samples, [share for block in shares for share in block], rows, built)
        write_script(folder / TABLE, "index", table)
    else:
        renew_corrected(folder, source, samples)
    for name in PAGE:
        text = files("pipeline.report").joinpath(name).read_text(encoding="utf-8")
        write_text(folder / name.replace("review.html", "index.html"), text)
    return [sample.name for sample in samples]


def shows(folder: Path, built: str) -> bool:
    """Whether the page in `folder` is whole and shows the state `built`."""
    table = folder / TABLE
    return table.is_file() and json.dumps(built) in table.read_text(encoding="utf-8")[:100]


def review_fingerprint(source: ReviewSource) -> str:
    """Names the state of all that the page shows but decisions and corrections, which change meanwhile."""
    reports = paths.REPORTS / "pseudo_masks" / source.masks, paths.REPORTS / "evaluation" / source.supervision
    read = {
        "manifest": paths.PREPARED / "manifest.json",
        "heat": paths.HEATMAPS / source.method,
        "masks": paths.MASKS / source.masks,
        "method": paths.MASKS / source.method,
        "within": paths.MASKS / source.within,
        "truth": paths.GROUND_TRUTH,
        "added": paths.ADDED_GROUND_TRUTH,
        "predictions": paths.PREDICTIONS / source.supervision,
        "issues": paths.REPORTS / "classifier" / "label_issues.csv",
        "mask_rows": reports[0] / "images.csv",
        "prediction_rows": reports[1] / "images.csv",
    }
    names = [source.masks, source.method, source.supervision]
    return fingerprint(__file__, {k: path for k, path in read.items() if path.exists()} | {"names": names})


def renew_corrected(folder: Path, source: ReviewSource, samples: Sequence[Sample]) -> None:
    """Write the images anew whose mask to decide on has changed by corrections since the page was built."""
    for number, sample in enumerate(samples):
        shown = source.shown_digest(sample)
        if shown and shown not in image_file(folder, number).read_text(encoding="utf-8"):
            write_image_again(folder, source, number, sample)


def write_block(folder: Path, source: ReviewSource, block: ReviewBlock) -> list[float]:
    """Write all images of a block; the share of the pixels of each mask that belong to a class."""
    heat, thumbs, shares = HeatmapStore(paths.HEATMAPS / source.method), [], []
    for number, sample in enumerate(block.samples, block.first):
        image, reviewed = source.manifest.image(sample), source.reviewed(sample)
        data = image_data(source, heat, sample, image, reviewed)
        write_script(image_file(folder, number), "image", [number, data])
        mask = reviewed.ids if reviewed else predicted_mask(source, sample)
        thumbs.append(thumb_urls(image, mask, len(source.manifest.classes)))
        shares.append(0.0 if mask is None else float(((mask != 0) & (mask != IGNORE)).mean()))
    write_script(folder / f"thumbs/{block.first // BLOCK:05d}.js", "thumbs", [block.first, thumbs])
    return shares


def write_image_again(folder: Path, source: ReviewSource, number: int, sample: Sample) -> None:
    """Write what belongs to one image anew, after its mask has changed."""
    heat, image = HeatmapStore(paths.HEATMAPS / source.method), source.manifest.image(sample)
    data = image_data(source, heat, sample, image, source.reviewed(sample))
    write_script(image_file(folder, number), "image", [number, data])


def predicted_mask(source: ReviewSource, sample: Sample) -> Mask | None:
    """The prediction of an image, if there is one."""
    folder = paths.PREDICTIONS / source.supervision
    return load_mask(folder, sample) if has_mask(folder, sample) else None


def write_decided(folder: Path, decisions: Iterable[Decision]) -> None:
    """Write the decisions for the page."""
    write_script(folder / DECIDED, "decided", [(d.name, d.decision) for d in decisions])


def image_file(folder: Path, number: int) -> Path:
    """The script of image `number`."""
    return folder / f"images/{number:06d}.js"


def write_script(file: Path, function: str, data: Any) -> None:
    """Write `camseg.FUNCTION(data)`; JSON in ASCII is JavaScript, whatever the names of files and classes."""
    write_text(file, f"camseg.{function}({json.dumps(data, allow_nan=False, separators=(',', ':'))});\n")
