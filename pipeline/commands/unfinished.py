"""What a `camseg predict` that was interrupted leaves behind: the same command goes on with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.base.files import read_json, safe_join, write_json
from pipeline.commands.outputs import check_new
from pipeline.errors import UserError

NOTE = "unfinished.json"  # beside the masks until all of them are there
MASKS = "masks"
OVERLAYS = "overlays"

Photos = Mapping[str, Any]  # by name of the mask: what tells whether the image is still the same


def find_unfinished(out: Path, settings: Mapping[str, Any]) -> Photos:
    """The images of an interrupted run in `out`; none if `out` is new or empty.

    Args:
        settings: all that decides a mask besides its image, as JSON has it.

    Raises:
        ValueError: `out` holds other files, or the unfinished work of other settings.
    """
    note = out / NOTE
    if not note.is_file():
        check_new(out)
        return {}
    try:
        found = read_json(note)
        images: Photos = found["images"]
        others = [key for key, value in settings.items() if found["settings"][key] != value]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{note}: cannot be read: {error!r}. Name another folder") from error
    if others:
        raise UserError(
            f"{out}: expected the settings of the run that was interrupted there, got another "
            f"{', '.join(others)}. Repeat that command to go on, or name another folder"
        )
    return images


def take_over(
    out: Path, settings: Mapping[str, Any], images: Mapping[str, Path], before: Photos
) -> frozenset[str]:
    """Names of the masks that are done; notes down in `out` what is to be done.

    Masks of images that have changed since, or are gone, are deleted: they would be taken for done.

    Args:
        before: see `find_unfinished`.
    """
    now = {name: _signature(image) for name, image in images.items()}
    for half in out.rglob(".*.part"):  # of a run killed in the middle of `write_bytes`
        half.unlink()
    for name, signature in before.items():
        if now.get(name) != signature:
            for folder in (MASKS, OVERLAYS):
                safe_join(out / folder, f"{name}.png").unlink(missing_ok=True)
    write_json(out / NOTE, {"settings": settings, "images": now})
    return frozenset(name for name in now if (out / MASKS / f"{name}.png").is_file())


def finish(out: Path) -> None:
    """Say that everything is there. What remains of a run without any mask is deleted."""
    (out / NOTE).unlink()
    if not (out / MASKS).exists():
        for file in out.iterdir():
            file.unlink()
        out.rmdir()


def _signature(image: Path) -> list[Any]:
    """Changes when the file does: its path, bytes, and time of the last change; the path alone if missing."""
    try:
        found = image.stat()
    except OSError:
        return [str(image)]
    return [str(image), found.st_size, found.st_mtime_ns]
