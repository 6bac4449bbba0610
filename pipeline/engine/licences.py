"""The licence of the weights that an encoder starts from: what it asks may hold for the trained model too.

timm says the licence of its weights in their `pretrained_cfg`. Of the weights of segmentation-models-pytorch,
the table names those that are known. This is no legal advice: the page of the weights has the last word.
"""

NO_WEIGHTS = "no pretrained weights"
UNKNOWN = "unknown"

# Of weights that segmentation-models-pytorch calls `imagenet`, by the beginning of the encoder's name.
OF_ENCODERS = {
    "resnet": "bsd-3-clause",  # of torchvision
    "mobilenet_v2": "bsd-3-clause",  # of torchvision
    "vgg": "bsd-3-clause",  # of torchvision
    "efficientnet-b": "apache-2.0",
    "mobileone_": "mobileone-license",
    "mit_b": "nvidia-source-code-license",  # SegFormer
}
NON_COMMERCIAL = ("cc-by-nc", "apple-amlr", "fair-noncommercial", "fastvit", "nvidia-source-code", "seer")
PASSES_ON = ("dinov3",)  # the licence says so of what is made with the weights


def weights_licence(encoder: str, weights: str) -> str:
    """The licence of the weights, as timm or the table writes it; `unknown`, or that there are none.

    Args:
        encoder: as in `make_encoder`.
        weights: `pretrained`, `none`, or a path: of a file nothing is known.
    """
    if weights == "none":
        return NO_WEIGHTS
    if weights != "pretrained":
        return UNKNOWN
    if not encoder.startswith("tu-"):
        return next((named for start, named in OF_ENCODERS.items() if encoder.startswith(start)), UNKNOWN)
    import timm  # here, since it loads torch

    config = timm.get_pretrained_cfg(encoder.removeprefix("tu-"), allow_unregistered=True)
    return (config and config.license) or UNKNOWN


def known_without_timm(encoder: str, weights: str) -> bool:
    """Whether `weights_licence` answers at once: timm takes seconds to load."""
    return weights != "pretrained" or not encoder.startswith("tu-")


def licence_advice(licence: str) -> str:
    """What a licence means for a model that starts from the weights, in a sentence."""
    if licence == NO_WEIGHTS:
        return f"{licence}."
    if licence == UNKNOWN:
        return "unknown. Find out before you use or give away the model."
    if licence.startswith(NON_COMMERCIAL):
        return f"{licence}. It allows no commercial use."
    if licence.startswith(PASSES_ON):
        return f"{licence}. It passes on to the trained model, with its terms."
    return f"{licence}."
