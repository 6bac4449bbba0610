"""`camseg check`: shows what a folder holds, what is wrong with it, and what a run will cost."""

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.base.files import write_bytes
from pipeline.base.problems import printable
from pipeline.commands.advice import advise
from pipeline.commands.encoder_choice import classifier_cell
from pipeline.commands.estimate import estimate_bytes, estimate_seconds
from pipeline.commands.fitted_values import QUALITY, quality_values, values_for_data
from pipeline.commands.folder import (
    add_data_options,
    inspect_source,
    is_current,
    params_for_folder,
    problem_lines,
)
from pipeline.commands.labels_table import start_labels
from pipeline.commands.object_share import say_shares
from pipeline.commands.overview import co_occurrence, image_sizes, images_per_class, labels_per_image
from pipeline.commands.params_file import params_anywhere, with_values
from pipeline.commands.parser import add_command
from pipeline.commands.samples import choose_samples, draw_sample
from pipeline.commands.tables import duration, table
from pipeline.commands.understood import understood
from pipeline.data.inspection import Inspection
from pipeline.data.manifest import Manifest, Split
from pipeline.data.sources.csv_records import OWN_TABLE
from pipeline.data.sources.mask_colours import COLOURS, UNNAMED, other_table
from pipeline.engine.licences import known_without_timm, licence_advice, weights_licence
from pipeline.errors import UserError
from pipeline.formats.palette import Colour
from pipeline.params import Params

COLOUR_HELP = """\
# A line for each colour of the masks: name:red,green,blue (a grey level three times).
# Replace each ?N by the name of a class, by background, or by ignore for pixels that do not count."""
LARGEST_MATRIX = 12  # classes; beyond it the most frequent pairs are listed

EXAMPLES = """
This command changes nothing, unless an option --write-... asks for a file to fill in. PATH is one of these
folders (docs/data.md shows each of them):
  images and a table of their labels, such as labels.csv
  a folder of images for each class
  images and their masks
  a COCO instances file with its images
  a year of a VOCdevkit, or XML of its kind beside the images
  an export of Label Studio, CVAT, LabelMe or VIA with its images
  images and text files of YOLO
  a product of MVTec

examples:
  camseg check data/raw
  camseg check ../images --picture classes.png
  camseg check VOCdevkit/VOC2012 --source voc
  camseg check ../images --write-labels
  camseg check ../images --classes cat,dog --rename kitten=cat --rename good=background
"""


