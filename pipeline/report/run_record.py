"""When, where and from what a page was made, and what changed against the page before.

These facts differ from run to run, so no output of a stage holds them: `reports/runs.json` and
`reports/run.html` lie beside the page, and DVC does not see them. The page itself has the same bytes for the
same results.
"""

import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.base.files import read_json, write_json, write_text
from pipeline.report.template import render_template

MOST_RUNS = 20  # that are kept
DETAILS = ("findings", "iou_per_class", "vetoes")  # of the summary: too much to compare

RunRecord = dict[str, Any]


def make_record(
    params: Mapping[str, Any], summary: Mapping[str, Any], seconds: Path, device: str
) -> RunRecord:
    """The facts of the run that ends now.

    Args:
        seconds: the folder with a JSON file for each stage.
    """
    taken = {file.stem: read_json(file)["seconds"] for file in sorted(seconds.glob("*.json"))}
    return {
        "date": datetime.now(UTC).isoformat(" ", "seconds"),
        "camseg": version("camseg"),
        "commit": commit(),
        "device": device,
        "seconds": taken,
        "params": dict(flat(params)),
        "scores": dict(flat(summary)),
    }


def write_record(folder: Path, record: RunRecord) -> list[str]:
    """Add `record` to `runs.json` and write `run.html`; returns what changed against the run before."""
    file = folder / "runs.json"
    before: list[RunRecord] = read_json(file) if file.is_file() else []
    changes = list(changed(before[-1], record)) if before else []
    write_json(file, [*before, record][-MOST_RUNS:])
    last = before[-1]["date"] if before else None
    page = render_template("run_record.html", record=record, changes=changes, last=last)
    write_text(folder / "run.html", page)
    return changes


def changed(before: RunRecord, now: RunRecord) -> Iterator[str]:
    """A line for each param and each score that is not as before, params first."""
    for part in ("params", "scores"):
        for key in sorted(before[part].keys() | now[part].keys()):
            old, new = before[part].get(key), now[part].get(key)
            if old != new:
                yield f"{key}: {old} -> {new}"


def flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    """The values of nested mappings under dotted names; lists as text, without `DETAILS`."""
    for key, value in values.items():
        if key in DETAILS:
            continue
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}.")
        else:
            yield name, str(list(value)) if isinstance(value, list | tuple) else value


def commit() -> str | None:
    """The commit of the project, with `+` where files differ from it; None without git or a repository."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
