"""Train the classifier on image-level labels, score it on `val`, and list the label issues it finds."""

from pipeline import paths
from pipeline.base.work_folder import publish
from pipeline.classifier.classifier_training import train_classifier
from pipeline.classifier.network import make_classifier, save_classifier
from pipeline.data.held_out import read_held_out
from pipeline.data.manifest import read_manifest
from pipeline.engine.random_seed import seed_everything
from pipeline.engine.training_loop import write_curve
from pipeline.params import load_params, weights_file
from pipeline.stages.running import run_stage
from pipeline.workflows.classifier_scores import score_classifier
from pipeline.workflows.network_work_folder import network_work_folder

NAME = "train_classifier"
REPORTS = paths.REPORTS / "classifier"


def main() -> None:
    """Read `data/prepared` and `data/attention`, write `models/classifier` and `reports/classifier`."""
    params = load_params()
    manifest, long_side, tile = read_manifest(paths.PREPARED), params.working_side(), params.tile_side()
    held_out = read_held_out(paths.PREPARED)
    seed_everything(params.seed)
    net = make_classifier(params.classifier, manifest.classes, manifest.reading, tile)
    work = network_work_folder(
        NAME,
        __file__,
        seed=params.seed,
        long_side=long_side,
        tile=tile,
        params=params.classifier,
        weights=weights_file(params.classifier.weights),
        masks=paths.ATTENTION,
        held_out=sorted(held_out),
    )
    curve = train_classifier(net, manifest, held_out, paths.ATTENTION, params, work / "checkpoint.pt")
    score_classifier(net, manifest, long_side, REPORTS, work / "probabilities")
    save_classifier(work / "model", net)
    write_curve(REPORTS, curve)
    publish(NAME, {work / "model": paths.CLASSIFIER})


if __name__ == "__main__":
    run_stage(NAME, main, shared=True)
