"""Nothing of `val` and `test` reaches a training or a choice, and no ground truth a training without it."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline import paths
from pipeline.base.files import write_lines
from pipeline.stages import train_classifier, train_segmentation
from tests.golden.project import CLASSES, SAMPLES, make_project
from tests.golden.whole_run import CHANGES, change_samples, content, finished_run, noise, run_stages

# What is trained, made and chosen with training images; of the classifier's reports, scores and label
# issues are of `val` too.
CHOSEN = (
    "models/**/*",
    "data/heatmaps/**/*",
    "data/masks/cam*/*",
    "data/masks/gradcampp/*",
    "reports/classifier/curve.csv",
    "reports/pseudo_masks/**/*",
    "reports/segmentation/**/*",
)
# Of these, what ground-truth masks of training images may change: what is trained on them, and scores.
OF_TRUE_MASKS = (
    "models/segmentation/full/*",
    "reports/segmentation/full/*",
    "reports/pseudo_masks/**/*",
)
TRAIN = [sample for sample in SAMPLES if sample.split == "train"]
OTHERS = [sample for sample in SAMPLES if sample.split != "train"]


def test_val_and_test_reach_no_training_and_no_choice(tmp_path_factory: pytest.TempPathFactory) -> None:
    plain, other = finished_run(tmp_path_factory), tmp_path_factory.mktemp("others-are-noise")
    run_stages(other, replace_others)
    files = content(plain, *CHOSEN)
    assert len(files) > 40
    assert changed(files, content(other, *CHOSEN)) == []
    # The noise was there: everything that scores on `val` saw it.
    for file in ("classifier/metrics.json", "evaluation/cam/metrics.json", "evaluation/full/metrics.json"):
        assert (plain / "reports" / file).read_bytes() != (other / "reports" / file).read_bytes()


def test_ground_truth_of_training_images_reaches_no_weak_training(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    plain, other = finished_run(tmp_path_factory), tmp_path_factory.mktemp("true-masks-are-noise")
    run_stages(other, replace_ground_truth)
    before, after = (content(folder, *CHOSEN) for folder in (plain, other))
    free = content(plain, *OF_TRUE_MASKS)
    assert set(changed(before, after)) <= free.keys()
    for folder in sorted((plain / "reports/pseudo_masks").iterdir()):
        assert chosen(folder) == chosen(other / folder.relative_to(plain))
    # The noise was there: `full` learned it, and the scores saw it.
    for file in ("models/segmentation/full/model.safetensors", "reports/pseudo_masks/cam/metrics.json"):
        assert before[file] != after[file]


def test_held_out_images_reach_no_training(tmp_path: Path) -> None:
    """`h` is held out, with and without noise in the place of its image and its mask."""
    folders = [tmp_path / name for name in ("plain", "noise")]
    for folder in folders:
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            make_project(folder, patch, CHANGES)
            write_lines(paths.PREPARED / paths.HELD_OUT, ["h"])
            if folder.name == "noise":
                save_noise("data/masks/full/h.png", (48, 64), 0)
                Image.fromarray(noise(48, 64, 256, 0)).convert("RGB").save("data/photos/images/h.png")
            train_classifier.main()
            train_segmentation.main("full")
    plain, other = (content(folder, "models/**/*") for folder in folders)
    assert len(plain) > 4
    assert changed(plain, other) == []
    # The noise was there: the scores of the held-out image saw it.
    for curve in ("classifier/curve.csv", "segmentation/full/curve.csv"):
        header, *_ = (folders[0] / "reports" / curve).read_text().splitlines()
        assert header.startswith("step,loss,lr,held_out_map")
    one, noisy = ((folder / "reports/segmentation/full/curve.csv").read_text() for folder in folders)
    assert one != noisy


def replace_others() -> None:
    """Noise for all images, masks and labels of `val` and `test`, and masks where no correction may lie."""
    for number, sample in enumerate(OTHERS):
        image = noise(*sample.size, 256, number)
        Image.fromarray(image).convert("RGB").save(f"data/photos/images/{sample.name}.png")
        for folder in ("full", "corrected"):
            save_noise(f"data/masks/{folder}/{sample.name}.png", sample.size, number)
        save_noise(f"data/attention/{sample.name}.png", sample.size, number)
    other_labels = {
        sample.name: [c for c in range(len(CLASSES)) if c not in sample.labels] for sample in OTHERS
    }
    change_samples(lambda entry: entry.update(labels=other_labels.get(str(entry["name"]), entry["labels"])))


def replace_ground_truth() -> None:
    """Noise for the ground-truth masks of training images; the corrected mask stays."""
    for number, sample in enumerate(TRAIN):
        save_noise(f"data/masks/full/{sample.name}.png", sample.size, number)


def save_noise(file: str, size: tuple[int, int], seed: int) -> None:
    Image.fromarray(noise(*size, len(CLASSES) + 1, seed)).save(file)


def changed(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Files that are not the same in both."""
    return sorted(file for file in one.keys() | other.keys() if one.get(file) != other.get(file))


def chosen(folder: Path) -> dict[str, Any]:
    """What `metrics.json` and `images.csv` in `folder` say without ground-truth masks."""
    metrics = json.loads((folder / "metrics.json").read_text())
    with (folder / "images.csv").open() as file:
        rows = [
            {key: row[key] for key in ("name", "confidence", "corrected")} for row in csv.DictReader(file)
        ]
    return {key: metrics[key] for key in ("threshold", "corrected", "quality")} | {"images": rows}
