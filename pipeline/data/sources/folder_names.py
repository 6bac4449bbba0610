"""Names of folders that say what kind of files lie in them, and so are no classes."""

import re

IMAGES = (
    "images image imgs img photos photo pictures picture pics pic jpg jpgs jpeg jpegs jpegimages png pngs tif"
    " tiff tiffs bmp input inputs original originals rgb raw data dataset datasets files"
)
MASKS = (
    "masks mask labels label annotations annotation annots annot groundtruth groundtruths gt gts truth seg"
    " segs segmentation segmentations segmentationclass labelmask labelmasks maskimages target targets"
)
OTHERS = (
    "xml json txt csv unlabelled unlabeled pred preds prediction predictions output outputs result results"
)
IMAGE_FOLDERS, MASK_FOLDERS = frozenset(IMAGES.split()), frozenset(MASKS.split())
KINDS = IMAGE_FOLDERS | MASK_FOLDERS | frozenset(OTHERS.split())


def is_image_folder(name: str) -> bool:
    """Whether a folder is called like `images`."""
    return plain(name) in IMAGE_FOLDERS


def is_mask_folder(name: str) -> bool:
    """Whether a folder is called like `masks` or `ground_truth`."""
    return plain(name) in MASK_FOLDERS


def is_kind_of_file(name: str) -> bool:
    """Whether a folder is called like a kind of files: `images`, `labels`, `pred`."""
    return plain(name) in KINDS


def plain(name: str) -> str:
    """The letters of a name, small: `Ground_Truth` and `groundTruth` are one."""
    return re.sub(r"[\W\d_]+", "", name).casefold()
