"""What a GPU has to show: a killed training goes on, shards repeat, a full memory gives advice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import paths
from pipeline.base.files import remove_path
from pipeline.base.work_folder import WORK, file_digest
from pipeline.commands.params_file import update_params
from pipeline.engine.device import pick_device
from pipeline.stages.running import ADVICE

METHOD = "cam"
TRAINING = ("train_segmentation", METHOD)
STEPS = 40  # of the trainings
LEAST = 20.0  # seconds that a part must have left to begin
MEMORY_SHARE = 0.002  # of a GPU's memory: no training fits
GOES_ON = "goes on with the work"  # said by a stage that finds unfinished work
CRAMPED = (
    "import runpy, sys, torch; torch.cuda.set_per_process_memory_fraction({share}); "
    "sys.argv[0] = 'stage'; runpy.run_module('pipeline.stages.{stage}', run_name='__main__')"
)
PASSED, FAILED = "passed", "FAILED"  # first word of what a check found
LEFT_OUT = "left out: needs a GPU"


class OutOfTime(Exception):
    """The budget has no room for a part."""


class StageFailed(Exception):
    """A stage ended with an error."""


@dataclass(frozen=True)
class Budget:
    """The time that a run may take."""

    end: float  # of time.monotonic

    def left(self) -> float:
        """Seconds that are left.

        Raises:
            OutOfTime: they are too few to begin a part.
        """
        left = self.end - time.monotonic()
        if left < LEAST:
            raise OutOfTime
        return left


def run_stage(stage: Sequence[str], budget: Budget) -> str:
    """Run a stage of the project in the working directory; returns what it printed.

    Raises:
        OutOfTime: it took longer than there was time, and was stopped.
        StageFailed: the message holds the end of what it printed.
    """
    with start(stage, stdout=subprocess.PIPE) as process:
        try:
            printed, _ = process.communicate(timeout=budget.left())
        except subprocess.TimeoutExpired as error:
            raise OutOfTime from error
        finally:  # a stage has a session of its own, and would run on
            kill(process)
    text = printed.decode(errors="replace")
    if process.returncode:
        raise StageFailed(f"{'@'.join(stage)} ended with {process.returncode}: {text.strip()[-1000:]}")
    return text


def start(stage: Sequence[str], stdout: int) -> subprocess.Popen[bytes]:
    """A stage as one process, with all that it starts in a session of its own."""
    command = [sys.executable, "-m", f"pipeline.stages.{stage[0]}", *stage[1:]]
    return subprocess.Popen(
        command, env=environment(), stdout=stdout, stderr=subprocess.STDOUT, start_new_session=True
    )


def environment() -> dict[str, str]:
    """That of a stage: one process, on one GPU."""
    return os.environ | {"CAMSEG_PROCESSES": "1"}


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it started, at once; nothing if it has ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def resumes(budget: Budget) -> str:
    """Whether a training that is killed after its first checkpoint ends with the bytes of one that is not."""
    set_training(shards=1)
    expected, _ = trained(budget)
    remove_path(paths.SEGMENTATION / METHOD)
    process = start(TRAINING, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None and not any((WORK / "@".join(TRAINING)).glob("*/checkpoint.pt")):
            time.sleep(0.01)
            if time.monotonic() > budget.end:
                raise OutOfTime
        if process.poll() is not None:
            return f"{FAILED}: the training ended before it could be killed"
    finally:
        kill(process)
    got, printed = trained(budget)
    return same_bytes(expected, got) if GOES_ON in printed else f"{FAILED}: the training began anew"


def repeats(budget: Budget) -> str:
    """Whether a training in two shards by one process ends with the same bytes twice."""
    set_training(shards=2)
    return same_bytes(trained(budget)[0], trained(budget)[0])


def advises(budget: Budget) -> str:
    """Whether a training that finds the memory of the GPU full says what to do."""
    if pick_device().type == "cpu":
        return LEFT_OUT
    code = CRAMPED.format(share=MEMORY_SHARE, stage=TRAINING[0])
    command = [sys.executable, "-c", code, METHOD]
    try:
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, timeout=budget.left()
        )
    except subprocess.TimeoutExpired as error:
        raise OutOfTime from error
    return has_advice(done.returncode, done.stderr)


CHECKS: dict[str, Callable[[Budget], str]] = {
    "a killed training goes on to the same bytes": resumes,
    "a training in two shards gives the same bytes twice": repeats,
    "a full memory gives advice": advises,
}


def set_training(shards: int) -> None:
    """Make the training of the segmentation model short, with a checkpoint in its first quarter."""
    values = {"steps": STEPS, "warmup_steps": 1, "checkpoint_steps": STEPS // 4, "shards": shards}
    update_params(Path("params.yaml"), {f"segmentation.training.{key}": v for key, v in values.items()})


def trained(budget: Budget) -> tuple[str, str]:
    """The digest of a model that is trained now, and what the stage printed."""
    model = paths.SEGMENTATION / METHOD
    remove_path(model)
    printed = run_stage(TRAINING, budget)
    return file_digest(model), printed


def same_bytes(expected: str, got: str) -> str:
    """What a check found, by two digests."""
    return PASSED if expected == got else f"{FAILED}: {expected[:12]} and {got[:12]}"


def has_advice(status: int, printed: str) -> str:
    """What the check of a full memory found, by the status and the errors of the stage."""
    if status == 0:
        return f"{FAILED}: the training had room in {MEMORY_SHARE:.1%} of the memory"
    if ADVICE in printed and "Traceback" not in printed:
        return PASSED
    return f"{FAILED}: {printed.strip()[-1000:]}"
