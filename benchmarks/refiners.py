"""CPU seconds of each refiner of masks per megapixel, beside those of the CRF: for the estimate of a run.

    python -m benchmarks.refiners FOLDER [--images 5] [--side 512]

FOLDER has photos. One process and one thread work; the labels are an object in the middle and the background.
The CRF is measured before and after the others, since other processes slow all of them down.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from pipeline.base.process import prepare_process
from pipeline.base.spaced import spaced
from pipeline.data.arrays import Probabilities
from pipeline.data.images import ImageArray, read_shrunk_image
from pipeline.data.sources.listing import images_below
from pipeline.masks.crf import dense_crf
from pipeline.masks.pixel_adaptive import pixel_adaptive
from pipeline.masks.pixel_classifier import pixel_features, train_pixel_classifier
from pipeline.masks.segments import by_superpixels
from pipeline.params import load_params

LABELS, DRAWN = 2, 1000  # ids; pixels of each image that the pixel classifier learns from
Refine = Callable[[ImageArray, Probabilities], object]


def main() -> None:
    """Measure the refiners of params.yaml and print a line for each."""
    parser = argparse.ArgumentParser("benchmarks.refiners", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--side", type=int, default=512, help="pixels of the longer side")
    given = parser.parse_args()
    prepare_process()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    names = spaced(images_below(given.folder, []), given.images)
    images = [read_shrunk_image(given.folder / name, given.side)[0] for name in names]
    for name, refine in refiners(images).items():
        print(f"{name:28} {np.median(seconds(refine, images)):.4f} s per megapixel", flush=True)


def refiners(images: Sequence[ImageArray]) -> dict[str, Refine]:
    """The refiners by what is measured of them."""
    params = load_params().pseudo_masks
    features = np.concatenate([spaced(pixel_features(image), DRAWN) for image in images])
    ids = (np.arange(len(features)) % LABELS).astype(np.uint8)
    classifier = train_pixel_classifier(features, ids, LABELS, seed=0)
    once = params.par.model_copy(update={"iterations": 1})
    return {
        "crf": lambda image, p: dense_crf(image, p, params.crf),
        "par": lambda image, p: pixel_adaptive(image, p, params.par),
        "par, one iteration": lambda image, p: pixel_adaptive(image, p, once),
        "segments": lambda image, p: by_superpixels(image, p, params.segments),
        "pixels, before the crf": lambda image, _: classifier.log_likelihoods(pixel_features(image)),
        "crf again": lambda image, p: dense_crf(image, p, params.crf),
    }


def seconds(refine: Refine, images: Sequence[ImageArray]) -> list[float]:
    """CPU seconds per megapixel of each image; libraries are loaded before."""
    refine(images[0], heat_in_the_middle(images[0]))
    found = []
    for image in images:
        probabilities = heat_in_the_middle(image)
        began = time.process_time()
        refine(image, probabilities)
        found.append((time.process_time() - began) / (image.shape[0] * image.shape[1] / 1e6))
    return found


def heat_in_the_middle(image: ImageArray) -> Probabilities:
    """Probabilities of the background and of an object in the middle, float32 (2, H, W)."""
    height, width = image.shape[:2]
    y, x = np.mgrid[-2 : 2 : height * 1j, -2 : 2 : width * 1j]
    heat = 0.02 + 0.9 * np.exp(-(y**2) - x**2)
    return np.stack([1 - heat, heat]).astype(np.float32)


if __name__ == "__main__":
    main()
