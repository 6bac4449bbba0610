"""`camseg download`: a data set of the field, for comparison."""

import argparse
import urllib.request
from pathlib import Path
from typing import Any

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
        description="Fetch PASCAL VOC 2012 with torchvision: photos, image-level labels and masks.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=("voc2012",), metavar="NAME", help="voc2012")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to put it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Download and unpack it below FOLDER, if it is not there yet."""
    # Here, since it loads torch.
    from torchvision.datasets import VOCSegmentation
    from torchvision.datasets.voc import DATASET_YEAR_DICT

    known = DATASET_YEAR_DICT["2012"]
    target = arguments.folder / known["base_dir"]
    if not (target / "Annotations").is_dir():
        if not (arguments.folder / known["filename"]).is_file():
            require_answer(known["url"])
        try:
            VOCSegmentation(str(arguments.folder), year="2012", image_set="trainval", download=True)
        except RuntimeError as error:  # a broken archive
            archive = arguments.folder / known["filename"]
            raise ValueError(f"{archive}: {error}. Delete it and try again.") from error
    print(f"{target}: complete\nnow run: camseg use {target}")
    return 0


def require_answer(url: str) -> None:
    """Ask the server for the file's head, where the download itself would wait and try again for minutes.

    Raises:
        ValueError: there is no answer within seconds.
    """
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=SECONDS):
            return
    except OSError as error:
        raise ValueError(
            f"{url}: cannot be reached ({error}). Check the network, or put the archive into FOLDER: "
            "it is then unpacked."
        ) from error
