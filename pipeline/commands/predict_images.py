"""Predicts images for `camseg predict`, and goes on where the same command was interrupted."""

import argparse
import csv
import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from pipeline import paths
from pipeline.base.files import safe_join, write_text
from pipeline.base.parallel import read_ahead
from pipeline.base.problems import printable
from pipeline.base.work_folder import file_digest
from pipeline.commands.outputs import distinct_names
from pipeline.commands.params_file import params_anywhere
from pipeline.commands.unfinished import GEOTIFFS, MASKS, OVERLAYS, find_unfinished, finish, take_over
from pipeline.data.folder_contents import is_like_image, is_unnamed_image, readable_name
from pipeline.data.images import (
    SUFFIXES,
    ImageArray,
    ImageError,
    Mask,
    id_counts,
    read_mask,
    read_shrunk_image,
    resize_mask,
    write_image,
    write_mask,
)
from pipeline.data.pixels.reading import ImageReading
from pipeline.data.sources.listing import HIDDEN, is_text
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.errors import UserError
from pipeline.export.cvat import colour_table
from pipeline.export.geotiff import without_rasterio, write_geotiff
from pipeline.params import Params
from pipeline.report.overlay import draw_mask
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.tiles import predict_tiled
from pipeline.workflows.prediction import predict, probabilities
from pipeline.workflows.saved_model import default_model, load_model

MUCH_LARGER = 2  # times the working size; below it, a tile would hardly be smaller than the image

SizedImage = tuple[ImageArray, tuple[int, int]]  # as the model sees it; height and width of its mask


def predict_images(arguments: argparse.Namespace) -> int:
    """Predict every image; 1 if an image could not be read."""
    params, out = params_anywhere(arguments.model or paths.SEGMENTATION), arguments.out
    folder = arguments.model or default_model(params)
    settings = {
        "model": file_digest(folder),
        "evaluation": params.evaluation.model_dump(mode="json"),
        "crf": params.pseudo_masks.crf.model_dump(mode="json"),
        "max_side": params.data.max_side,
        "tiles": params.data.tiles,
        "tile": arguments.tile,
        "overlay": arguments.overlay,
    }
    unfinished = find_unfinished(out, settings)
    others = unread_files(arguments.images, out)
    for reason in others:
        print(f"skipped: {reason}", file=sys.stderr)
    images = name_images(arguments.images, out)
    if line := without_rasterio(images.values()):
        print(line, file=sys.stderr)
    net = to_channels_last(load_model(folder), pick_device())
    classes = net.config.classes
    done = take_over(out, settings, images, unfinished)
    if done:
        print(f"goes on with an interrupted run: {len(done)} of {len(images)} masks are in {out}")
    todo = [path for name, path in images.items() if name not in done]
    # Tiles are cut from the image itself.
    max_side = None if arguments.tile else params.data.max_side
    decoded = read_ahead(
        partial(
            try_read,
            max_side=max_side,
            max_megapixels=params.data.max_megapixels,
            reading=net.config.reading,
        ),
        todo,
    )
    predict_one = partial(make_mask, net=net, params=params, tile=arguments.tile)
    rows = 0
    with (out / "areas.csv").open("w", encoding="utf-8", newline="") as file:
        # The columns go by position: a class may also be named `image` or `background`.
        areas = csv.writer(file, lineterminator="\n")
        areas.writerow(["image", "mask", "background", *classes])
        for name, path in tqdm(images.items(), "predict", unit="image", disable=None):
            if name in done:
                mask: Mask | None = read_mask(out / MASKS / f"{name}.png", max_megapixels=math.inf)
            else:
                mask = write_prediction_images(out, name, path, next(decoded), predict_one, arguments.overlay)
            if mask is not None:
                areas.writerow([path, f"{name}.png", *area_shares(mask, len(classes) + 1)])
                file.flush()  # a killed run keeps its rows
                rows += 1
    if rows:
        write_text(out / "labelmap.txt", colour_table(range(1, len(classes) + 1), classes))
    finish(out)
    skipped = len(images) - rows + len(others)
    print(f"{rows} image(s) predicted in {out}, {skipped} skipped")
    return 1 if skipped else 0


