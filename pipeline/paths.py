"""Where the stages find each other's files, relative to the project."""

from pathlib import Path

PREPARED = Path("data/prepared")
HEATMAPS = Path("data/heatmaps")  # one folder per method
MASKS = Path(
    "data/masks"
)  # one folder per supervision: pseudo-masks of a method, or `full`: the ground-truth masks
GROUND_TRUTH = MASKS / "full"
CORRECTED = MASKS / "corrected"  # a sample that has a mask here was corrected by hand
BY_HAND = "corrected.txt"  # in a folder of masks: the names of those that a human made
CORRECTIONS = Path("data/corrections")  # what `camseg corrections` keeps
ATTENTION = Path("data/attention")  # corrected masks that the classifier is trained with
PREDICTIONS = Path("data/predictions")  # one folder per supervision
CLASSIFIER = Path("models/classifier")
SEGMENTATION = Path("models/segmentation")  # one folder per supervision
PROBLEMS = "problems.txt"  # in PREPARED: warnings, and the files that were left out
SKIPPED = "skipped.txt"  # stands in the place of a model where there are no masks to train on
REPORTS = Path("reports")
DIAGNOSIS = REPORTS / "diagnosis"
SECONDS = REPORTS / "seconds"  # how long each stage took; differs from run to run, so DVC does not see it
