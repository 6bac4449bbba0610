"""The verdict in words: for the page, the terminal and the summary."""

from collections.abc import Sequence
from typing import Any

from pipeline.base.problems import printable
from pipeline.evaluation.veto import Level, Veto, verdict

MEANING: dict[Level, str] = {
    "fair": "Nothing that can be measured without ground truth speaks against this run.",
    "doubtful": "Look at the images before you use the masks or the model.",
    "useless": "Do not use the masks or the model as they are.",
}


def verdict_json(vetoes: Sequence[Veto]) -> dict[str, Any]:
    """The verdict and its vetoes, for `summary.json`."""
    return {
        "level": verdict(vetoes),
        "vetoes": [
            {"level": veto.level, "sentence": veto.sentence, "images": list(veto.images)} for veto in vetoes
        ],
    }


def verdict_lines(vetoes: Sequence[Veto]) -> str:
    """The verdict as text, a line for each veto and one for its images."""
    level = verdict(vetoes)
    lines = [f"verdict: {level}. {MEANING[level]}"]
    for veto in vetoes:
        lines.append(f"  {veto.level}: {veto.sentence}")
        lines += [f"    images: {', '.join(veto.images)}"] if veto.images else []
    return "\n".join(map(printable, lines))
