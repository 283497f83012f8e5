"""What a training runs on."""

import torch

from digitsmith.errors import ConfigError


def find_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise _no_device(name) from error
    if device.type not in ("cpu", "cuda"):
        raise _no_device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise ConfigError(
            f"{name}: torch finds {found} CUDA GPUs here; use cpu, or a CUDA build of torch.", parameter="device"
        )
    return device


def _no_device(name: str) -> ConfigError:
    return ConfigError(f"{name}: use auto, cpu, cuda or cuda:N.", parameter="device")


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
