"""`camseg init`: makes a folder in which the pipeline runs."""

import argparse
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import Any

import pipeline
from pipeline.base.files import write_bytes
from pipeline.commands.parser import add_command
from pipeline.commands.use import add_use_options, use_folder
from pipeline.errors import UserError

TEMPLATES = Path(pipeline.__path__[0]) / "project"
PROJECT = {  # path in the project -> template
    "dvc.yaml": "stages.yaml",  # DVC would take a second dvc.yaml in the clone for one of its own
    "params.yaml": "params.yaml",
    ".dvc/config": "dvc_config",
    ".dvc/.gitignore": "dvc_gitignore",
    ".dvcignore": "dvcignore",
    ".gitignore": "gitignore",
    "data/raw/README.md": "raw.md",
    "data/corrections/README.md": "corrections.md",
    "data/review/README.md": "review.md",
    "data/review/decisions.csv": "decisions.csv",
    "data/ground_truth/README.md": "ground_truth.md",
}
SHOWN = 5  # names in an error

EXAMPLES = """
FOLDER is new or empty. In a project, `init` writes the files that are missing and changes none.
The folder holds params, outputs and reports; the images may lie anywhere. --data and the options after it
do what `camseg use` does (see `camseg use --help`). Without --data, the project renders its own images.

examples:
  camseg init my-project --data ../images
  camseg init my-project --data ../images --quality fast --classes cat,dog
  camseg init rendered
"""


def add_parser(commands: Any) -> None:
    parser = add_command(commands, "init", None, "make a folder in which the pipeline runs", EXAMPLES)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of the project")
    data = "a folder of images and labels, see `camseg check --help`"
    parser.add_argument("--data", type=Path, dest="path", metavar="IMAGES", help=data)
    add_use_options(parser)
    parser.set_defaults(run=partial(run, parser))


def run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    """Make the project, then do what `use` does; 2 if the data have errors."""
    folder: Path = arguments.folder
    require_data(parser, arguments)
    write_project(folder)
    status = 0
    if arguments.path is not None:
        arguments.path = arguments.path.absolute()
        arguments.weights, arguments.preset = map(_from_anywhere, (arguments.weights, arguments.preset))
        with chdir(folder):
            status = use_folder(arguments)
    elsewhere = "" if folder.resolve() == Path.cwd() else f"cd {folder}, then "
    again = "correct the data, then run: " if status else "now run: "
    steps = "camseg run" if arguments.path and not status else "camseg use IMAGES, then camseg run"
    print(f"{folder}: a project\n{again}{elsewhere}{steps}")
    return status


def require_data(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Refuse options of `use` without --data, which would do nothing, and a folder that is not there."""
    given = [name for name, value in vars(arguments).items() if value != parser.get_default(name)]
    others = [name for name in given if name not in ("folder", "debug")]
    if arguments.path is None and others:
        raise UserError(f"--{others[0].replace('_', '-')}: expected --data IMAGES too, got none")
    if arguments.path is not None and not arguments.path.is_dir():
        raise UserError(f"--data {arguments.path}: expected a folder of images, got none. Check the path")


def write_project(folder: Path) -> None:
    """Write the files of a project that `folder` lacks.

    Raises:
        UserError: the folder holds other things and no project.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: expected a folder, got a file. Name another one")
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if found and not {"dvc.yaml", "params.yaml"} <= set(found):
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UserError(
            f"{folder}: expected a new or an empty folder, got {', '.join(found[:SHOWN])}{more}. Name "
            "another one, and give your images with --data"
        )
    for name, template in PROJECT.items():
        if not (folder / name).exists():
            write_bytes(folder / name, (TEMPLATES / template).read_bytes())


def _from_anywhere(value: str | None) -> str | None:
    """The absolute path of a file; a name stays."""
    return str(Path(value).absolute()) if value and Path(value).is_file() else value
