"""`camseg download`: a data set of the field, for comparison."""

import argparse
import urllib.request
from pathlib import Path
from typing import Any

from pipeline.commands.outputs import new_folder
from pipeline.errors import UserError

SECONDS = 5  # for an answer of the server

EXAMPLES = """
example:
  camseg download voc2012 data/voc     # 2 GB; then: camseg use data/voc/VOCdevkit/VOC2012
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "download",
        help="fetch a data set: voc2012",
        description="Fetch PASCAL VOC 2012 with torchvision: images, image-level labels and masks.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=("voc2012",), metavar="NAME", help="voc2012")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to put it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Download and unpack it below FOLDER, if it is not there yet.

    Raises:
        ValueError: the server cannot be reached, or what it sent is broken.
    """
    from torchvision.datasets.voc import DATASET_YEAR_DICT  # here, since it loads torch

    known, folder = DATASET_YEAR_DICT["2012"], arguments.folder
    target = folder / known["base_dir"]
    if not (target / "Annotations").is_dir():
        fetch(known["url"], folder / known["filename"], known["md5"])
        unpack_download(folder / known["filename"], folder, known["base_dir"])
    print(f"{target}: complete\nnow run: camseg use {target}")
    return 0


def fetch(url: str, archive: Path, md5: str) -> None:
    """Download the archive, if it is not there whole.

    Raises:
        ValueError: see `run`.
    """
    from torchvision.datasets.utils import check_integrity, download_url

    if check_integrity(str(archive), md5):
        return
    require_answer(url)
    try:
        download_url(url, str(archive.parent), archive.name, md5)
    except (RuntimeError, OSError) as error:
        raise UserError(f"{archive}: {error} Delete it and try again.") from error


def unpack_download(archive: Path, folder: Path, base: str) -> None:
    """Unpack `base` of the archive to `folder`: all of it, or after an interruption none."""
    from torchvision.datasets.utils import extract_archive

    with new_folder(folder / base) as scratch:
        extract_archive(str(archive), str(scratch))
        for part in list((scratch / base).iterdir()):
            part.rename(scratch / part.name)
        (scratch / base).rmdir()
        (scratch / base).parent.rmdir()


def require_answer(url: str) -> None:
    """Ask the server for the file's head, where the download itself would wait and try again for minutes.

    Raises:
        ValueError: there is no answer within seconds.
    """
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=SECONDS):
            return
    except OSError as error:
        raise UserError(
            f"{url}: cannot be reached ({error}). Check the network, or put the whole archive into FOLDER: "
            "it is then unpacked."
        ) from error
