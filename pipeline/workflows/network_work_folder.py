"""`work_folder` for the processes of a stage; where they run a network, the device joins the fingerprint."""

from pathlib import Path
from typing import Any

import torch

from pipeline import paths
from pipeline.base.work_folder import work_folder
from pipeline.engine.device import device_name, pick_device
from pipeline.engine.processes import group


def network_work_folder(stage: str, module: str, **parts: Any) -> Path:
    """`shared_work_folder` whose fingerprint covers the manifest and the device as well as `parts`.

    On a CPU the number of threads changes last digits, so it belongs to the device.
    """
    manifest, device = paths.PREPARED / "manifest.json", pick_device()
    threads = torch.get_num_threads() if device.type == "cpu" else None
    return shared_work_folder(
        stage, module, manifest=manifest, device=device_name(device), threads=threads, **parts
    )


def shared_work_folder(stage: str, module: str, **parts: Any) -> Path:
    """`work_folder`, made and told of by the first process of the group."""
    return Path(group().by_first(lambda: str(work_folder(stage, module, **parts))))
