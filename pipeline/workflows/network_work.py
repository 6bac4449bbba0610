"""The work folder of a stage that runs a network on the prepared data."""

from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.base.work import work_folder
from pipeline.engine.device import device_name, pick_device


def network_work(stage: str, module: str, **parts: Any) -> Path:
    """`work_folder` whose fingerprint covers the manifest and the device as well as `parts`."""
    manifest, device = paths.PREPARED / "manifest.json", device_name(pick_device())
    return work_folder(stage, module, manifest=manifest, device=device, **parts)
