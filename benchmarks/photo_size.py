"""CPU seconds per image of each stage for the same photos in three sizes, and the peak memory of `predict`.

    python -m benchmarks.photo_size FOLDER [--images 60] [--megapixels 0.07 0.8 11.6] [--out photo_size.json]

FOLDER holds images with labels, as `camseg check` reads them. Some of them are enlarged to each size. Each
stage is a process of its own. Its seconds hold its start, which is the same for every size. Prints Markdown
tables, writes JSON.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import pipeline
from pipeline.base.files import safe_join, write_bytes, write_csv, write_json
from pipeline.base.sizes import working_size
from pipeline.commands.fitted_values import values_for_data
from pipeline.commands.params_file import update_params
from pipeline.data.images import encode_jpeg, read_image, resize_mask, write_mask
from pipeline.data.inspection import inspect_folder, write_ground_truth
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import load_mask
from pipeline.data.sources.detect import detect_source
from pipeline.params import load_params
from pipeline.segmentation.network import SegmentationConfig, make_segmentation_net, save_segmentation_net

ROOT = Path(pipeline.__file__).parents[1]
STEPS, BATCH = 10, 4  # of both trainings
VALUES: dict[str, object] = {
    "data.source": "csv",
    "data.path": "photos",
    "data.long_side": 320,
    "data.max_megapixels": 100,
    "classifier.training.steps": STEPS,
    "classifier.training.warmup_steps": 1,
    "classifier.training.batch_size": BATCH,
    "segmentation.training.steps": STEPS,
    "segmentation.training.warmup_steps": 1,
    "segmentation.training.batch_size": BATCH,
    "segmentation.supervision": ["cam", "full"],
    "self_training.rounds": {"cam-round1": "cam"},
    "heatmaps.methods": ["cam"],
}
MEMORY_MEGAPIXELS, MEMORY_CLASSES = 48.0, 21

Seconds = dict[str, float]  # of one image, by stage


def main() -> None:
    """Measure every size and the memory; print and write."""
    parser = argparse.ArgumentParser("benchmarks.photo_size", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0.07, 0.8, 11.6])
    parser.add_argument("--out", type=Path, default=Path("reports/benchmarks/photo_size.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        manifest, samples = read_samples(given.folder, Path(work) / "masks", given.images)
        seconds: dict[str, Seconds] = {}
        for megapixels in given.megapixels:
            project = Path(work) / f"{megapixels:g}"
            splits = write_enlarged(manifest, samples, Path(work) / "masks", project, megapixels)
            seconds[f"{megapixels:g} MP"] = time_stages(project, splits)
        memory = predict_memory(manifest.original(samples[0]), Path(work) / "memory")
    print(table(seconds, "CPU s per image"), end="\n\n")
    print(table({f"{MEMORY_MEGAPIXELS:g} MP, {MEMORY_CLASSES} classes": memory}, "peak memory, GB"))
    machine = {"cpu": platform.processor() or platform.machine(), "threads": torch.get_num_threads()}
    write_json(given.out, {"images": len(samples), "seconds": seconds, "memory": memory, "machine": machine})


def read_samples(folder: Path, masks: Path, count: int) -> tuple[Manifest, list[Sample]]:
    """The manifest of `folder`, and `count` of its samples, evenly spread; writes the masks to `masks`."""
    params = load_params()
    data = params.data.model_copy(update={"classes": None, "rename": {}, "max_side": 2**15})
    inspection = inspect_folder(detect_source(folder), folder, data, params.seed)
    if inspection.manifest is None:
        raise SystemExit("\n".join(inspection.errors))
    write_ground_truth(inspection, masks)
    samples = inspection.manifest.samples
    return inspection.manifest, [samples[i * len(samples) // count] for i in range(min(count, len(samples)))]


def write_enlarged(
    manifest: Manifest, samples: Sequence[Sample], masks: Path, project: Path, megapixels: float
) -> dict[str, int]:
    """Write a project with the enlarged images; the number of images of each split.

    Every third image is of `val`, if others have shown its classes before.
    """
    seen: set[int] = set()
    rows, splits = [], {"train": 0, "val": 0}
    for number, sample in enumerate(samples):
        split = "val" if number % 3 == 2 and seen >= set(sample.labels) else "train"
        seen |= set(sample.labels) if split == "train" else set()
        splits[split] += 1
        image = read_image(manifest.original(sample))
        size = size_of(image.shape[0], image.shape[1], megapixels)
        large = Image.fromarray(image).resize(size[::-1], Image.Resampling.BICUBIC)
        write_bytes(project / f"photos/images/{number}.jpg", encode_jpeg(np.asarray(large)))
        if sample.mask:
            write_mask(project / f"photos/masks/{number}.png", resize_mask(load_mask(masks, sample), size))
        labels = ";".join(manifest.classes[label] for label in sample.labels)
        rows.append({"image": f"{number}.jpg", "labels": labels, "split": split})
    write_csv(project / "photos/labels.csv", ("image", "labels", "split"), rows)
    classes = "".join(f"{name}\n" for name in manifest.classes)
    write_bytes(safe_join(project, "photos/classes.txt"), classes.encode())
    write_bytes(project / "params.yaml", (ROOT / "params.yaml").read_bytes())
    values = values_for_data(manifest, load_params(), "fast", "none") | VALUES
    used = [name for i, name in enumerate(manifest.classes) if i in seen]
    update_params(project / "params.yaml", {**values, "data.classes": used})
    return splits


def size_of(height: int, width: int, megapixels: float) -> tuple[int, int]:
    """Height and width of an image of this shape with so many pixels."""
    factor = (megapixels * 1e6 / (height * width)) ** 0.5
    return working_size(height, width, round(max(height, width) * factor))


def time_stages(project: Path, splits: dict[str, int]) -> Seconds:
    """CPU seconds of each stage divided by the images that it reads."""
    train, val = splits["train"], max(1, splits["val"])
    predict = ("pipeline", "predict", "photos/images", "--out", "predicted")
    stages = {
        "prepare": (train + val, ("pipeline.stages.prepare",)),
        "train_classifier": (STEPS * BATCH, ("pipeline.stages.train_classifier",)),
        "make_heatmaps": (train, ("pipeline.stages.make_heatmaps",)),
        "diagnose": (val, ("pipeline.stages.diagnose",)),
        "make_pseudo_masks": (train, ("pipeline.stages.make_pseudo_masks", "cam")),
        "train_segmentation": (STEPS * BATCH, ("pipeline.stages.train_segmentation", "cam")),
        "self_train": (train, ("pipeline.stages.self_train", "cam-round1")),
        "evaluate": (val, ("pipeline.stages.evaluate", "cam")),
        "predict": (train + val, predict),
    }
    seconds = {}
    for stage, (images, command) in stages.items():
        usage = run(project, *command)
        seconds[stage] = (usage.ru_utime + usage.ru_stime) / images
    return seconds


def predict_memory(photo: Path, project: Path) -> dict[str, float]:
    """Peak memory in GB of `camseg predict` of one large image by a network with random weights."""
    write_bytes(project / "params.yaml", (ROOT / "params.yaml").read_bytes())
    image = read_image(photo)
    size = size_of(image.shape[0], image.shape[1], MEMORY_MEGAPIXELS)
    large = Image.fromarray(image).resize(size[::-1], Image.Resampling.BICUBIC)
    write_bytes(project / "large.jpg", encode_jpeg(np.asarray(large)))
    params = load_params()
    section = params.segmentation.model_copy(update={"weights": "none"})
    config = SegmentationConfig(tuple(f"class {i}" for i in range(MEMORY_CLASSES)), 320)
    save_segmentation_net(project / "model", make_segmentation_net(section, config, Path(), pretrained=False))
    memory = {}
    for name, options in {"predict": (), "predict --tile": ("--tile",)}.items():
        command = ("predict", "large.jpg", "--model", "model", "--out", name.replace(" ", ""), *options)
        memory[name] = run(project, "pipeline", *command).ru_maxrss / 1e6
    return memory


def run(project: Path, module: str, *arguments: str) -> resource.struct_rusage:
    """What `python -m MODULE` takes in the folder `project`, with its own processes."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CAMSEG_WORKERS": "1"}
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return usage


def table(columns: dict[str, dict[str, float]], title: str) -> str:
    """A Markdown table with a row for each key of the columns."""
    rows = [f"| {title} | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for key in next(iter(columns.values())):
        rows.append(f"| {key} | {' | '.join(f'{column[key]:.3f}' for column in columns.values())} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
