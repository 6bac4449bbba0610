"""The files for `dvc plots show`: a panel for each image, confusion matrices, held-out images."""

from collections.abc import Sequence

from pipeline import paths
from pipeline.base.files import recreate_dir, safe_join, write_bytes
from pipeline.data.images import write_image
from pipeline.report.image_selection import Row
from pipeline.report.panel import draw_panel
from pipeline.report.plots import draw_confusion, draw_held_out, to_png
from pipeline.report.results import Results

PANELS, PLOTS = paths.REPORTS / "panels", paths.REPORTS / "plots"


def write_panels(rows: Sequence[Row]) -> None:
    """Write a PNG for each image; the folder is new, since `dvc plots show` takes all of its files."""
    recreate_dir(PANELS)
    for row in rows:
        write_image(safe_join(PANELS, f"{row.sample.name}.png"), draw_panel(row.tiles))


def write_plots(results: Results) -> None:
    """Write the curve of held-out images and the confusion matrix of each scored model, in a new folder."""
    recreate_dir(PLOTS)
    if results.held_out:
        write_bytes(PLOTS / "held-out.png", to_png(draw_held_out(results.held_out)))
    for name, confusion in results.confusion.items():
        if confusion.counts.any():
            write_bytes(PLOTS / f"confusion-{name}.png", to_png(draw_confusion(confusion)))
