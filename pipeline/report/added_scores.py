"""Scores on added ground truth in words: for the page and the terminal."""

from typing import Any

from pipeline.base.problems import printable
from pipeline.workflows.added_ground_truth import AddedScores

FEW = "too few images for its error"


def added_lines(added: AddedScores) -> str:
    """The scores as text, some lines for each split; empty without any."""
    lines = []
    for split, scores in added.items():
        lines.append(f"ground truth of {scores['images']} {split} image(s), against {scores['masks']}:")
        lines.append(f"  mIoU {with_error(scores)}; {halving(split, scores)}")
        lines += [f"  area of {name}: {text}" for name, text in area_texts(scores).items()]
    return "\n".join(map(printable, lines))


def with_error(scores: dict[str, Any]) -> str:
    """The mIoU and its standard error."""
    if scores["miou"] is None:
        return "cannot be told: no mask shows a class"
    error = scores["miou_standard_error"]
    return f"{scores['miou']:.3f} ± {error:.3f}" if error is not None else f"{scores['miou']:.3f}, {FEW}"


def halving(split: str, scores: dict[str, Any]) -> str:
    """How many more images would halve the error, and how many there are."""
    more, left = scores["more_images_halve_the_error"], scores["images_left"]
    have = f"{left} {split} images have no mask yet"
    return have if more is None else f"{more} more images would halve the error, {have}"


def area_texts(scores: dict[str, Any]) -> dict[str, str]:
    """How far the area of each class is from the true one in percent, by class."""
    texts = {}
    for name, error in scores["area_error"].items():
        spread = scores["area_standard_error"][name]
        beside = "" if spread is None else f" ± {100 * spread:.0f} %"
        texts[name] = "no image shows it" if error is None else f"{100 * error:+.0f} %{beside}"
    return texts
