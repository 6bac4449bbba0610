"""Several processes for a stage: started by torchrun on this machine, or by a command of the user."""

import logging
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence

from pipeline.base.parallel import own_cores, process_count
from pipeline.base.process import LAUNCHER
from pipeline.errors import INTERRUPTED, UserError

WORLD = "WORLD_SIZE"  # set in each process that a launcher has started
PROCESSES = "CAMSEG_PROCESSES"
LAUNCH = "CAMSEG_LAUNCH"
LAUNCHED = "CAMSEG_LAUNCHED"  # set in what `CAMSEG_LAUNCH` starts
GOES_ON = "Run the same command again: the stage goes on with what it has"


def group_size() -> int:
    """How many processes the launcher of this one has started; 1 without a launcher."""
    return process_count(WORLD, default=1, least=1)


def launch(stage: str, arguments: Sequence[str]) -> int | None:
    """Start the processes of a stage and wait for them; returns the exit status, None where one is enough.

    `CAMSEG_LAUNCH` is the command that starts them, else torchrun starts `CAMSEG_PROCESSES`, else one for
    each GPU of this machine. A process that was started so starts no others.

    Raises:
        UserError: what `CAMSEG_LAUNCH` starts does not know of the others.
    """
    command, module = os.environ.get(LAUNCH), f"pipeline.stages.{stage}"
    if os.environ.get(WORLD):
        return None
    if command and os.environ.get(LAUNCHED):
        raise UserError(f"{LAUNCH}: expected a command that sets {WORLD}, as torchrun does, got {command!r}")
    if command:
        started = [*shlex.split(command), sys.executable, "-m", module, *arguments]
        return subprocess.run(started, env=os.environ | {LAUNCHED: "1"}).returncode
    processes = process_count(PROCESSES, default=_gpu_count(), least=1)
    return None if processes == 1 else _torchrun(stage, processes, [module, *arguments])


def _gpu_count() -> int:
    """The GPUs of this machine, at least 1; 1 where `CAMSEG_DEVICE` names another device."""
    import torch  # here, since `prepare` and `code` do not need it

    return max(1, torch.cuda.device_count()) if os.environ.get("CAMSEG_DEVICE", "cuda") == "cuda" else 1


def _torchrun(stage: str, processes: int, command: Sequence[str]) -> int:
    """The exit status of `torchrun --standalone`, in this process; what a stage says of errors is enough."""
    # Here, since they take a second to load.
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main

    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, own_cores() // processes)))
    os.environ[LAUNCHER] = str(os.getpid())
    logging.disable(logging.CRITICAL)
    try:
        main(["--standalone", f"--nproc-per-node={processes}", "--module", *command])
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:  # it could not say so itself
            name = signal.Signals(-failure.exitcode).name
            print(f"{stage}: failed: process {rank} was ended by {name}. {GOES_ON}", file=sys.stderr)
        return INTERRUPTED if failure.exitcode == INTERRUPTED else 1
    except SignalException:
        return INTERRUPTED
    return 0
