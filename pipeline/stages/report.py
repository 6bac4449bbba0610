"""The report: one page, panels and plots for DVC, and a summary of the run in numbers."""

from pipeline import paths
from pipeline.base.files import write_json, write_text
from pipeline.data.manifest import read_manifest
from pipeline.engine.device import device_name, pick_device
from pipeline.heatmaps.evidence import Evidence, read_evidence
from pipeline.params import Params, default_masks, default_method, load_params
from pipeline.report.added_scores import added_lines
from pipeline.report.diagnosis_table import read_examples
from pipeline.report.dvc_plots import write_panels, write_plots
from pipeline.report.frame_shares import frame_shares
from pipeline.report.image_panels import issue_thumbnails, make_rows
from pipeline.report.page import PageFacts, render_page
from pipeline.report.results import read_results
from pipeline.report.run_record import make_record, write_record
from pipeline.report.summary import summarise, summary_table
from pipeline.report.verdict_text import verdict_lines
from pipeline.stages.running import run_stage
from pipeline.workflows.added_ground_truth import score_added
from pipeline.workflows.leading_round import find_lead
from pipeline.workflows.refinement import choosing_masks
from pipeline.workflows.verdict import find_vetoes

NAME = "report"
PAGE = paths.REPORTS / "index.html"
HOW = {"auto": "chosen without masks", "calibrated": "chosen with the corrected masks"}  # the threshold


def main() -> None:
    """Read all stages' results, write `reports/index.html`, `panels`, `plots` and `summary.json`."""
    params = load_params()
    manifest = read_manifest(paths.PREPARED)
    added = score_added(manifest, params)
    lead, rounds = find_lead(params), tuple(params.self_training.rounds)
    supervision = lead.supervision
    results = read_results(paths.REPORTS, params.heatmaps.methods, supervision, rounds)
    method = default_method(params.heatmaps.methods, supervision)
    auto = params.pseudo_masks.refine == "auto"
    how = how_chosen(params.pseudo_masks.threshold, method, by_masks=auto and bool(choosing_masks(manifest)))
    rows = make_rows(manifest, results, params)
    write_panels([row for section in rows.values() for row in section])
    write_plots(results)
    examples = read_examples(paths.DIAGNOSIS, results.diagnosis)
    vetoes = find_vetoes(manifest, params)
    facts = PageFacts(
        added=added,
        shares=frame_shares(manifest, paths.MASKS / default_masks(params.heatmaps.methods, supervision)),
        issues=issue_thumbnails(manifest, results, params.report.images),
        seed=params.seed,
        why=lead.why,
    )
    write_text(PAGE, render_page(results, manifest, rows, examples, vetoes, facts, how, read_problems()))
    summary = summarise(results, vetoes, added)
    write_json(paths.REPORTS / "summary.json", summary)
    everything = Params.model_dump(params, mode="json")  # for the record, which is no output of the stage
    record = make_record(everything, summary, paths.SECONDS, device_name(pick_device()))
    write_record(paths.REPORTS, record)
    told = [summary_table(results, how), lead.why, added_lines(added), verdict_lines(vetoes), f"open {PAGE}"]
    print("", *filter(None, told), sep="\n\n")


def how_chosen(threshold: str | float, method: str, *, by_masks: bool = False) -> str:
    """Where the threshold of a method comes from.

    Args:
        by_masks: whether corrected masks chose among the thresholds that `auto` knows.
    """
    if not isinstance(threshold, str):
        return "given in params.yaml"
    if by_masks:
        return HOW["calibrated"]
    evidence = read_evidence(paths.HEATMAPS / method)
    if threshold == "auto" and evidence is not None and evidence.small:
        unlike = f"at most {how_much(evidence)} looks unlike images without the class"
        return f"{HOW['auto']}, for small objects: {unlike}"
    return HOW[threshold]


def how_much(evidence: Evidence) -> str:
    """The area of small objects, and how far other images of the same kind might move it."""
    low, high = f"{evidence.area_low:.1%}", f"{evidence.area_high:.1%}"
    unsure = ", so it is unsure: more images without the class help" if evidence.unsure else ""
    return f"{evidence.area:.1%} of an image ({low} to {high} with other images{unsure})"


def read_problems() -> list[str]:
    """The warnings of `prepare`, one line each."""
    file = paths.PREPARED / paths.PROBLEMS
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


if __name__ == "__main__":
    run_stage(NAME, main)
