"""Where the stages find each other's files, relative to the project."""

from pathlib import Path

PREPARED = Path("data/prepared")
COPIES = PREPARED / "images"  # NAME.jpg: smaller copies of the images above data.max_side
HEATMAPS = Path("data/heatmaps")  # one folder per method
MASKS = Path("data/masks")  # one folder per supervision: a method, a self-training round, or `full`
GROUND_TRUTH = MASKS / "full"
CORRECTED = MASKS / "corrected"  # a sample was corrected if its mask is here
BY_HAND = "corrected.txt"  # in a folder of masks: the names of the corrected samples
CORRECTIONS = Path("data/corrections")  # what `camseg corrections` keeps
REJECTED = "rejected.txt"  # in a folder of masks: the names of samples whose mask trains no model
REVIEW = Path("data/review")  # what people decided on masks and labels
DECISIONS = REVIEW / "decisions.csv"
ADDED_GROUND_TRUTH = Path(
    "data/ground_truth"
)  # what `camseg ground-truth` keeps: masks that score and never train
ATTENTION = Path("data/attention")  # corrected masks that the classifier is trained with
PREDICTIONS = Path("data/predictions")  # one folder per supervision
CLASSIFIER = Path("models/classifier")
SEGMENTATION = Path("models/segmentation")  # one folder per supervision
HELD_OUT = "held_out.txt"  # in PREPARED: names of training images that no training learns from, if any
PROBLEMS = "problems.txt"  # in PREPARED: warnings and the files that were left out
SKIPPED = "skipped.txt"  # in the place of a model that has no masks to train on
REPORTS = Path("reports")
CODE = REPORTS / "code"  # STAGE.txt: digests of the code that the stage imports
REVIEW_PAGE = REPORTS / "review"  # written by `camseg review`, no output of a stage
DIAGNOSIS = REPORTS / "diagnosis"
SECONDS = REPORTS / "seconds"  # of each stage; they differ from run to run, so DVC does not see them
