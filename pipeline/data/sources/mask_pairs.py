"""Which mask belongs to which image, by the names of files and folders as public data sets have them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from unicodedata import normalize

from pipeline.data.sources.folder_names import IMAGE_FOLDERS, MASK_FOLDERS, is_image_folder, is_mask_folder

ARRAYS = (".npy", ".mat")  # files of masks that are no pictures
KINDS = {"mask": MASK_FOLDERS, "image": IMAGE_FOLDERS | {"sat"}}
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z]|annot$)")  # of `CameraSeg`, `trainannot`


def _word_pattern(words: Iterable[str]) -> re.Pattern[str]:
    """One of the words in front of a name or behind it, maybe with a number, and the signs between."""
    either = "|".join(sorted(words, key=len, reverse=True))
    return re.compile(rf"^(?:{either})(?:[\s_.-]+|$)|[\s_.-]+(?:{either})(?:_\d+)?$", re.IGNORECASE)


PATTERNS = {kind: _word_pattern(words) for kind, words in KINDS.items()}


@dataclass(frozen=True)
class MaskPairs:
    """Images and their masks."""

    masks: dict[str, str]  # file of the mask by file of the image
    without: tuple[str, ...]  # images without a mask
    unclear: tuple[str, ...]  # masks that belong to no image, or to an image that has one already


def pair_masks(files: Sequence[str]) -> MaskPairs:
    """The mask of each image among `files`, paths relative to the folder of the data.

    A mask lies in a folder that is called like `masks`, with the stem of its image, or it has a word more in
    its name (`x_mask.png` for `x.jpg`). The folders above are those of the image: `Tile 1/masks/a.png` is the
    mask of `Tile 1/images/a.jpg`.
    """
    masks = [name for name in files if _is_mask(name)]
    others = [name for name in files if not _is_mask(name)]
    by_key: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in others:
        for key in _image_keys(name):
            by_key[key].append(name)
    pairs: dict[str, str] = {}
    unclear = []
    for mask in masks:
        found = next((by_key[key] for key in _mask_keys(mask) if key in by_key), [])
        if len(found) == 1 and found[0] not in pairs:
            pairs[found[0]] = mask
        else:
            unclear.append(mask)
    images = [name for name in others if PurePosixPath(name).suffix.lower() not in ARRAYS]
    return MaskPairs(pairs, tuple(name for name in images if name not in pairs), tuple(unclear))


def is_with_masks(files: Sequence[str]) -> bool:
    """Whether most files that are called like masks belong to an image, and there are some."""
    pairs = pair_masks(files)
    return len(pairs.masks) > len(pairs.unclear)


def _is_mask(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        path.suffix.lower() in ARRAYS
        or _is_below_masks(path)
        or _without_word("mask", path.stem) != _without_word("image", path.stem) == path.stem
    )


def _is_below_masks(path: PurePosixPath) -> bool:
    """Whether the innermost folder with a meaning is one of masks: `train_masks`, `masks/train`."""
    for part in reversed(path.parts[:-1]):
        if is_mask_folder(part) or _without_word("mask", part) != part:
            return True
        if is_image_folder(part):
            return False
    return False


def _mask_keys(name: str) -> Iterable[tuple[str, str]]:
    """Folder and stem that the image of a mask may have, the likeliest first."""
    path = PurePosixPath(name)
    above = folder_key(path, "mask")
    for stem in dict.fromkeys((path.stem, _without_word("mask", path.stem))):
        yield above, _key(stem)


def _image_keys(name: str) -> Iterable[tuple[str, str]]:
    path = PurePosixPath(name)
    folders = {folder_key(path, kind) for kind in (None, "image")}
    return {
        (above, _key(stem)) for stem in (path.stem, _without_word("image", path.stem)) for above in folders
    }


def folder_key(path: PurePosixPath, kind: str | None) -> str:
    """The folders above a file, without what in their names says which kind of files lie there."""
    parts = [part for part in path.parts[:-1] if not is_image_folder(part) and not is_mask_folder(part)]
    return _key("/".join(filter(None, (_without_word(kind, part) if kind else part for part in parts))))


def pair_key(name: str) -> tuple[str, str]:
    """What an image and its file of annotations have in common: `folder_key` and stem."""
    path = PurePosixPath(name)
    return folder_key(path, None), path.stem


def _without_word(kind: str, name: str) -> str:
    """A name without the word that says what the file is: `x_mask`, `mask-x`, `CameraSeg`."""
    parted = HUMP.sub("_", name)
    rest = PATTERNS[kind].sub("", parted, count=1)
    return name if rest == parted else rest


def _key(name: str) -> str:
    return normalize("NFC", name).casefold()
