"""What is said of the licence of weights."""

import pytest
import timm

from pipeline.engine.licences import known_without_timm, licence_advice, weights_licence


@pytest.mark.parametrize(
    ("encoder", "weights", "licence"),
    [
        ("tu-resnet10t", "none", "no pretrained weights"),
        ("mit_b0", "none", "no pretrained weights"),
        ("tu-resnet10t", "weights/a.safetensors", "unknown"),
        ("resnet18", "a.pth", "unknown"),
        ("resnet18", "pretrained", "bsd-3-clause"),
        ("mobilenet_v2", "pretrained", "bsd-3-clause"),
        ("mit_b2", "pretrained", "nvidia-source-code-license"),
        ("xception", "pretrained", "unknown"),
        ("tu-swin_tiny_patch4_window7_224", "pretrained", "mit"),
        ("tu-convnextv2_atto", "pretrained", "cc-by-nc-4.0"),
        ("tu-convnext_tiny.dinov3_lvd1689m", "pretrained", "dinov3-license"),
        ("tu-convnext_tiny.in12k_ft_in1k", "pretrained", "apache-2.0"),
    ],
)
def test_licences(encoder: str, weights: str, licence: str) -> None:
    assert weights_licence(encoder, weights) == licence
    assert licence_advice(licence).startswith(f"{licence}.")


def test_timm_may_not_know_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for config in (None, timm.models.PretrainedCfg(license=None)):
        monkeypatch.setattr(timm, "get_pretrained_cfg", lambda *_, config=config, **__: config)
        assert weights_licence("tu-resnet10t", "pretrained") == "unknown"


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        ("cc-by-nc-4.0", "no commercial use"),
        ("apple-amlr", "no commercial use"),
        ("fair-noncommercial-research-license", "no commercial use"),
        ("nvidia-source-code-license", "no commercial use"),
        ("dinov3-license", "passes on to the trained model"),
        ("unknown", "Find out"),
    ],
)
def test_what_a_licence_means(licence: str, words: str) -> None:
    assert words in licence_advice(licence)


@pytest.mark.parametrize("licence", ["mit", "apache-2.0", "bsd-3-clause"])
def test_permissive_licences_stand_alone(licence: str) -> None:
    assert licence_advice(licence) == f"{licence}."


def test_timm_is_asked_for_its_own_weights_alone() -> None:
    assert not known_without_timm("tu-resnet10t", "pretrained")
    assert known_without_timm("tu-resnet10t", "none")
    assert known_without_timm("tu-resnet10t", "a.pth")
    assert known_without_timm("resnet18", "pretrained")
