"""`camseg review`: a page on which a person accepts, rejects and paints masks, which models learn from."""

import argparse
import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.base.problems import listed, printable
from pipeline.commands.parser import add_command
from pipeline.data.decisions import KINDS, Decision, read_decisions
from pipeline.data.manifest import Manifest, read_manifest
from pipeline.errors import UserError
from pipeline.params import Params, default_masks, default_method, default_supervision, load_params, method_of
from pipeline.workflows.leading_round import find_lead

EXAMPLES = """
The page shows all training and val images: a wall of small images, and one large. Each training image is
accepted (a), rejected (r), painted, or its label is wrong (w); the key ? lists all keys. Accepted and painted
masks become corrections: models are trained on them with full weight, and no score counts them. Rejected
masks train no model. data/review/wrong_labels.csv lists wrong labels for their owner, and their masks train
no model until the labels are changed. Keep data/review and data/corrections under version control.

`camseg review` serves the page to browsers on this machine and keeps each decision at once. `camseg review
build` writes reports/review/index.html alone. Opened from disk, that page gives a file with the decisions to
download, and `camseg review apply` takes it.

examples:
  camseg review
  camseg review --masks cam --no-browser --port 8765
  camseg review build
  camseg review apply Downloads/decisions.json
  camseg run
"""


@dataclass(frozen=True)
class Page:
    """The page as it was built."""

    manifest: Manifest
    source: Any  # ReviewSource: its module takes a second to load
    names: Sequence[str]  # of its images in their order


def add_parser(commands: Any) -> None:
    parser = add_command(
        commands, "review", serve, "look at all masks, accept, reject and paint them", EXAMPLES
    )
    add_masks_option(parser)
    parser.add_argument("--port", type=int, default=0, help="of the page (default: a free one)")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open no browser")
    actions = parser.add_subparsers(metavar="ACTION")
    add_masks_option(add_command(actions, "build", build, "write the page to reports/review", EXAMPLES))
    apply = add_command(actions, "apply", apply_file, "take the decisions that the page from disk saved")
    apply.add_argument("file", type=Path, metavar="FILE", help="the file that the page gave to download")


def add_masks_option(parser: argparse.ArgumentParser) -> None:
    help = "the folder in data/masks to decide on (default: what the leading model learns from)"
    parser.add_argument("--masks", metavar="NAME", default=argparse.SUPPRESS, help=help)


def serve(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    from pipeline.commands.decide import Decider
    from pipeline.commands.review_server import ReviewServer

    page = build_page(arguments)
    order = {name: number for number, name in enumerate(page.names)}
    with ReviewServer(Decider(page.manifest, page.source), order, arguments.port) as server:
        print(f"open {server.address}\nEach decision is kept at once. Ctrl-C ends the page.", flush=True)
        if not arguments.no_browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(f"\n{summary()}\nnow run: camseg run")
    return 0


def build(arguments: argparse.Namespace) -> int:
    """Write the page."""
    build_page(arguments)
    print(f"open {paths.REVIEW_PAGE / 'index.html'}")
    return 0


def apply_file(arguments: argparse.Namespace) -> int:
    """Do what the decisions of a file say; 1 if some of them do not fit any more."""
    from pipeline.commands.decide import Decider, read_decision_file

    params, manifest = load_params(), read_manifest(paths.PREPARED)
    masks, decisions = read_decision_file(arguments.file)
    decider, refused = Decider(manifest, find_review_source(params, manifest, masks)), list[str]()
    for raw in decisions:
        try:
            decider.decide(raw)
        except UserError as error:
            refused.append(str(error))
    for line in refused:
        print(f"camseg: {printable(line)}", file=sys.stderr)
    print(f"{len(decisions) - len(refused)} decision(s) taken, {len(refused)} refused\n{summary()}")
    print("now run: camseg run")
    return 1 if refused else 0


def build_page(arguments: argparse.Namespace) -> Page:
    """Write what is missing of the page, with the decisions so far."""
    from pipeline.report.review_page import build_review, write_decided

    params, manifest = load_params(), read_manifest(paths.PREPARED)
    asked = getattr(arguments, "masks", None)
    source = find_review_source(params, manifest, asked)
    if not asked and (why := find_lead(params).why):
        print(why, file=sys.stderr)
    names = build_review(paths.REVIEW_PAGE, source, manifest)
    shown = sum(sample.split != "test" for sample in manifest.samples)
    if len(names) < shown:
        print(f"The page shows the {len(names)} least sure of {shown} images", file=sys.stderr)
    decisions = read_decisions(paths.DECISIONS)
    warn_of_unknown(manifest, decisions.values())
    write_decided(paths.REVIEW_PAGE, decisions.values())
    return Page(manifest, source, names)


def find_review_source(params: Params, manifest: Manifest, asked: str | None) -> Any:
    """What the page shows: the masks `asked` for, else those that the leading model learns from, if made."""
    from pipeline.report.review_images import ReviewSource

    methods, supervision = params.heatmaps.methods, find_lead(params).supervision
    method = default_method(methods, supervision)
    known = sorted(p.name for p in paths.MASKS.iterdir() if p.is_dir()) if paths.MASKS.is_dir() else []
    known = [name for name in known if paths.MASKS / name not in (paths.GROUND_TRUTH, paths.CORRECTED)]
    first = [
        n for n in (asked, *([] if asked else [default_masks(methods, supervision), method])) if n in known
    ]
    if not first:
        expected = f"one of {listed(known)}" if known else "pseudo-masks"
        raise UserError(f"{paths.MASKS}: expected {expected}, got no {asked or method!r}. Run `camseg run`")
    model = default_supervision(supervision)
    megapixels = params.data.max_megapixels
    return ReviewSource(manifest.without_samples(), first[0], method_of(first[0]), model, megapixels)


def warn_of_unknown(manifest: Manifest, decisions: Any) -> None:
    """Name decisions on images that the data set no longer has."""
    names = {sample.name for sample in manifest.samples}
    gone = [printable(decision.name) for decision in decisions if decision.name not in names]
    if gone:
        advice = f"Take their lines out of {paths.DECISIONS}"
        print(
            f"warning: {len(gone)} decision(s) on images that are gone: {listed(gone)}. {advice}",
            file=sys.stderr,
        )


def summary() -> str:
    """How many images were decided on, and how."""
    decisions: list[Decision] = list(read_decisions(paths.DECISIONS).values())
    counts = {kind: sum(decision.decision == kind for decision in decisions) for kind in KINDS}
    return f"{len(decisions)} image(s) decided: " + ", ".join(f"{n} {kind}" for kind, n in counts.items())
