"""Heatmaps of the training images by every method, and what tells the size of their objects."""

from dataclasses import asdict, replace
from pathlib import Path

from pipeline import paths
from pipeline.base.work_folder import once
from pipeline.classifier.network import Classifier, load_classifier
from pipeline.data.manifest import Manifest
from pipeline.engine.batch_norm_folding import fold_batch_norm
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.processes import group
from pipeline.heatmaps.cell_evidence import measure_evidence
from pipeline.heatmaps.dataset import HeatmapMaker, make_heatmaps
from pipeline.heatmaps.evidence import EVIDENCE, Evidence, read_evidence, write_evidence
from pipeline.heatmaps.walk_features import make_walk_features
from pipeline.params import Params
from pipeline.workflows.classifier_target import classifier_target
from pipeline.workflows.object_colours import own_colour_share
from pipeline.workflows.object_size import tells_sizes


def heatmap_classifier() -> Classifier:
    """The classifier of the project as heatmaps are made of it: averaged, folded, on the device."""
    net = load_classifier(paths.CLASSIFIER).averaged()
    fold_batch_norm(net.encoder)
    return to_channels_last(net, pick_device())


def write_heatmaps(manifest: Manifest, params: Params, work: Path) -> dict[str, Path]:
    """Write the heatmaps of each method, and the evidence, to a folder of `work`; returns them by method."""
    section, long_side = params.heatmaps, params.working_side()
    folders = {str(method): work / method for method in section.methods}
    net, train = heatmap_classifier(), manifest.split("train")
    sized = tells_sizes(manifest, section.objects) and group().rank == 0
    if sized:
        found = once(
            work / EVIDENCE, lambda: asdict(measure_evidence(net, manifest, train, section, long_side))
        )
        write_evidence(folders.values(), Evidence(**found))
    features = make_walk_features(section.walk)
    if features is not None:
        to_channels_last(features, pick_device())
    target, tile = classifier_target(net), params.tile_side()
    maker = HeatmapMaker(net, target, net.encoder, section, long_side, manifest.background, tile, features)
    make_heatmaps(maker, manifest, train, folders)
    if sized:
        for heat in folders.values():
            add_own_colours(manifest, heat)
    return folders


def add_own_colours(manifest: Manifest, heat: Path) -> None:
    """Let the colours of the classes say what their cells leave open, in the evidence beside the heatmaps."""
    evidence = read_evidence(heat)
    if evidence is not None and evidence.is_open:
        share = own_colour_share(manifest, heat, evidence.area)
        write_evidence([heat], replace(evidence, own_colours=share))
