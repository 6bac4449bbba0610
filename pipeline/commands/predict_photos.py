"""The work of `camseg predict`."""

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.data.files import inside, write_text
from pipeline.data.pictures import SUFFIXES, Mask, PictureError, read_image, write_image, write_mask
from pipeline.engine.device import pick_device, place
from pipeline.params import load_params
from pipeline.report.overlay import draw_mask
from pipeline.report.results import lead_supervision
from pipeline.segmentation.network import SegmentationNet, load_segmentation_net
from pipeline.stages import paths
from pipeline.stages.prediction import predict

MODEL_FILES = ("camseg.json", "config.json")


def predict_photos(arguments: argparse.Namespace) -> int:
    """Predict every photo; 1 if one could not be read."""
    params = load_params()
    out: Path = arguments.out
    photos = name_photos(arguments.photos, out)
    net = load_net(arguments.model or paths.SEGMENTATION / lead_supervision(params.segmentation.supervision))
    areas: dict[str, list[float]] = {}
    for name, photo in tqdm(photos.items(), "predict", unit="photo"):
        try:
            image = read_image(photo)
        except (PictureError, OSError) as error:
            tqdm.write(f"skipped: {error}", file=sys.stderr)
            continue
        mask = predict(net, image, params.evaluation, params.pseudo_masks.crf)
        write_mask(inside(out / "masks", f"{name}.png"), mask)
        if arguments.overlay:
            write_image(inside(out / "overlays", f"{name}.png"), draw_mask(image, mask))
        areas[name] = shares(mask, len(net.config.classes) + 1)
    write_areas(out / "areas.csv", net.config.classes, areas)
    broken = len(photos) - len(areas)
    print(f"{len(areas)} photo(s) predicted in {out}, {broken} skipped")
    return 1 if broken else 0


def load_net(folder: Path) -> SegmentationNet:
    """The trained network of `folder`, in eval mode on the device that the environment names.

    Raises:
        ValueError: there is no model.
    """
    missing = [name for name in MODEL_FILES if not (folder / name).is_file()]
    if (folder / paths.SKIPPED).exists():
        raise ValueError(f"{folder}: there is no model: it was skipped, since there are no masks to train on")
    if missing:
        raise ValueError(
            f"{folder}: expected a segmentation model, got no {', '.join(missing)}. Run `make repro` first, "
            f"or name another folder below {paths.SEGMENTATION} with --model"
        )
    return place(load_segmentation_net(folder), pick_device())


def name_photos(given: Sequence[Path], out: Path) -> dict[str, Path]:
    """The file of each output name, in the order given.

    A file's name is its stem; a file found in a folder keeps the sub-folders. What an earlier run wrote to
    `out` is no photo.

    Raises:
        ValueError: a folder holds no photo, or photos would get the same name (all of them are listed).
    """
    found: dict[str, list[Path]] = {}
    for path in given:
        for photo in search(path, out) if path.is_dir() else [path]:
            name = photo.relative_to(path) if path.is_dir() else Path(photo.name)
            found.setdefault(name.with_suffix("").as_posix(), []).append(photo)
    lines = [f"  {name}: {', '.join(map(str, files))}" for name, files in found.items() if len(files) > 1]
    if lines:
        raise ValueError(
            f"expected a name of its own for each photo, got {len(lines)} name(s) more than once. Rename "
            "photos, or predict them to several folders:\n" + "\n".join(lines)
        )
    return {name: files[0] for name, files in found.items()}


def search(folder: Path, out: Path) -> list[Path]:
    """The pictures of a folder and its sub-folders, sorted.

    Raises:
        ValueError: there are none.
    """
    written = [(out / name).resolve() for name in ("masks", "overlays")]
    photos = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES
        and not path.is_dir()
        and not any(path.resolve().is_relative_to(earlier) for earlier in written)
    ]
    if not photos:
        raise ValueError(f"{folder}: expected photos ({', '.join(SUFFIXES)}), got none. Check the folder")
    return photos


def shares(mask: Mask, labels: int) -> list[float]:
    """The share of the pixels of a mask (H, W) that each of the ids 0 .. `labels` - 1 has, in [0, 1]."""
    return [float(share) for share in np.bincount(mask.ravel(), minlength=labels) / mask.size]


def write_areas(path: Path, classes: Iterable[str], areas: Mapping[str, Sequence[float]]) -> None:
    """Write one row per photo. By position: a class may be named `photo` or `background` too."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["photo", "background", *classes])
    writer.writerows([name, *(f"{share:.6f}" for share in row)] for name, row in areas.items())
    write_text(path, text.getvalue())
