"""Where networks run, and in which precision."""

import pytest
import torch

from pipeline.engine.device import device_name, has_fast_bfloat16, pick_device

CPU = torch.device("cpu")


def test_the_environment_picks_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSEG_DEVICE", "meta")
    assert pick_device() == torch.device("meta")


def test_each_process_of_a_machine_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "zeros", lambda *_, **__: None)  # there may be no GPU
    monkeypatch.setenv("LOCAL_RANK", "3")
    for given, taken in (("cuda", "cuda:3"), ("cuda:1", "cuda:1"), ("cpu", "cpu")):
        monkeypatch.setenv("CAMSEG_DEVICE", given)
        assert pick_device() == torch.device(taken)


@pytest.mark.parametrize(
    ("capabilities", "allowed", "fast"),
    [
        ({"avx512_bf16": True, "amx_bf16": True}, None, True),  # in another program, which has not set it
        ({"avx512_bf16": True, "amx_bf16": True}, "AVX512_CORE_AMX", True),
        ({"avx512_bf16": True, "amx_bf16": True}, "AVX512_CORE_BF16", False),
        ({"avx512_bf16": True, "amx_bf16": False}, "AVX512_CORE_AMX", False),
        ({"bf16": True}, "AVX512_CORE_BF16", True),  # ARM
        ({}, "AVX512_CORE_BF16", False),
    ],
)
def test_bfloat16_only_where_the_processor_has_tiles_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], allowed: str | None, fast: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if allowed:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", allowed)
    assert has_fast_bfloat16(CPU) == fast
    assert device_name(CPU) == f"cpu, {'bfloat16' if fast else 'float32'}"
