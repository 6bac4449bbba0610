"""`camseg download`: fetches and unpacks PASCAL VOC 2012."""

import argparse
import urllib.request
from pathlib import Path
from typing import Any

from pipeline.commands.outputs import new_folder
from pipeline.commands.parser import add_command
from pipeline.errors import UserError

SECONDS = 5  # for an answer of the server

EXAMPLES = """
voc2012 is PASCAL VOC 2012 with its images, image-level labels and masks. torchvision fetches it.

example:
  camseg download voc2012 data/voc     # 2 GB; then: camseg use data/voc/VOCdevkit/VOC2012
"""


def add_parser(commands: Any) -> None:
    parser = add_command(commands, "download", run, "fetch a data set: voc2012", EXAMPLES)
    parser.add_argument("name", choices=("voc2012",), metavar="NAME", help="voc2012")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to put the data set")


def run(arguments: argparse.Namespace) -> int:
    """Download the archive and unpack it below FOLDER, unless this was done before."""
    from torchvision.datasets.voc import DATASET_YEAR_DICT  # here, since it loads torch

    voc2012, folder = DATASET_YEAR_DICT["2012"], arguments.folder
    target, archive = folder / voc2012["base_dir"], folder / voc2012["filename"]
    if not (target / "Annotations").is_dir():
        fetch(voc2012["url"], archive, voc2012["md5"])
        unpack_download(archive, folder, voc2012["base_dir"])
    print(f"{target}: complete\nnow run: camseg use {target}")
    return 0


def fetch(url: str, archive: Path, md5: str) -> None:
    """Download the archive, unless all of it is there already."""
    from torchvision.datasets.utils import check_integrity, download_url

    if check_integrity(str(archive), md5):
        return
    require_answer(url)
    try:
        download_url(url, str(archive.parent), archive.name, md5)
    except (RuntimeError, OSError) as error:
        raise UserError(f"{archive}: {error} Delete it and try again.") from error


def unpack_download(archive: Path, folder: Path, base: str) -> None:
    """Unpack the folder `base` of the archive to `folder`; an interruption leaves nothing there."""
    from torchvision.datasets.utils import extract_archive

    with new_folder(folder / base) as scratch:
        extract_archive(str(archive), str(scratch))
        for part in list((scratch / base).iterdir()):
            part.rename(scratch / part.name)
        (scratch / base).rmdir()
        (scratch / base).parent.rmdir()


def require_answer(url: str) -> None:
    """Refuse a server that does not answer within seconds: the download would try again for minutes."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=SECONDS):
            return
    except OSError as error:
        raise UserError(
            f"{url}: cannot be reached ({error}). Check the network, or put the whole archive into FOLDER. "
            "The same command then unpacks it."
        ) from error
