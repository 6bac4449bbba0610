"""What two processes gain over one in a pass over images and in a training; and what one process pays.

    python -m benchmarks.processes [--images 2048] [--steps 40] [--side 128] [--rounds 3]

Rendered scenes, random weights. Each row is a group of its own that torchrun starts; the seconds are those of
the work alone, without the start. The rows take turns: the median of the rounds counts. `forwards` are the
passes of the map without images to read and files to write: what two processes can gain on this machine. A
process of a map reads ahead in a second thread; a row of one core has no other core for it. The last row is
one process: a step of one shard against the same step written out.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch import nn

from benchmarks.mapping import classifier_pass
from benchmarks.timing import timed
from pipeline import paths
from pipeline.base.files import read_json, write_bytes, write_json
from pipeline.base.process import THREADS
from pipeline.data.manifest import read_manifest, write_manifest
from pipeline.engine.device import autocast, pick_device, to_channels_last, to_device
from pipeline.engine.mapping import map_blocks, one_size_batches, read_batches, split_blocks
from pipeline.engine.processes import group, join_group
from pipeline.engine.shards import Example, Objective, batch_loss
from pipeline.engine.training_loop import make_optimizer
from pipeline.params import Params, TrainingParams, load_params
from pipeline.scenes.source import write_scenes
from pipeline.segmentation.network import SegmentationConfig, make_segmentation_net
from pipeline.segmentation.objective import TrainableSegmentation
from pipeline.segmentation.segmentation_training import MaskedSamples, train_segmentation

Row = tuple[str, int, int, int]
ROWS: dict[str, Row] = {  # work, processes, threads of each, cores of each
    "forwards, 1 process": ("forwards", 1, 1, 1),
    "forwards, 2 processes": ("forwards", 2, 1, 1),
    "map, 1 process, 1 core": ("map", 1, 1, 1),
    "map, 1 process, a core for its reader": ("map", 1, 1, 2),
    "map, 2 processes, 1 core each": ("map", 2, 1, 1),
    "training, 1 process, 2 threads": ("training", 1, 2, 2),
    "training, 2 processes, 1 thread each": ("training", 2, 1, 2),
}
MASKS, SECONDS = "masks", "seconds.json"  # in the folder of the bench
STEPS_OF_A_ROUND = 8  # they differ by less than other steps do


def main() -> None:
    """Time the rows and print them."""
    parser = argparse.ArgumentParser("benchmarks.processes", description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--side", type=int, default=128, help="pixels of the networks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", choices=("forwards", "map", "training"), help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        return do_work(given)
    with tempfile.TemporaryDirectory() as name:
        given.folder = Path(name)
        scenes = load_params().scenes.model_copy(update={"train": given.images, "val": 0})
        write_manifest(given.folder, write_scenes(given.folder, given.folder / MASKS, scenes, 0))
        compare_rows(given)
    compare_steps(given)


def compare_rows(given: argparse.Namespace) -> None:
    """Print the seconds of each row, and its speed against the row with one process."""
    seconds: dict[str, list[float]] = {row: [] for row in ROWS}
    for _ in range(given.rounds):
        for row, kind in ROWS.items():
            seconds[row].append(seconds_of(given, *kind))
    for row, (work, *_) in ROWS.items():
        alone = next(other for other, kind in ROWS.items() if kind[:2] == (work, 1))
        taken = median(seconds[row])
        print(f"{row:38} {taken:7.2f} s, {median(seconds[alone]) / taken:.2f} times as fast", flush=True)


def seconds_of(given: argparse.Namespace, work: str, processes: int, threads: int, cores: int) -> float:
    """Seconds of the work of a group."""
    options = {"work": work, "cores": cores} | {
        key: getattr(given, key) for key in ("folder", "steps", "side")
    }
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [
        *launcher,
        "-m",
        "benchmarks.processes",
        *(f"--{key}={value}" for key, value in options.items()),
    ]
    variables = {THREADS: str(threads), "OMP_NUM_THREADS": str(threads), "CAMSEG_LOADERS": "1"}
    subprocess.run([sys.executable, *command], env=os.environ | variables, check=True)
    return float(read_json(given.folder / SECONDS))


def do_work(given: argparse.Namespace) -> None:
    """As one process of a group: do the work; the first one writes the seconds."""
    join_group()
    cores = sorted(os.sched_getaffinity(0))
    first = group().rank * given.cores % len(cores)
    os.sched_setaffinity(0, cores[first : first + given.cores])
    prepared = {"forwards": prepared_forwards, "map": prepared_map, "training": prepared_training}
    work = prepared[given.work](given)
    group().by_first(lambda: None)  # all are ready
    start = perf_counter()
    work()
    if group().rank == 0:
        write_json(given.folder / SECONDS, perf_counter() - start)


def prepared_forwards(given: argparse.Namespace) -> Callable[[], None]:
    """The forward passes of this process in the map, of batches at hand."""
    manifest, params = read_manifest(given.folder), load_params()
    work = classifier_pass(manifest, params, params.classifier.encoder, given.side)
    own = split_blocks(manifest.samples)[group().rank :: group().size]
    batches = [batch for block in own for batch in one_size_batches(block, work.batch_size)]
    at_hand = list(read_batches(work, batches))

    def run() -> None:
        for batch in at_hand:
            work.compute(batch)
        group().share_out([], lambda _: None, lambda _: True, str)  # all have ended

    return run


def prepared_map(given: argparse.Namespace) -> Callable[[], None]:
    """A pass of the classifier over all images, with a file for each block."""
    manifest, params = read_manifest(given.folder), load_params()
    torch.manual_seed(0)
    work = classifier_pass(manifest, params, params.classifier.encoder, given.side)

    def write(number: int, results: dict[str, bytes]) -> None:
        write_bytes(given.folder / "out" / str(number), b"".join(results.values()))

    return lambda: map_blocks(manifest.samples, work, lambda _: False, write)


def prepared_training(given: argparse.Namespace) -> Callable[[], None]:
    """A training in two shards on the ground truth."""
    manifest = read_manifest(given.folder)
    data = MaskedSamples(manifest, manifest.samples, given.folder / MASKS, ())
    params, config = training_params(given, 2), SegmentationConfig(manifest.classes, given.side)
    torch.manual_seed(0)
    net = make_segmentation_net(params.segmentation, config, Path(), pretrained=False)
    checkpoint = given.folder / "checkpoint.pt"
    group().by_first(lambda: checkpoint.unlink(missing_ok=True))
    return lambda: (train_segmentation(net, data, params, checkpoint, "training"), None)[1]


def training_params(given: argparse.Namespace, shards: int) -> Params:
    """The shipped ones with few steps and without a checkpoint."""
    shipped = load_params()
    changed = {"steps": given.steps, "warmup_steps": 1, "checkpoint_steps": given.steps + 1, "shards": shards}
    training = shipped.segmentation.training.model_copy(update=changed)
    section = shipped.segmentation.model_copy(update={"weights": "none", "training": training})
    return shipped.model_copy(update={"segmentation": section})


def compare_steps(given: argparse.Namespace) -> None:
    """Print the seconds of a step of one shard, and of the same step without shards."""
    device, params = pick_device(), training_params(given, 1)
    section, config = params.segmentation, SegmentationConfig(("a", "b"), given.side)
    net = make_segmentation_net(section, config, paths.CLASSIFIER, pretrained=False)
    objective = to_channels_last(TrainableSegmentation(net, section, 0, taught=False), device).train()
    images = to_device(torch.rand(section.training.batch_size, 3, given.side, given.side), device)
    batch = images, torch.randint(3, (len(images), given.side, given.side), device=device)
    steps = {"plain": plain_loss, "shards": partial(batch_loss, seeds=[0], of_batch=1)}
    rows = {name: step(objective, section.training, batch, loss) for name, loss in steps.items()}
    seconds = timed(rows, STEPS_OF_A_ROUND * given.rounds, device)
    share = seconds["shards"] / seconds["plain"]
    print(f"{'step, 1 process':38} {seconds['shards']:7.2f} s, {share:.3f} of a step written out")


def step(
    objective: Objective, params: TrainingParams, batch: Example, loss: Callable[..., object]
) -> Callable[[], None]:
    """One step by gradients that `loss` leaves."""
    optimizer = make_optimizer(objective, params, [])

    def run() -> None:
        loss(objective, [batch], 0)
        nn.utils.clip_grad_norm_(objective.parameters(), params.clip_norm)
        optimizer.step()

    return run


def plain_loss(objective: Objective, batches: list[Example], number: int) -> None:
    """Forward and backward pass of a batch, as short as they can be."""
    images = batches[0][0]
    with autocast(images.device):
        (targets,), counts = objective.settle(batches, number)
        value = objective(images, targets, number, counts)
    objective.zero_grad()
    value.backward()


if __name__ == "__main__":
    main()
