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

from pipeline.base.files import inside, write_text
from pipeline.base.parallel import read_ahead
from pipeline.base.work import file_digest
from pipeline.commands.segmentation_model import lead_model, load_model
from pipeline.commands.unfinished import MASKS, OVERLAYS, find_unfinished, finish, take_over
from pipeline.data.images import (
    SUFFIXES,
    Mask,
    Picture,
    PictureError,
    read_image,
    read_mask,
    write_image,
    write_mask,
)
from pipeline.data.sources.listing import HIDDEN
from pipeline.engine.device import pick_device, place
from pipeline.errors import UserError
from pipeline.export.cvat import label_map
from pipeline.params import Params, load_params
from pipeline.report.overlay import draw_mask
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.tiles import predict_tiled
from pipeline.workflows.prediction import predict, probabilities

MUCH_LARGER = 2  # times the working size; below it, a tile would hardly be smaller than the photo


def predict_photos(arguments: argparse.Namespace) -> int:
    """Predict every photo; 1 if one could not be read. Goes on where the same command was interrupted."""
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
    photos = name_photos(arguments.photos, out)
    net = place(load_model(folder), pick_device())
    done = take_over(out, settings, photos, before)
    if done:
        print(f"goes on with an interrupted run: {len(done)} of {len(photos)} masks are in {out}")
    todo = {name: photo for name, photo in photos.items() if name not in done}
    read = partial(try_read, max_megapixels=params.data.max_megapixels)
    make = predictor(net, params, tile=arguments.tile)
    images, rows = read_ahead(read, todo.values()), 0
    with areas_file(out / "areas.csv", net.config.classes) as write_row:
        for name, photo in tqdm(photos.items(), "predict", unit="photo", disable=None):
            if name in done:
                mask: Mask | None = read_mask(out / MASKS / f"{name}.png", max_megapixels=math.inf)
            else:
                mask = write_pictures(out, name, next(images), make, overlay=arguments.overlay)
            if mask is not None:
                write_row(str(photo), f"{name}.png", shares(mask, len(net.config.classes) + 1))
                rows += 1
    if rows:
        write_text(out / "labelmap.txt", label_map(range(1, len(net.config.classes) + 1), net.config.classes))
    finish(out)
    print(f"{rows} photo(s) predicted in {out}, {len(photos) - rows} skipped")
    return 1 if rows < len(photos) else 0


def write_pictures(
    out: Path, name: str, image: Picture | Exception, make: Callable[[Picture], Mask], *, overlay: bool
) -> Mask | None:
    """Write what `make` makes of an image; None, and its error is shown, if it could not be read."""
    if isinstance(image, Exception):
        tqdm.write(f"skipped: {image}", file=sys.stderr)
        return None
    mask = make(image)
    if overlay:
        write_image(inside(out / OVERLAYS, f"{name}.png"), draw_mask(image, mask))
    write_mask(inside(out / MASKS, f"{name}.png"), mask)  # last: a photo that has its mask is done
    return mask


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


def name_photos(given: Sequence[Path], out: Path) -> dict[str, Path]:
    """The file of each output name, in the order given.

    A file's name is its stem, of one found in a folder with the sub-folders. Equal names are numbered. What
    lies below `out` is no photo.

    Raises:
        ValueError: a folder holds no photo.
    """
    found: dict[str, Path] = {}
    for path in given:
        for photo in search(path, out) if path.is_dir() else [path]:
            short = photo.relative_to(path) if path.is_dir() else Path(photo.name)
            stem = short.with_suffix("").as_posix() if short.name else "photo"
            name, number = stem, 2
            while name in found:
                name, number = f"{stem}-{number}", number + 1
            found[name] = photo
    return found


def search(folder: Path, out: Path) -> list[Path]:
    """The pictures of a folder and its sub-folders, sorted; without hidden ones, and without those in `out`.

    Raises:
        ValueError: there are none.
    """
    written, root = out.resolve(), folder.resolve()
    names = [p.relative_to(folder) for p in sorted(folder.rglob("*"))]
    photos = [
        folder / name
        for name in names
        if name.suffix.lower() in SUFFIXES
        and not any(part.startswith(HIDDEN) for part in name.parts)
        and not (root / name).is_relative_to(written)
        and not (folder / name).is_dir()
    ]
    if not photos:
        raise UserError(f"{folder}: expected photos ({', '.join(SUFFIXES)}), got none. Check the folder")
    return photos


def shares(mask: Mask, labels: int) -> list[float]:
    """The share of the pixels of a mask (H, W) that each of the ids 0 .. `labels` - 1 has, in [0, 1]."""
    return [float(share) for share in np.bincount(mask.ravel(), minlength=labels) / mask.size]


@contextmanager
def areas_file(path: Path, classes: Iterable[str]) -> Iterator[Callable[[str, str, Sequence[float]], None]]:
    """A function that writes the row of a photo at once: what is done is there when a run is killed.

    By position: a class may be named `photo` or `background` too.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["photo", "mask", "background", *classes])

        def write(photo: str, mask: str, areas: Sequence[float]) -> None:
            writer.writerow([photo, mask, *(f"{share:.6f}" for share in areas)])
            file.flush()

        yield write
