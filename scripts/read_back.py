"""Hold exports against the libraries with which CVAT and Label Studio read and write masks.

    python3 -m venv .work/tools && .work/tools/bin/pip install datumaro label-studio-sdk
    .venv/bin/camseg export png out/png
    .venv/bin/camseg export cvat out/cvat
    .venv/bin/camseg export labelstudio out/labelstudio
    .work/tools/bin/python scripts/read_back.py out --back out/back

These libraries need other versions of numpy and OpenCV than camseg, so they get an environment of their own.
Every mask of the PNGs has to come back from both, pixel by pixel; the exit code is 1 if one does not. With
--back they write them again, as the tools would hand them back: `camseg corrections add` takes both files.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from datumaro import AnnotationType, Dataset
from label_studio_sdk.converter import brush
from PIL import Image

OPEN = 255  # the id of `ignore`

Region = tuple[str, np.ndarray, str]  # name of the photo, bool (H, W), label


def main() -> int:
    """Compare all masks, print how many differ; 1 if some do."""
    parser = argparse.ArgumentParser(
        "read_back.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="holds the exports png, cvat and labelstudio")
    parser.add_argument("--back", type=Path, metavar="FOLDER", help="write them again to this folder")
    given = parser.parse_args()
    classes = (given.out / "png" / "classes.txt").read_text(encoding="utf-8").splitlines()
    ids = {"background": 0, "ignore": OPEN} | {name: i for i, name in enumerate(classes, 1)}
    known = read_pngs(given.out / "png" / "masks")
    if given.back:
        given.back.mkdir(parents=True, exist_ok=True)
    wrong = 0
    for tool, reader in (("cvat", read_cvat), ("labelstudio", read_label_studio)):
        found = {name: np.zeros_like(mask) for name, mask in known.items()}
        for name, region, label in reader(given.out / tool, given.back):
            found[name][region] = ids[label]
        differ = [name for name, mask in known.items() if not np.array_equal(found[name], mask)]
        print(f"{tool}: {len(known)} masks, {len(differ)} differ", *differ[:10])
        wrong += len(differ)
    return int(wrong > 0)


def read_pngs(folder: Path) -> dict[str, np.ndarray]:
    """The ids of all palette PNGs, uint8 (H, W), by name."""
    found = {}
    for file in folder.rglob("*.png"):
        with Image.open(file) as image:
            found[file.relative_to(folder).with_suffix("").as_posix()] = np.asarray(image)
    return found


def read_cvat(folder: Path, back: Path | None) -> Iterator[Region]:
    """The regions of `annotations.zip`, as datumaro reads them, on which CVAT is built."""
    with tempfile.TemporaryDirectory() as unpacked:
        shutil.unpack_archive(folder / "annotations.zip", unpacked)
        dataset = Dataset.import_from(unpacked, "voc_segmentation")
        labels = [label.name for label in dataset.categories()[AnnotationType.label]]
        for item in dataset:
            for region in item.annotations:
                if region.type == AnnotationType.mask:
                    yield item.id, region.image.astype(bool), labels[region.label]
        if back:
            written = Path(unpacked) / "back"
            dataset.export(str(written), "voc_segmentation", save_media=False, apply_colormap=True)
            shutil.make_archive(str(back / "cvat"), "zip", written)


def read_label_studio(folder: Path, back: Path | None) -> Iterator[Region]:
    """The regions of `tasks.json`, as Label Studio's own package decodes them."""
    tasks: list[dict[str, Any]] = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    for task in tasks:
        regions = task["predictions"][0]["result"]
        for region in regions:
            value = region["value"]
            pixels = brush.decode_rle(value["rle"])
            value["rle"] = [int(byte) for byte in brush.encode_rle(pixels)]
            shape = (region["original_height"], region["original_width"], 4)
            yield task["data"]["name"], pixels.reshape(shape)[..., 3] > 0, value["brushlabels"][0]
        task["annotations"] = [{"was_cancelled": False, "result": regions}]
    if back:
        (back / "labelstudio.json").write_text(json.dumps(tasks), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
