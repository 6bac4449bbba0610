"""`camseg check`: what a folder holds, what is wrong with it, and what a run will cost."""

import argparse
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from pipeline.base.files import write_bytes
from pipeline.commands.advice import advise
from pipeline.commands.estimate import estimate
from pipeline.commands.folder import add_source, inspect_for, is_current, problem_lines, source_of
from pipeline.commands.overview import (
    co_occurrence,
    image_sizes,
    images_per_class,
    labels_per_image,
)
from pipeline.commands.params_file import with_values
from pipeline.commands.tables import duration, table
from pipeline.commands.use import QUALITY, photo_values, quality_values
from pipeline.data.manifest import Manifest
from pipeline.errors import UserError
from pipeline.params import Params, load_params

LARGEST_MATRIX = 12  # classes; beyond it the most frequent pairs are listed

EXAMPLES = """
The folder is one of: images/ and labels.csv; a folder of photos for each class; a COCO instances file, a
year of a VOCdevkit, an export of Label Studio or CVAT, each with its images. docs/data.md shows them.

examples:
  camseg check data/raw
  camseg check ../photos --picture classes.png
  camseg check VOCdevkit/VOC2012 --source voc
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "check",
        help="look at a folder of images and labels; changes nothing",
        description="Read a folder of images and labels and list everything that is wrong with it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="the folder")
    add_source(parser)
    parser.add_argument(
        "--picture",
        type=Path,
        metavar="FILE.png",
        help="draw the classes, and which come together, to a file",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; 1 if there are errors.

    Raises:
        ValueError: there is no such folder.
    """
    if not arguments.path.is_dir():
        raise UserError(f"{arguments.path}: expected a folder of images, got none. Check the path")
    params = load_params()
    source = source_of(arguments.path, params, arguments.source)
    found = inspect_for(source, arguments.path, params)
    print(f"{arguments.path}: read as {source}\n")
    if found.manifest is not None:
        if not is_current(arguments.path, params):
            # As `use` would set it up.
            values = photo_values(found.manifest, params) | quality_values(QUALITY, params, {})
            params = with_values(params, values)
        print(describe_data(found.manifest, params), end="\n\n")
        print(closer_look(found.manifest, found.hashes, params), end="\n\n")
    if arguments.picture and found.manifest is None:
        print(f"{arguments.picture}: not drawn, since the data has errors\n")
    elif arguments.picture and found.manifest is not None:
        write_picture(arguments.picture, found.manifest)
    print(f"problems: {len(found.errors)} error(s), {len(found.warnings)} warning(s)")
    for line in problem_lines(found):
        print(f"  {line}")
    return 1 if found.errors else 0


def describe_data(manifest: Manifest, params: Params) -> str:
    """Everything that is known of the data set, as tables."""
    parts = [
        _classes(manifest),
        _labels(manifest),
        _pairs(manifest),
        _sizes(manifest),
        _cost(manifest, params),
    ]
    return "\n\n".join(parts)


def closer_look(manifest: Manifest, hashes: Mapping[str, int], params: Params) -> str:
    """What is no error but may be a mistake, one line each."""
    found = advise(manifest, hashes, params.data.long_side, params.classifier.output_stride)
    return "\n".join(["worth a look", *(f"  {sentence}" for sentence in found or ["nothing"])])


def write_picture(file: Path, manifest: Manifest) -> None:
    """Draw the images of each class and of each pair of classes."""
    from pipeline.report.class_chart import draw_overview  # here, since matplotlib takes a second to load
    from pipeline.report.plots import to_png

    counts = {str(s): found for s, found in images_per_class(manifest).items() if manifest.split(s)}
    write_bytes(file, to_png(draw_overview(manifest.classes, counts, co_occurrence(manifest))))


def _classes(manifest: Manifest) -> str:
    counts = {split: found for split, found in images_per_class(manifest).items() if manifest.split(split)}
    rows = [[name, *(int(found[i]) for found in counts.values())] for i, name in enumerate(manifest.classes)]
    background = [sum(not s.labels for s in manifest.split(split)) for split in counts]
    rows.append(["(background only)", *background])
    rows.append(["all images", *(len(manifest.split(split)) for split in counts)])
    rows.append(["with a mask", *(sum(s.mask for s in manifest.split(split)) for split in counts)])
    rows.append(["mask counts in scores", *(sum(s.score for s in manifest.split(split)) for split in counts)])
    return "images of each class\n" + table(["class", *counts], rows)


def _labels(manifest: Manifest) -> str:
    return "labels per image\n" + table(["labels", "images"], list(labels_per_image(manifest).items()))


def _pairs(manifest: Manifest) -> str:
    """Which classes come together: a class that never comes alone is hard to tell from its companion."""
    counts = co_occurrence(manifest)
    names = manifest.classes
    if len(names) <= LARGEST_MATRIX:
        rows = [[name, *map(int, counts[i])] for i, name in enumerate(names)]
        return "images with both classes\n" + table(["", *names], rows)
    pairs = sorted(combinations(range(len(names)), 2), key=lambda pair: -counts[pair])[:LARGEST_MATRIX]
    rows = [[f"{names[a]}, {names[b]}", int(counts[a, b])] for a, b in pairs if counts[a, b]]
    return "most frequent pairs of classes\n" + table(["pair", "images"], rows)


def _sizes(manifest: Manifest) -> str:
    rows = [[side, *spread] for side, spread in image_sizes(manifest).items()]
    return "image sizes in pixels\n" + table(["", "smallest", "median", "largest"], rows)


def _cost(manifest: Manifest, params: Params) -> str:
    cost = estimate(manifest, params)
    rows = [[step, duration(seconds)] for step, seconds in cost.seconds.items()]
    rows += [["all", duration(sum(cost.seconds.values()))], ["disk", f"{cost.disk / 1e6:.0f} MB"]]
    title = (
        f"estimate for 2 CPU cores at data.long_side {params.data.long_side}, small encoders (resnet10t); "
        "a GPU is many times faster"
    )
    return f"{title}\n" + table(["step", ""], rows)
