"""The error an engine died of, out of what it printed: lines as vLLM 0.32 prints them."""

from __future__ import annotations

import pytest

from spot_eval.models.vllm.crash_cause import LONGEST, cause

CORE = "(EngineCore pid=914) ERROR 11-24 14:10:15 [core.py:1207] "
OUTPUTS = {
    "the core's error, not the report of it": (
        f"(EngineCore pid=914) INFO 11-24 14:10:11 [core.py:101] Initializing a V1 LLM engine\n"
        f"{CORE}EngineCore failed to start.\n"
        f"{CORE}Traceback (most recent call last):\n"
        f'{CORE}  File "gpu_worker.py", line 88, in init_device\n'
        f"{CORE}    raise ValueError(\n"
        f"{CORE}ValueError: Free memory on device (1.2/79.1 GiB) is less than desired.\n"
        "(EngineCore pid=914) Process EngineCore:\n"
        "Traceback (most recent call last):\n"
        '  File "llm_engine.py", line 12, in __init__\n'
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}\n",
        "ValueError: Free memory on device (1.2/79.1 GiB) is less than desired.",
    ),
    "a module's name is left out": (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n"
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above).\n",
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    ),
    "pydantic says it later": (
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
        "  Value error, Unknown quantization method: bar. [type=value_error, input_value=ArgsKwargs()]\n"
        "    For further information visit the documentation\n",
        "ValidationError: Unknown quantization method: bar.",
    ),
    "pydantic names the field": (
        "ValidationError: 1 validation error for CacheConfig\n"
        "block_size\n"
        "  Input should be greater than 0 [type=greater_than, input_value=0, input_type=int]\n",
        "ValidationError: block_size: Input should be greater than 0",
    ),
    "a crash outside of Python": ("loading\nFatal Python error: Segmentation fault\n\nThread 0x1\n",
                                  "Fatal Python error: Segmentation fault"),
    "nothing wrong": ("INFO 11-24 14:10:15 [core.py:1] all is well, 0 errors\n", ""),
    "nothing at all": ("", ""),
}  # fmt: skip


@pytest.mark.parametrize(("output", "expected"), OUTPUTS.values(), ids=OUTPUTS)
def test_the_cause_is_found(output: str, expected: str) -> None:
    assert cause(output) == expected


def test_a_cause_is_no_longer_than_a_sentence_bears() -> None:
    assert len(cause("ValueError: " + "x" * 10_000)) == LONGEST + 1
