"""The sets of the league: folders, and views of a folder with fewer classes, made by params alone."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.projects import SCENES, with_absolute_paths
from benchmarks.variants import Values
from pipeline.params import DataParams

ANY, OBJECT = "any", "object"  # the view in which all classes are one, and the name of this class

# With --views, a folder of one of these names has these views. Together with the folders themselves and
# `road-crack`, they are 15 sets. A folder of another name has all views.
VIEWS: dict[str, tuple[str, ...]] = {
    "coffee-leaf": (ANY, "miner", "rust", "phoma", "cercospora"),
    "satellite": (ANY, "water", "road", "building"),
    "voc-animals": (ANY, "person"),
}


@dataclass(frozen=True)
class LeagueSet:
    """A name for files and tables, a folder or `scenes`, options of `camseg use`, and values of params."""

    name: str
    data: str
    options: tuple[str, ...] = ()
    values: Values = field(default_factory=dict)


def folder_set(text: str, options: Sequence[str], of_folders: Mapping[str, Sequence[str]]) -> LeagueSet:
    """The set of a folder with all its classes.

    Args:
        text: the folder, or `scenes`.
        options: of `camseg use`, for all folders.
        of_folders: further options by the name of the folder; they go before `options`.
    """
    if text == SCENES:
        return LeagueSet(SCENES, SCENES)
    path = Path(text).resolve()
    return LeagueSet(path.name, str(path), (*options, *of_folders.get(path.name, ())))


def own_options(texts: Sequence[str], folders: Sequence[str]) -> dict[str, list[str]]:
    """The options of `camseg use` by the name of a folder, from texts `FOLDER: --option ...`."""
    known, found = {Path(folder).resolve().name for folder in folders}, {}
    for text in texts:
        name, colon, options = text.partition(":")
        if not colon or name not in known:
            raise SystemExit(
                f"--use: expected 'NAME: --option ...' with one of {sorted(known)}, got {text!r}"
            )
        found[name] = with_absolute_paths(shlex.split(options))
    return found


def view_sets(whole: LeagueSet, data: DataParams) -> list[LeagueSet]:
    """The views of a folder, of which `camseg use` made `data`; none of one class."""
    classes = data.classes or ()
    views = VIEWS.get(whole.name, (ANY, *classes)) if len(classes) > 1 else ()
    return [view_set(whole, data, view) for view in views]


def view_set(whole: LeagueSet, data: DataParams, view: str) -> LeagueSet:
    """All classes as one (`any`), or the class `view` against the rest, which becomes background."""
    classes = data.classes or ()
    if view != ANY and view not in classes:
        raise SystemExit(f"{whole.data}: expected the class {view!r} for a view, got {', '.join(classes)}")
    targets = {name: name for name in classes} | data.rename
    seen = {name: seen_as(target, view) if target in classes else target for name, target in targets.items()}
    values: Values = {"data.rename": seen, "data.classes": [OBJECT if view == ANY else view]}
    name = re.sub(r"[^\w.+-]", "_", f"{whole.name}.{view}")  # part of the path of files
    return LeagueSet(name, whole.data, whole.options, values)


def seen_as(target: str, view: str) -> str:
    """What the class `target` is called in a view."""
    if view == ANY:
        return OBJECT
    return view if target == view else "background"


def check_names(sets: Sequence[LeagueSet]) -> None:
    """End the bench if two sets would share files."""
    names = [one.name for one in sets]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise SystemExit(f"expected sets of different names, got several: {', '.join(doubled)}")
