"""The work of `camseg predict`."""

import argparse
import csv
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.base.files import safe_join, write_text
from pipeline.base.parallel import read_ahead
from pipeline.base.work import file_digest
from pipeline.commands.segmentation_model import lead_model, load_model
from pipeline.commands.unfinished import MASKS, OVERLAYS, find_unfinished, finish, take_over
from pipeline.data.images import (
    SUFFIXES,
    ImageArray,
    ImageError,
    Mask,
    read_image,
    read_mask,
    write_image,
    write_mask,
)
from pipeline.data.sources.listing import HIDDEN
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.errors import UserError
from pipeline.export.cvat import colour_table
from pipeline.params import Params, load_params
from pipeline.report.overlay import draw_mask
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.tiles import predict_tiled
from pipeline.workflows.prediction import predict, probabilities

MUCH_LARGER = 2  # times the working size; below it, a tile would hardly be smaller than the image


def predict_images(arguments: argparse.Namespace) -> int:
    """Predict every image; 1 if one could not be read. Goes on where the same command was interrupted."""
    params, out = load_params(), arguments.out
    folder = arguments.model or lead_model(params)
    settings = {
        "model": file_digest(folder),
        "evaluation": params.evaluation.model_dump(mode="json"),
        "crf": params.pseudo_masks.crf.model_dump(mode="json"),
        "tile": arguments.tile,
        "overlay": arguments.overlay,
    }
    before = find_unfinished(out, settings)
    files = name_photos(arguments.images, out)
    net = to_channels_last(load_model(folder), pick_device())
    done = take_over(out, settings, files, before)
    if done:
        print(f"goes on with an interrupted run: {len(done)} of {len(files)} masks are in {out}")
    todo = {name: image for name, image in files.items() if name not in done}
    read = partial(try_read, max_megapixels=params.data.max_megapixels)
    make = predictor(net, params, tile=arguments.tile)
    images, rows = read_ahead(read, todo.values()), 0
    with areas_file(out / "areas.csv", net.config.classes) as write_row:
        for name, image in tqdm(files.items(), "predict", unit="image", disable=None):
            if name in done:
                mask: Mask | None = read_mask(out / MASKS / f"{name}.png", max_megapixels=math.inf)
            else:
                mask = write_prediction_images(out, name, next(images), make, overlay=arguments.overlay)
            if mask is not None:
                write_row(str(image), f"{name}.png", shares(mask, len(net.config.classes) + 1))
                rows += 1
    if rows:
        write_text(
            out / "labelmap.txt", colour_table(range(1, len(net.config.classes) + 1), net.config.classes)
        )
    finish(out)
    print(f"{rows} image(s) predicted in {out}, {len(files) - rows} skipped")
    return 1 if rows < len(files) else 0


def write_prediction_images(
    out: Path, name: str, image: ImageArray | Exception, make: Callable[[ImageArray], Mask], *, overlay: bool
) -> Mask | None:
    """Write what `make` makes of an image; None, and its error is shown, if it could not be read."""
    if isinstance(image, Exception):
        tqdm.write(f"skipped: {image}", file=sys.stderr)
        return None
    mask = make(image)
    if overlay:
        write_image(safe_join(out / OVERLAYS, f"{name}.png"), draw_mask(image, mask))
    write_mask(safe_join(out / MASKS, f"{name}.png"), mask)  # last: an image that has its mask is done
    return mask


def predictor(net: SegmentationNet, params: Params, *, tile: bool) -> Callable[[ImageArray], Mask]:
    """The mask of an image as `evaluation` wants it; of a much larger one, with `tile`, in tiles."""
    side, evaluation, crf = net.config.long_side, params.evaluation, params.pseudo_masks.crf

    def make(image: ImageArray) -> Mask:
        if tile and max(image.shape[:2]) > MUCH_LARGER * side:
            return predict_tiled(lambda part: probabilities(net, part, evaluation, crf), image, side)
        return predict(net, image, evaluation, crf)

    return make


def try_read(image: Path, max_megapixels: float) -> ImageArray | Exception:
    """The image, or what is wrong with it."""
    try:
        return read_image(image, max_megapixels)
    except (ImageError, OSError) as error:
        return error


def name_photos(given: Sequence[Path], out: Path) -> dict[str, Path]:
    """The file of each output name, in the order given.

    A file's name is its stem, of one found in a folder with the sub-folders. Equal names are numbered. What
    lies below `out` is no image.

    Raises:
        ValueError: a folder holds no image.
    """
    found: dict[str, Path] = {}
    for path in given:
        for image in search(path, out) if path.is_dir() else [path]:
            short = image.relative_to(path) if path.is_dir() else Path(image.name)
            stem = short.with_suffix("").as_posix() if short.name else "image"
            name, number = stem, 2
            while name in found:
                name, number = f"{stem}-{number}", number + 1
            found[name] = image
    return found


def search(folder: Path, out: Path) -> list[Path]:
    """The images of a folder and its sub-folders, sorted; without hidden ones, and without those in `out`.

    Raises:
        ValueError: there are none.
    """
    written, root = out.resolve(), folder.resolve()
    names = [p.relative_to(folder) for p in sorted(folder.rglob("*"))]
    files = [
        folder / name
        for name in names
        if name.suffix.lower() in SUFFIXES
        and not any(part.startswith(HIDDEN) for part in name.parts)
        and not (root / name).is_relative_to(written)
        and not (folder / name).is_dir()
    ]
    if not files:
        raise UserError(f"{folder}: expected images ({', '.join(SUFFIXES)}), got none. Check the folder")
    return files


def shares(mask: Mask, labels: int) -> list[float]:
    """The share of the pixels of a mask (H, W) that each of the ids 0 .. `labels` - 1 has, in [0, 1]."""
    return [float(share) for share in np.bincount(mask.ravel(), minlength=labels) / mask.size]


@contextmanager
def areas_file(path: Path, classes: Iterable[str]) -> Iterator[Callable[[str, str, Sequence[float]], None]]:
    """A function that writes the row of an image at once: what is done is there when a run is killed.

    By position: a class may be named `image` or `background` too.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "mask", "background", *classes])

        def write(image: str, mask: str, areas: Sequence[float]) -> None:
            writer.writerow([image, mask, *(f"{share:.6f}" for share in areas)])
            file.flush()

        yield write
