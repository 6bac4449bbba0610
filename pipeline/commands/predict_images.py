"""Predicts images for `camseg predict`, and goes on where the same command was interrupted."""

import argparse
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from pipeline import paths
from pipeline.base.files import write_text
from pipeline.base.parallel import read_ahead
from pipeline.base.work_folder import file_digest
from pipeline.commands.image_predictor import ImagePredictor, Predicted, read_prediction
from pipeline.commands.params_file import params_anywhere
from pipeline.commands.predict_exports import EXPORTS, predicted_items
from pipeline.commands.predict_names import name_images, unread_files
from pipeline.commands.predict_options import read_options
from pipeline.commands.predict_page import ReadImage, page_facts, write_page
from pipeline.commands.predict_table import TABLE, PredictionTable
from pipeline.commands.unfinished import find_unfinished, finish, take_over
from pipeline.data.images import ImageArray, ImageError, read_shrunk_image
from pipeline.data.pixels.reading import ImageReading
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.export.cvat import colour_table
from pipeline.export.geotiff import without_rasterio
from pipeline.params import Params
from pipeline.segmentation.mask_rule import image_confidence
from pipeline.workflows.leading_round import find_lead
from pipeline.workflows.saved_model import default_model, load_model


def predict_images(arguments: argparse.Namespace) -> int:
    """Predict every image; 1 if an image could not be read."""
    params, out = params_anywhere(arguments.model or paths.SEGMENTATION), arguments.out
    folder = arguments.model or leading_model(params)
    settings = settings_of(arguments, params, folder)
    unfinished, others = find_unfinished(out, settings), unread_files(arguments.images, out)
    for reason in others:
        print(f"skipped: {reason}", file=sys.stderr)
    images = name_images(arguments.images, out)
    if line := without_rasterio(images.values()):
        print(line, file=sys.stderr)
    net = to_channels_last(load_model(folder), pick_device())
    options, data = read_options(arguments, net.config.classes), params.data
    done = take_over(out, settings, images, unfinished)
    if done:
        print(f"goes on with an interrupted run: {len(done)} of {len(images)} masks are in {out}")
    predictor = ImagePredictor(net, params, options, out, arguments.tile, arguments.overlay)
    read = partial(try_read, max_megapixels=data.max_megapixels, reading=net.config.reading)
    # Tiles are cut from the image itself.
    shrunk = partial(read, max_side=None if arguments.tile else data.max_side)
    confidences = write_table(predictor, images, predict_each(predictor, images, done, shrunk))
    skipped = len(images) - len(confidences) + len(others)
    if confidences:
        write_others(arguments, images, confidences, net.config.classes)
    if confidences and arguments.page:
        facts = page_facts(arguments, folder, net.config.classes, options.scale, skipped)
        write_page(out, images, partial(read, max_side=data.max_side), facts)
    finish(out)
    print(f"{len(confidences)} image(s) predicted in {out}, {skipped} skipped")
    return 1 if skipped else 0


def leading_model(params: Params) -> Path:
    """The folder of the model that leads the run; says so where it is not the first of the params."""
    if why := find_lead(params).why:
        print(why, file=sys.stderr)
    return default_model(params)


def settings_of(arguments: argparse.Namespace, params: Params, model: Path) -> dict[str, object]:
    """Everything that decides what is written besides the images, as JSON."""
    return {
        "model": file_digest(model),
        "evaluation": params.evaluation.model_dump(mode="json"),
        "refiners": params.pseudo_masks.model_dump(mode="json", include={"crf", "par", "segments"}),
        "max_side": params.data.max_side,
        "tiles": params.data.tiles,
        "tile": arguments.tile,
        "overlay": arguments.overlay,
        "threshold": sorted(arguments.threshold),
        "min_confidence": arguments.min_confidence,
        "min_area": arguments.min_area,
        "scale": arguments.scale,
    }


def predict_each(
    predictor: ImagePredictor, images: Mapping[str, Path], done: Collection[str], read: ReadImage
) -> Iterator[tuple[str, Predicted]]:
    """The prediction of each image by name, in order; those in `done` are read, the others made and written.

    An image that cannot be read is named and left out.
    """
    decoded = read_ahead(read, [path for name, path in images.items() if name not in done])
    for name, path in tqdm(images.items(), "predict", unit="image", disable=None):
        if name in done:
            yield name, read_prediction(predictor.out, name)
            continue
        shown = next(decoded)
        if isinstance(shown, Exception):
            tqdm.write(f"skipped: {shown}", file=sys.stderr)
        else:
            yield name, predictor.write(name, path, *shown)


def write_table(
    predictor: ImagePredictor, images: Mapping[str, Path], predictions: Iterable[tuple[str, Predicted]]
) -> dict[str, float]:
    """Write the rows of each prediction as soon as it is made; the confidence of each image."""
    confidences = {}
    with (predictor.out / TABLE).open("w", encoding="utf-8", newline="") as file:
        rows = PredictionTable(file, predictor.net.config.classes, predictor.options.scale)
        for name, predicted in predictions:
            rows.add(images[name], name, *predicted)
            confidences[name] = image_confidence(predicted.sums)
    return confidences


def write_others(
    arguments: argparse.Namespace,
    images: Mapping[str, Path],
    confidences: Mapping[str, float],
    classes: Sequence[str],
) -> None:
    """Write the colours of the classes, and the formats that were asked for, once each."""
    write_text(arguments.out / "labelmap.txt", colour_table(range(1, len(classes) + 1), classes))
    items = predicted_items(arguments.out, images, confidences)
    for format in dict.fromkeys(arguments.export):
        EXPORTS[format](items, classes, arguments.out)


def try_read(
    path: Path, max_side: int | None, max_megapixels: float, reading: ImageReading
) -> tuple[ImageArray, tuple[int, int]] | Exception:
    """The image, its longer side at most `max_side`, or the error that says what is wrong with the file.

    Beside it the height and the width of its mask.
    """
    try:
        return read_shrunk_image(path, max_side, max_megapixels, reading)
    except (ImageError, OSError) as error:
        return error
