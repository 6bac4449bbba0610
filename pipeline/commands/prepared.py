"""Reads the data set that the stage `prepare` wrote."""

from pipeline import paths
from pipeline.data.manifest import Manifest, read_manifest
from pipeline.errors import UserError


def read_prepared() -> Manifest:
    """The manifest of the project."""
    if not (paths.PREPARED / "manifest.json").is_file():
        raise UserError(f"{paths.PREPARED}: there is no data set yet. Run `make repro` first")
    return read_manifest(paths.PREPARED)
