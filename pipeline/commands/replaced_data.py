"""Asks before params.yaml turns to another data set: what lies in the project belongs to the old one."""

import sys
from pathlib import Path

from pipeline import paths
from pipeline.commands.folder import is_current
from pipeline.data.corrections.store import stored_names
from pipeline.data.decisions import read_decisions
from pipeline.errors import UserError
from pipeline.params import Params


def confirm_other_data(path: Path, params: Params, *, force: bool) -> None:
    """Where `path` is other data than before, say what becomes of models and corrections, and ask.

    Images that camseg renders are no loss, unless masks of them were corrected.

    Raises:
        UserError: the user says no, or nobody can be asked and `force` is False.
    """
    corrected = stored_names(paths.CORRECTIONS) if paths.CORRECTIONS.is_dir() else []
    own = params.data.source != "scenes" and paths.PREPARED.exists()
    if is_current(path, params) or not (own or corrected):
        return
    decisions = len(read_decisions(paths.DECISIONS))
    print(consequences(params.data.path, len(corrected), decisions), file=sys.stderr)
    if not force and not _says_yes():
        raise UserError(
            "params.yaml is unchanged. `camseg init OTHER-FOLDER --data IMAGES` makes a project of its own; "
            "--force takes the data here"
        )


def consequences(old: str, corrected: int, decisions: int) -> str:
    """What the next run does to what belongs to the data set `old`."""
    lines = [
        f"This project belongs to {old}.",
        "  models, heatmaps, masks, reports: `camseg run` replaces them; DVC keeps the old ones in its cache "
        "until `dvc gc`",
    ]
    if corrected:
        lines.append(
            f"  {corrected} corrected mask(s) in {paths.CORRECTIONS}: they stay, and `camseg run` stops at "
            "those of images that the new data lack. Move them away first"
        )
    if decisions:
        lines.append(
            f"  {decisions} decision(s) in {paths.DECISIONS}: they stay, and count for new images of the "
            "same names. Take their lines out first"
        )
    return "\n".join(lines)


def _says_yes() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("Take the new data here? [y/N] ").strip().lower() in ("y", "yes")
