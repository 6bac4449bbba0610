"""The work of `camseg predict`."""

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.commands.outputs import check_new
from pipeline.commands.segmentation_model import lead_model, load_model
from pipeline.data.files import inside, write_text
from pipeline.data.parallel import read_ahead
from pipeline.data.pictures import (
    SUFFIXES,
    Mask,
    Picture,
    PictureError,
    read_image,
    write_image,
    write_mask,
)
from pipeline.engine.device import pick_device, place
from pipeline.params import Params, load_params
from pipeline.report.overlay import draw_mask
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.tiles import predict_tiled
from pipeline.stages.prediction import predict, probabilities

MUCH_LARGER = 2  # times the working size; below it, a tile would hardly be smaller than the photo

Row = tuple[str, list[float]]  # a photo and its shares


def predict_photos(arguments: argparse.Namespace) -> int:
    """Predict every photo; 1 if one could not be read."""
    params, out = load_params(), arguments.out
    check_new(out)
    photos = name_photos(arguments.photos)
    net = place(load_model(arguments.model or lead_model(params)), pick_device())
    make = predictor(net, params, tile=arguments.tile)
    rows: list[Row] = []
    read = read_ahead(partial(try_read, max_megapixels=params.data.max_megapixels), photos.values())
    for (name, photo), image in zip(tqdm(photos.items(), "predict", unit="photo"), read, strict=True):
        if isinstance(image, Exception):
            tqdm.write(f"skipped: {image}", file=sys.stderr)
            continue
        mask = make(image)
        write_mask(inside(out / "masks", f"{name}.png"), mask)
        if arguments.overlay:
            write_image(inside(out / "overlays", f"{name}.png"), draw_mask(image, mask))
        rows.append((str(photo), shares(mask, len(net.config.classes) + 1)))
    write_areas(out / "areas.csv", net.config.classes, rows)
    broken = len(photos) - len(rows)
    print(f"{len(rows)} photo(s) predicted in {out}, {broken} skipped")
    return 1 if broken else 0


def predictor(net: SegmentationNet, params: Params, *, tile: bool) -> Callable[[Picture], Mask]:
    """The mask of a picture as `evaluation` wants it; of a much larger one, with `tile`, in tiles."""
    side, evaluation, crf = net.config.long_side, params.evaluation, params.pseudo_masks.crf

    def make(image: Picture) -> Mask:
        if tile and max(image.shape[:2]) > MUCH_LARGER * side:
            return predict_tiled(lambda part: probabilities(net, part, evaluation, crf), image, side)
        return predict(net, image, evaluation, crf)

    return make


def try_read(photo: Path, max_megapixels: float) -> Picture | Exception:
    """The photo, or what is wrong with it."""
    try:
        return read_image(photo, max_megapixels)
    except (PictureError, OSError) as error:
        return error


def name_photos(given: Sequence[Path]) -> dict[str, Path]:
    """The file of each output name, in the order given.

    A file's name is its stem, of one found in a folder with the sub-folders. Equal names are numbered.

    Raises:
        ValueError: a folder holds no photo.
    """
    found: dict[str, Path] = {}
    for path in given:
        for photo in search(path) if path.is_dir() else [path]:
            short = photo.relative_to(path) if path.is_dir() else Path(photo.name)
            stem = short.with_suffix("").as_posix() if short.name else "photo"
            name, number = stem, 2
            while name in found:
                name, number = f"{stem}-{number}", number + 1
            found[name] = photo
    return found


def search(folder: Path) -> list[Path]:
    """The pictures of a folder and its sub-folders, sorted.

    Raises:
        ValueError: there are none.
    """
    photos = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in SUFFIXES and not p.is_dir()]
    if not photos:
        raise ValueError(f"{folder}: expected photos ({', '.join(SUFFIXES)}), got none. Check the folder")
    return photos


def shares(mask: Mask, labels: int) -> list[float]:
    """The share of the pixels of a mask (H, W) that each of the ids 0 .. `labels` - 1 has, in [0, 1]."""
    return [float(share) for share in np.bincount(mask.ravel(), minlength=labels) / mask.size]


def write_areas(path: Path, classes: Iterable[str], rows: Iterable[Row]) -> None:
    """Write one row per photo. By position: a class may be named `photo` or `background` too."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["photo", "background", *classes])
    writer.writerows([name, *(f"{share:.6f}" for share in values)] for name, values in rows)
    write_text(path, text.getvalue())
