"""The note that an interrupted `camseg predict` leaves, so that the same command goes on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.base.files import read_json, remove_path, safe_join, write_json
from pipeline.commands.outputs import check_new
from pipeline.errors import UserError

NOTE = "unfinished.json"  # beside the masks until all of them are there
MASKS = "masks"
OVERLAYS = "overlays"
GEOTIFFS = "geotiff"
REGIONS = ".regions"  # what the probabilities say of each mask, until all of them are there

Signatures = Mapping[str, Any]  # by name of the mask: changes when the file of the image changes


def find_unfinished(out: Path, settings: Mapping[str, Any]) -> Signatures:
    """The images of an interrupted run in `out`; none if `out` is new or empty.

    Args:
        settings: everything that decides a mask besides the image, as JSON. A run with other settings is
            refused.
    """
    note = out / NOTE
    if not note.is_file():
        check_new(out)
        return {}
    try:
        unfinished = read_json(note)
        images: Signatures = unfinished["images"]
        changed = [key for key, value in settings.items() if unfinished["settings"][key] != value]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{note}: cannot be read: {error!r}. Name another folder") from error
    if changed:
        raise UserError(
            f"{out}: expected the settings of the run that was interrupted there, got another "
            f"{', '.join(changed)}. Repeat that command to go on, or name another folder"
        )
    return images


def take_over(
    out: Path, settings: Mapping[str, Any], images: Mapping[str, Path], unfinished: Signatures
) -> frozenset[str]:
    """The names of the masks that are done; the note in `out` then lists all `images`.

    The masks of changed and of missing images are deleted: they would count as done.
    """
    now = {name: _signature(path) for name, path in images.items()}
    for part in out.rglob(".*.part"):  # of a run that was killed inside `write_bytes`
        part.unlink()
    for name, signature in unfinished.items():
        if now.get(name) != signature:
            for folder, suffix in ((MASKS, "png"), (OVERLAYS, "png"), (GEOTIFFS, "tif")):
                safe_join(out / folder, f"{name}.{suffix}").unlink(missing_ok=True)
    write_json(out / NOTE, {"settings": settings, "images": now})
    return frozenset(name for name in now if (out / MASKS / f"{name}.png").is_file())


def finish(out: Path) -> None:
    """Delete what an interrupted run needs; if there is no mask at all, delete `out`."""
    (out / NOTE).unlink()
    remove_path(out / REGIONS)
    if not (out / MASKS).exists():
        for file in out.iterdir():
            file.unlink()
        out.rmdir()


def _signature(path: Path) -> list[Any]:
    """The path, the size and the time of the last change of a file; the path alone if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return [str(path)]
    return [str(path), status.st_size, status.st_mtime_ns]
