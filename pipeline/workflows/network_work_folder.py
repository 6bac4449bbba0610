"""`work_folder` for stages that run a network: the manifest and the device join the fingerprint."""

from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.base.work_folder import work_folder
from pipeline.engine.device import device_name, pick_device


def network_work_folder(stage: str, module: str, **parts: Any) -> Path:
    """`work_folder` whose fingerprint covers the manifest and the device as well as `parts`."""
    manifest, device = paths.PREPARED / "manifest.json", device_name(pick_device())
    return work_folder(stage, module, manifest=manifest, device=device, **parts)