def add_parser(commands: Any) -> None:
    parser = add_command(
        commands,
        "check",
        run,
        "list what a folder of images and labels holds, and what is wrong with it",
        EXAMPLES,
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="the folder")
    add_data_options(parser)
    start = "write labels.csv with a line for each image, to be filled in, and do nothing else"
    parser.add_argument("--write-labels", action="store_true", help=start)
    parser.add_argument(
        "--write-colours",
        action="store_true",
        help="start colours.txt in the folder where the colours or values of its masks need names",
    )
    drawn = "draw the images of each class and pair of classes, and six samples with their masks"
    parser.add_argument(
        "--picture",
        type=Path,
        metavar="FILE.png",
        help=drawn,
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what the folder holds; 1 if it has errors."""
    path, picture = arguments.path, arguments.picture
    if not path.is_dir():
        raise UserError(f"{path}: expected a folder of images, got none. Check the path")
    if arguments.write_labels:
        print(f"{path / OWN_TABLE}: {start_labels(path)} images. Write their labels, then check again")
        return 0
    params, preset = params_for_folder(arguments, params_anywhere())
    source, inspection = inspect_source(path, params, arguments.source)
    manifest = inspection.manifest
    print(f"{path}: read as {source}\n")
    if inspection.values and not manifest:
        print("values of the images\n" + "".join(f"  {line}\n" for line in inspection.values))
    if manifest:
        if not is_current(path, params):  # as `use` would set it up
            fitting = values_for_data(manifest, params) | quality_values(QUALITY, params, preset)
            params = with_values(params, {**fitting, **preset})
        print(describe_data(manifest, inspection, params), end="\n\n")
    if picture and manifest:
        write_picture(picture, manifest, inspection, params)
    elif picture:
        print(f"{picture}: not drawn, since the data has errors\n")
    print(f"problems: {len(inspection.errors)} error(s), {len(inspection.warnings)} warning(s)")
    for line in problem_lines(inspection):
        print(f"  {line}")
    if manifest:
        print(f"\n{understood(manifest, inspection)}")
    if arguments.write_colours:
        print(write_colours(path, inspection.survey.unnamed))
    return 1 if inspection.errors else 0


def write_colours(folder: Path, unnamed: Sequence[tuple[Colour, float]]) -> str:
    """Start colours.txt with the colours that need names; returns what was done."""
    file = folder / COLOURS
    if file.exists():
        raise UserError(f"{file}: there is one already. Correct it, or move it away")
    if not unnamed:
        return f"{file}: not written, since the masks need no names"
    lines, names = [COLOUR_HELP], {colour: name for name, colour in other_table(folder).items()}
    for number, (colour, share) in enumerate(unnamed, 1):
        name = names.get(colour, f"{UNNAMED}{number}")
        lines += [f"# {share:.2%} of the pixels", f"{name}:{','.join(map(str, colour))}"]
    write_bytes(file, ("\n".join(lines) + "\n").encode())
    if all(colour in names for colour, _ in unnamed):
        return f"{file}: written. Are its names the classes? Correct them, and check again"
    return f"{file}: written. Replace {UNNAMED}1, {UNNAMED}2, ... by names, and check again"


def describe_data(manifest: Manifest, inspection: Inspection, params: Params) -> str:
    """The data set and the cost of a run as tables, then what may be a mistake."""
    looks = inspection.hashes, inspection.thumbnails
    cell = classifier_cell(params)
    sizes_used = params.working_side(), cell
    sentences = advise(manifest, *looks, *sizes_used, small_objects=params.heatmaps.objects == "small")
    shares = map(printable, say_shares(manifest, inspection.survey.pixels, params, cell))
    advice = [*sentences, *shares] or ["nothing"]
    sizes = [[side, *spread] for side, spread in image_sizes(manifest).items()]
    parts = [
        _classes(manifest),
        "labels per image\n" + table(["labels", "images"], list(labels_per_image(manifest).items())),
        _pairs(manifest),
        "image sizes in pixels\n" + table(["", "smallest", "median", "largest"], sizes),
        _cost(manifest, params),
        _weights(params),
        "\n".join(["worth a look", *(f"  {sentence}" for sentence in advice)]),
    ]
    return "\n\n".join(parts)


def write_picture(file: Path, manifest: Manifest, inspection: Inspection, params: Params) -> None:
    """Draw the images of each class and of each pair of classes, and samples with their masks laid over."""
    from pipeline.commands.class_chart import draw_overview  # here, since matplotlib takes a second to load
    from pipeline.report.plots import to_png

    counts = {str(split): images for split, images in _counts(manifest).items()}
    samples = [
        (sample.name, draw_sample(manifest, inspection, sample, params.data.max_megapixels))
        for sample in choose_samples(manifest, params.seed)
    ]
    figure = draw_overview(manifest.classes, counts, co_occurrence(manifest), samples)
    write_bytes(file, to_png(figure))


def _counts(manifest: Manifest) -> dict[Split, NDArray[np.int64]]:
    """Images of each class in each split that has images."""
    return {split: counts for split, counts in images_per_class(manifest).items() if manifest.split(split)}


def _classes(manifest: Manifest) -> str:
    counts = _counts(manifest)
    splits = [manifest.split(split) for split in counts]
    rows = [[name, *(int(n[i]) for n in counts.values())] for i, name in enumerate(manifest.classes)]
    rows += [
        ["(background only)", *(sum(not sample.labels for sample in samples) for samples in splits)],
        ["all images", *map(len, splits)],
        ["with a mask", *(sum(sample.mask for sample in samples) for samples in splits)],
        ["mask counts in scores", *(sum(sample.score for sample in samples) for samples in splits)],
    ]
    return "images of each class\n" + table(["class", *counts], rows)


def _pairs(manifest: Manifest) -> str:
    """Images that show two classes: a classifier cannot tell classes apart that always come together."""
    counts = co_occurrence(manifest)
    names = manifest.classes
    if len(names) <= LARGEST_MATRIX:
        rows = [[name, *map(int, counts[i])] for i, name in enumerate(names)]
        return "images with both classes\n" + table(["", *names], rows)
    pairs = sorted(combinations(range(len(names)), 2), key=lambda pair: -counts[pair])[:LARGEST_MATRIX]
    rows = [[f"{names[a]}, {names[b]}", int(counts[a, b])] for a, b in pairs if counts[a, b]]
    return "most frequent pairs of classes\n" + table(["pair", "images"], rows)


def _weights(params: Params) -> str:
    """The weights that a run starts from, and their licence, where no library has to be loaded."""
    lines = []
    of_classifier = params.classifier.encoder, params.classifier.weights
    for encoder, weights in [of_classifier, *params.heatmaps.walk.encoders()]:
        known = known_without_timm(encoder, weights)
        advice = licence_advice(weights_licence(encoder, weights)) if known else "`camseg use` says it."
        lines.append(f"weights of {encoder}: {weights}\n  licence: {advice}")
    return "\n".join(lines)


def _cost(manifest: Manifest, params: Params) -> str:
    steps = estimate_seconds(manifest, params)
    rows = [[step, duration(seconds)] for step, seconds in steps.items()]
    rows.append(["all", duration(sum(steps.values()))])
    size = f"{estimate_bytes(manifest, params) / 1e6:.0f} MB"
    rows += [["disk", size], ["DVC's copy of it", size]]
    title = (
        f"estimate for 2 CPU cores at data.long_side {params.working_side()}, small encoders (resnet10t); "
        "a GPU is many times faster"
    )
    return f"{title}\n" + table(["step", ""], rows)
