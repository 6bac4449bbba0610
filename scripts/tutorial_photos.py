"""Write the photos of docs/tutorial.md: rendered scenes, as a person would have them.

    .venv/bin/python scripts/tutorial_photos.py ../tutorial

FOLDER/photos  images and `labels.csv`: what each photo shows, and no masks
FOLDER/new     photos that nobody has labelled
FOLDER/drawn   masks of the `val` photos that `camseg ground-truth suggest 12` names, as a person draws them
FOLDER/short.yaml  a preset for a short run

The same command writes the same bytes.
"""

import argparse
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.base.files import write_csv, write_lines, write_text
from pipeline.commands.init import TEMPLATES
from pipeline.data.images import write_image
from pipeline.data.manifest import Manifest
from pipeline.params import load_params
from pipeline.scenes.render import render_scene
from pipeline.scenes.source import write_scenes
from pipeline.workflows.added_ground_truth import drawn_order

SEED = 0  # of the scenes, and of params.yaml
DRAWN = 12  # masks
NEW = 8  # photos
EASY = {  # hard cases that are left out: these scenes are learnt from few photos
    "shared_bodies": False,
    "clutter": False,
    "occlusion": False,
    "context_bias": 0.5,
    "empty_share": 0.15,
    "size_range": (0.5, 0.8),
}
SHORT = """\
data:
  long_side: 96
classifier:
  training: {steps: 300, batch_size: 8}
segmentation:
  training: {steps: 200, batch_size: 8}
"""


def main() -> None:
    """Write the three folders and the preset."""
    parser = argparse.ArgumentParser(
        "tutorial_photos.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder")
    parser.add_argument("--train", type=int, default=160, help="photos to learn from (default: 160)")
    parser.add_argument("--val", type=int, default=40, help="photos that measure (default: 40)")
    given = parser.parse_args()
    shipped = load_params(TEMPLATES / "params.yaml").scenes
    params = shipped.model_copy(update={"train": given.train, "val": given.val, **EASY})
    with TemporaryDirectory() as masks:
        manifest = write_scenes(given.folder / "photos", Path(masks), params, SEED)
        write_drawn(manifest, Path(masks), given.folder / "drawn")
    write_labels(manifest, given.folder / "photos/labels.csv")
    write_text(given.folder / "short.yaml", SHORT)
    for index in range(1, NEW + 1):
        scene = render_scene(index, "val", SEED + 1, params)
        write_image(given.folder / f"new/photo-{index}.png", scene.image)
    print(f"{len(manifest.samples)} photos and their labels written to {given.folder / 'photos'}")


def write_labels(manifest: Manifest, file: Path) -> None:
    """The classes and the split of each photo; a photo without any class is background."""
    rows = [
        {
            "image": Path(sample.image).name,
            "labels": ";".join(manifest.classes[label] for label in sample.labels),
            "split": sample.split,
        }
        for sample in manifest.samples
    ]
    write_csv(file, ("image", "labels", "split"), rows)


def write_drawn(manifest: Manifest, masks: Path, folder: Path) -> None:
    """The masks that a person draws of the photos which are suggested, with the names of their ids."""
    (folder / "masks").mkdir(parents=True)
    for sample in drawn_order(manifest.split("val"), SEED)[:DRAWN]:
        shutil.copy(masks / f"{sample.name}.png", folder / "masks")
    write_lines(folder / "classes.txt", manifest.classes)


if __name__ == "__main__":
    main()
