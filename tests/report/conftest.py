"""A finished run on made-up images: all files that the report reads."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from pipeline.base.files import write_csv, write_json, write_text
from pipeline.data.images import write_image, write_mask
from pipeline.data.manifest import Manifest, Sample, write_manifest
from pipeline.evaluation.diagnosis import diagnose
from pipeline.heatmaps.store import write_index, write_shard
from pipeline.report.summary import FINDINGS
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet
from pipeline.workflows.confusion_file import write_confusion

PARAMS = Path(__file__).parents[2] / "params.yaml"
METHODS = ("cam", "gradcampp")
SUPERVISION = ("gradcampp", "full")
GROUND_TRUTH = 4  # training images that `full` was trained on, of 6
Scene = tuple[np.ndarray, np.ndarray]


def blocks(count: int, classes: int) -> list[Scene]:
    """Noise of 30 x 40 pixels with one rectangle; the first scene is empty."""
    rng = np.random.default_rng(0)
    scenes = []
    for index in range(count):
        image = rng.integers(60, 120, (30, 40, 3)).astype(np.uint8)
        mask = np.zeros((30, 40), np.uint8)
        if index:
            mask[8:22, 5 + index : 20 + index] = 1 + index % classes
            image[mask > 0] += 100
        scenes.append((image, mask))
    return scenes


def make_samples(scenes: list[Scene], masks: bool) -> tuple[Sample, ...]:
    """The first two thirds are `train`."""
    result = []
    for index, (image, mask) in enumerate(scenes):
        split = "train" if index < len(scenes) * 2 // 3 else "val"
        name = f"{split}-{index:02d}"
        labels = tuple(int(i) - 1 for i in np.unique(mask) if i)
        size = image.shape[:2]
        result.append(Sample(name, f"images/{name}.png", "", *size, labels, split, masks, masks))
    return tuple(result)


def write_data(root: Path, scenes: list[Scene], samples: tuple[Sample, ...], masks: bool) -> None:
    """Images, ground-truth masks, heatmaps, pseudo-masks with an open band, and predictions of `val`."""
    heat: dict[str, np.ndarray] = {}
    for (image, mask), sample in zip(scenes, samples, strict=True):
        write_image(root / "data/prepared" / sample.image, image)
        if masks:
            write_mask(root / "data/masks/full" / f"{sample.name}.png", mask)
        side = max(mask.shape) // 8
        soft = [cv2.blur((mask == c + 1).astype(np.float32), (side, side)) for c in sample.labels]
        if sample.split == "train" and soft:
            heat[sample.name] = np.stack(
                [(255 * cv2.resize(m, None, fx=0.25, fy=0.25)) for m in soft]
            ).astype("u1")
        rough = cv2.erode(mask, np.ones((3, 3), np.uint8))
        if sample.split == "train":
            rough[(rough == 0) & (cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0)] = 255
        folders = [f"data/masks/{m}" for m in METHODS] if sample.split == "train" else []
        folders += [f"data/predictions/{s}" for s in SUPERVISION] if sample.split == "val" and masks else []
        for folder in folders:
            write_mask(root / folder / f"{sample.name}.png", rough)
    for method in METHODS:
        write_shard(root / "data/heatmaps" / method, 0, heat)
        write_index(root / "data/heatmaps" / method, [list(heat)])


def write_reports(reports: Path, classes: tuple[str, ...], samples: tuple[Sample, ...], masks: bool) -> None:
    """Scores in every form that the stages write; null and empty where there are no masks."""
    names = ("background", *classes)
    curve = [{"step": step, "loss": 1 / step**0.3, "lr": 1e-3} for step in range(10, 500, 10)]
    write_json(reports / "classifier/metrics.json", {"map": 0.91, "f1": 0.8, "label_issues": 321})
    rows = [{"class": name, "average_precision": 0.9, "f1": 0.8} for name in classes]
    write_csv(reports / "classifier/classes.csv", ("class", "average_precision", "f1"), rows)
    issues = [{"name": "train-05", "split": "train", "class": names[1], "given": 1, "probability": 0.03}]
    write_csv(reports / "classifier/label_issues.csv", tuple(issues[0]), issues)
    write_csv(reports / "classifier/curve.csv", ("step", "loss", "lr"), curve)

    def known(value: float) -> float | None:
        return value if masks else None

    cells = (np.full((len(names),) * 2, 5) + 80 * np.eye(len(names), dtype=int)) * masks
    for method in METHODS:
        folder = reports / "pseudo_masks" / method
        heat = {"miou_best": known(0.55), "threshold_best": known(0.4)}
        heat |= {"miou_chosen": known(0.53), "threshold_chosen": 0.32}
        published = {
            "miou": known(0.6),
            "precision": known(0.8),
            "recall": known(0.7),
            "coverage": known(0.9),
        }
        result = {
            "corrected": 0,
            "heatmaps": heat,
            "pseudo_masks": published,
            "threshold": 0.32,
            "refine": "crf",
        }
        quality = {"confidence": 0.71, "ignored": 0.04}
        chosen = {"refine": "crf", "confidence_threshold": 0.32}
        write_json(folder / "metrics.json", result | {"quality": quality} | chosen)
        write_confusion(folder / "confusion.csv", classes, cells)
        points = [{"threshold": t / 50, "miou": 0.55 - (t / 50 - 0.4) ** 2} for t in range(1, 50) if masks]
        write_csv(folder / "thresholds.csv", ("threshold", "miou"), points)
        train = [s for s in samples if s.split == "train" and masks]
        scores = [
            {"name": s.name, "miou_before": 0.4, "miou_after": 1 - i / 100, "lost_labels": ""}
            for i, s in enumerate(train)
        ]
        write_csv(folder / "images.csv", ("name", "miou_before", "miou_after", "lost_labels"), scores)
    for name, miou in zip(SUPERVISION, (0.6, 0.8), strict=True):
        folder = reports / "evaluation" / name
        per_class = {label: known(miou) for label in names}
        metrics = {
            "split": "val",
            "miou": known(miou),
            "miou_standard_error": known(0.0214),
            "iou_per_class": per_class,
            "boundary_iou": known(miou / 2),
            "findings": {label: dict.fromkeys(FINDINGS, known(0.123)) for label in classes},
        }
        write_json(folder / "metrics.json", metrics)
        write_confusion(folder / "confusion.csv", classes, cells)
        val = [s for s in samples if s.split == "val" and masks]
        write_csv(
            folder / "images.csv",
            ("name", "miou"),
            [{"name": s.name, "miou": 0.9 - i / 100} for i, s in enumerate(val)],
        )
        images = len([s for s in samples if s.split == "train"]) if name != "full" else GROUND_TRUTH * masks
        steps = curve if images else []
        write_json(reports / "segmentation" / name / "metrics.json", {"images": images})
        write_csv(reports / "segmentation" / name / "curve.csv", ("step", "loss", "lr"), steps)
    logits = np.zeros((0, len(classes)))
    nothing = diagnose(classes, logits.astype(bool), logits, logits, [])
    write_json(reports / "diagnosis/diagnosis.json", nothing | {"method": METHODS[0], "examples": []})
    write_json(reports / "seconds/prepare.json", {"seconds": 1.5})
    write_json(reports / "seconds/make_pseudo_masks@cam.json", {"seconds": 12.3})


def write_project(root: Path, classes: tuple[str, ...], scenes: list[Scene], masks: bool = True) -> Manifest:
    """Everything below `root`; models are stubs, and `full` is skipped without masks."""
    samples = make_samples(scenes, masks)
    manifest = Manifest("data/prepared", classes, samples)
    listed = f"supervision: [{', '.join(SUPERVISION)}]"
    text = re.sub(r"supervision: \[.*?\]", listed, PARAMS.read_text(), count=1)  # the first one
    write_text(root / "params.yaml", text)
    write_manifest(root / "data/prepared", manifest)
    write_data(root, scenes, samples, masks)
    write_reports(root / "reports", classes, samples, masks)
    for name in SUPERVISION:
        skipped = name == "full" and not masks
        write_text(root / "models/segmentation" / name / ("skipped.txt" if skipped else "camseg.json"), "")
    return manifest


def tiny_net(classes: tuple[str, ...]) -> SegmentationNet:
    """A network of one convolution whose answer is always class 1."""
    layer = nn.Conv2d(3, len(classes) + 1, 1)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
        layer.bias[1] = 1
    return SegmentationNet(layer, SegmentationConfig(classes, 32)).eval()


def make_project(
    patch: pytest.MonkeyPatch,
    root: Path,
    classes: tuple[str, ...] = ("cat", "dog"),
    masks: bool = True,
    count: int = 9,
) -> Manifest:
    """A finished run in `root`, with stubs in the place of models."""
    net = tiny_net(classes)
    for module in ("report.image_panels", "workflows.mask_comparison"):
        patch.setattr(f"pipeline.{module}.load_segmentation_net", lambda folder: net)
    return write_project(root, classes, blocks(count, len(classes)), masks)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Manifest]:
    """Writes a finished run into a new folder, which becomes the current one."""
    monkeypatch.chdir(tmp_path)
    return partial(make_project, monkeypatch, tmp_path)


@pytest.fixture
def set_params(tmp_path: Path) -> Callable[[str, str], None]:
    """Replaces text of the project's `params.yaml`."""

    def replace(old: str, new: str) -> None:
        text = (tmp_path / "params.yaml").read_text()
        assert old in text, json.dumps(old)
        (tmp_path / "params.yaml").write_text(text.replace(old, new))

    return replace
