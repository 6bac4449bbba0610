"""Predicts images for `camseg predict`, and goes on where the same command was interrupted."""

import argparse
import math
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from pipeline import paths
from pipeline.base.files import read_json, safe_join, write_json, write_text
from pipeline.base.parallel import read_ahead
from pipeline.base.work_folder import file_digest
from pipeline.commands.params_file import params_anywhere
from pipeline.commands.predict_exports import EXPORTS, predicted_items
from pipeline.commands.predict_names import name_images, unread_files
from pipeline.commands.predict_options import PredictOptions, read_options
from pipeline.commands.predict_page import page_facts, write_page
from pipeline.commands.predict_table import TABLE, PredictionTable
from pipeline.commands.unfinished import (
    GEOTIFFS,
    MASKS,
    OVERLAYS,
    REGIONS,
    find_unfinished,
    finish,
    take_over,
)
from pipeline.data.arrays import Probabilities
from pipeline.data.images import (
    ImageArray,
    ImageError,
    Mask,
    read_mask,
    read_shrunk_image,
    resize_mask,
    write_image,
    write_mask,
)
from pipeline.data.pixels.reading import ImageReading
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.export.cvat import colour_table
from pipeline.export.geotiff import without_rasterio, write_geotiff
from pipeline.params import Params
from pipeline.report.overlay import draw_mask
from pipeline.segmentation.mask_rule import RegionSums, image_confidence
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.small_parts import without_small_parts
from pipeline.segmentation.tiles import predict_tiled, tile_count
from pipeline.workflows.leading_round import find_lead
from pipeline.workflows.prediction import probabilities
from pipeline.workflows.saved_model import default_model, load_model

MUCH_LARGER = 2  # times the working size; below it, a tile would hardly be smaller than the image

SizedImage = tuple[ImageArray, tuple[int, int]]  # as the model sees it; height and width of its mask


class Predicted(NamedTuple):
    """The mask of an image, and the sums of its regions."""

    mask: Mask
    sums: RegionSums


PredictOne = Callable[[ImageArray], Predicted]


def predict_images(arguments: argparse.Namespace) -> int:
    """Predict every image; 1 if an image could not be read."""
    params, out = params_anywhere(arguments.model or paths.SEGMENTATION), arguments.out
    folder = arguments.model or default_model(params)
    if not arguments.model and (why := find_lead(params).why):
        print(why, file=sys.stderr)
    settings = settings_of(arguments, params, folder)
    unfinished = find_unfinished(out, settings)
    others = unread_files(arguments.images, out)
    for reason in others:
        print(f"skipped: {reason}", file=sys.stderr)
    images = name_images(arguments.images, out)
    if line := without_rasterio(images.values()):
        print(line, file=sys.stderr)
    net = to_channels_last(load_model(folder), pick_device())
    options = read_options(arguments, net.config.classes)
    done = take_over(out, settings, images, unfinished)
    if done:
        print(f"goes on with an interrupted run: {len(done)} of {len(images)} masks are in {out}")
    # Tiles are cut from the image itself.
    read = partial(
        try_read,
        max_side=None if arguments.tile else params.data.max_side,
        max_megapixels=params.data.max_megapixels,
        reading=net.config.reading,
    )
    decoded = read_ahead(read, [path for name, path in images.items() if name not in done])
    predict_one = partial(make_mask, net=net, params=params, options=options, tile=arguments.tile)
    classes, confidences = net.config.classes, dict[str, float]()
    with (out / TABLE).open("w", encoding="utf-8", newline="") as file:
        rows = PredictionTable(file, classes, options.scale)
        for name, path in tqdm(images.items(), "predict", unit="image", disable=None):
            if name in done:
                predicted: Predicted | None = read_prediction(out, name)
            else:
                write = partial(write_prediction, out, name, path, options, net.config.background)
                predicted = write(next(decoded), predict_one, arguments.overlay)
            if predicted is not None:
                rows.add(path, name, *predicted)
                confidences[name] = image_confidence(predicted.sums)
    if confidences:
        write_text(out / "labelmap.txt", colour_table(range(1, len(classes) + 1), classes))
        items = predicted_items(out, images, confidences)
        for format in dict.fromkeys(arguments.export):
            EXPORTS[format](items, classes, out)
    skipped = len(images) - len(confidences) + len(others)
    if confidences and arguments.page:
        facts = page_facts(arguments, folder, classes, options.scale, skipped)
        write_page(out, images, partial(read, max_side=params.data.max_side), facts)
    finish(out)
    print(f"{len(confidences)} image(s) predicted in {out}, {skipped} skipped")
    return 1 if skipped else 0


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


def write_prediction(
    out: Path,
    name: str,
    path: Path,
    options: PredictOptions,
    background: bool,
    decoded: SizedImage | Exception,
    predict_one: PredictOne,
    overlay: bool,
) -> Predicted | None:
    """Write the mask of an image; None, and the error is printed, if the image could not be read."""
    if isinstance(decoded, Exception):
        tqdm.write(f"skipped: {decoded}", file=sys.stderr)
        return None
    image, size = decoded
    small, sums = predict_one(image)
    mask = resize_mask(small, size)
    if options.min_pixels > 0:
        mask = without_small_parts(mask, options.min_pixels, background=background)
    if overlay:
        shown = resize_mask(mask, (image.shape[0], image.shape[1]))
        write_image(safe_join(out / OVERLAYS, f"{name}.png"), draw_mask(image, shown))
    write_geotiff(safe_join(out / GEOTIFFS, f"{name}.tif"), mask, path)
    write_json(safe_join(out / REGIONS, f"{name}.json"), {k: v.tolist() for k, v in vars(sums).items()})
    write_mask(safe_join(out / MASKS, f"{name}.png"), mask)  # last: an image with a mask counts as done
    return Predicted(mask, sums)


def read_prediction(out: Path, name: str) -> Predicted:
    """What an interrupted run has written of an image."""
    sums = {k: np.array(v) for k, v in read_json(safe_join(out / REGIONS, f"{name}.json")).items()}
    return Predicted(read_mask(out / MASKS / f"{name}.png", max_megapixels=math.inf), RegionSums(**sums))


def make_mask(
    image: ImageArray, net: SegmentationNet, params: Params, options: PredictOptions, tile: bool
) -> Predicted:
    """The mask of an image as `evaluation` says; `tile`: of a large image in tiles."""
    sums = RegionSums.of_nothing(len(net.config.classes) + 1)

    def decide(values: Probabilities) -> Mask:
        mask = options.rule.mask(values)
        sums.add(values, mask)
        return mask

    side = net.config.long_side
    if not tile or max(image.shape[:2]) <= MUCH_LARGER * side:
        return Predicted(decide(probabilities(net, image, params)), sums)
    total = tile_count(image, side)
    with tqdm(total=total, desc="tiles", unit="tile", leave=False, disable=None) as bar:

        def of_tile(part: ImageArray) -> Probabilities:
            bar.update()
            return probabilities(net, part, params)

        return Predicted(predict_tiled(of_tile, image, side, decide), sums)


def try_read(
    path: Path, max_side: int | None, max_megapixels: float, reading: ImageReading
) -> SizedImage | Exception:
    """The image, its longer side at most `max_side`, or the error that says what is wrong with the file."""
    try:
        return read_shrunk_image(path, max_side, max_megapixels, reading)
    except (ImageError, OSError) as error:
        return error
