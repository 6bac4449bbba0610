"""Train the classifier on image-level labels, score it on `val`, and list the label issues it finds."""

from pipeline import paths
from pipeline.base.files import write_csv
from pipeline.base.work import publish, work_folder
from pipeline.classifier.classifier_training import train_classifier
from pipeline.classifier.network import make_classifier, save_classifier
from pipeline.data.manifest import read_manifest
from pipeline.engine.device import device_name, pick_device
from pipeline.engine.seed import seed_everything
from pipeline.params import load_params
from pipeline.stages.running import stage
from pipeline.workflows.classifier_scores import score_classifier

NAME = "train_classifier"


def main() -> None:
    """Read `data/prepared` and `data/attention`, write `models/classifier` and `reports/classifier`."""
    params = load_params()
    manifest = read_manifest(paths.PREPARED)
    seed_everything(params.seed)
    net = make_classifier(params.classifier, manifest.classes)
    work = work_folder(
        NAME,
        __file__,
        seed=params.seed,
        long_side=params.data.long_side,
        params=params.classifier,
        device=device_name(pick_device()),
        manifest=paths.PREPARED / "manifest.json",
        masks=paths.ATTENTION,
    )
    curve = train_classifier(net, manifest, paths.ATTENTION, params, work / "checkpoint.pt")
    save_classifier(work / "model", net)
    score_classifier(net, manifest, params.data.long_side, paths.REPORTS / "classifier")
    write_csv(paths.REPORTS / "classifier" / "curve.csv", ("step", "loss", "lr"), curve)
    publish(NAME, {work / "model": paths.CLASSIFIER})


if __name__ == "__main__":
    with stage(NAME):
        main()