def write_prediction_images(
    out: Path,
    name: str,
    path: Path,
    decoded: SizedImage | Exception,
    predict_one: Callable[[ImageArray], Mask],
    overlay: bool,
) -> Mask | None:
    """Write the mask of an image; None, and the error is printed, if the image could not be read."""
    if isinstance(decoded, Exception):
        tqdm.write(f"skipped: {decoded}", file=sys.stderr)
        return None
    image, size = decoded
    mask = predict_one(image)
    if overlay:
        write_image(safe_join(out / OVERLAYS, f"{name}.png"), draw_mask(image, mask))
    mask = resize_mask(mask, size)
    write_geotiff(safe_join(out / GEOTIFFS, f"{name}.tif"), mask, path)
    write_mask(safe_join(out / MASKS, f"{name}.png"), mask)  # last: an image with a mask counts as done
    return mask


def make_mask(image: ImageArray, net: SegmentationNet, params: Params, tile: bool) -> Mask:
    """The mask of an image as `evaluation` says; `tile`: of a large image in tiles."""
    side = net.config.long_side
    if tile and max(image.shape[:2]) > MUCH_LARGER * side:
        return predict_tiled(lambda part: probabilities(net, part, params), image, side)
    return predict(net, image, params)


def try_read(
    path: Path, max_side: int | None, max_megapixels: float, reading: ImageReading
) -> SizedImage | Exception:
    """The image, its longer side at most `max_side`, or the error that says what is wrong with the file."""
    try:
        return read_shrunk_image(path, max_side, max_megapixels, reading)
    except (ImageError, OSError) as error:
        return error


def name_images(arguments: Sequence[Path], out: Path) -> dict[str, Path]:
    """The file for each output name, in the order of the arguments.

    The name is the stem of the file; for a file in a folder, with the sub-folders. Equal names are numbered.
    """
    names, files = [], []
    for argument in arguments:
        for file in find_images(argument, out) if argument.is_dir() else [argument]:
            if not _has_text_name(file) or is_like_image(file.name):
                continue  # see `unread_files`
            relative = file.relative_to(argument) if argument.is_dir() else Path(file.name)
            names.append(relative.with_suffix("").as_posix() if relative.name else "image")
            files.append(file)
    return dict(zip(distinct_names(names), files, strict=True))


def find_images(folder: Path, out: Path) -> list[Path]:
    """The image files of a folder and its sub-folders, sorted; without hidden ones and those in `out`."""
    files = [f for f in _files_below(folder, out) if f.suffix.lower() in SUFFIXES and _has_text_name(f)]
    if not files:
        raise UserError(f"{folder}: expected images ({', '.join(SUFFIXES)}), got none. Check the folder")
    return files


def unread_files(arguments: Sequence[Path], out: Path) -> list[str]:
    """Files that are not predicted, each with the reason: they look like images, or have no text as name."""
    files = [f for a in arguments for f in (_files_below(a, out) if a.is_dir() else [a])]
    lines = []
    for file in files:
        name = readable_name(file)
        if not _has_text_name(file):
            lines.append(f"{name}: expected a name in UTF-8. Rename it")
        elif is_like_image(file.name):
            lines.append(f"{name}: not a kind of image that is read. Save it as PNG, JPEG or TIFF")
        elif file not in arguments and is_unnamed_image(file):
            lines.append(f"{name}: expected the suffix of its kind. Rename it, as {name}.jpg")
    return [printable(line) for line in lines]


def _files_below(folder: Path, out: Path) -> list[Path]:
    written, root = out.resolve(), folder.resolve()
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*"))]
    return [
        folder / name
        for name in names
        if not any(part.startswith(HIDDEN) for part in name.parts)
        and not (root / name).is_relative_to(written)
        and not (folder / name).is_dir()
    ]


def _has_text_name(file: Path) -> bool:
    return is_text(file.as_posix())


def area_shares(mask: Mask, labels: int) -> list[str]:
    """The share of each of `labels` ids in the pixels of the mask, with six digits."""
    return [f"{share:.6f}" for share in id_counts(mask)[:labels] / mask.size]
