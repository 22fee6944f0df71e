"""An adapter trained on the miniature is scored unmerged: what it writes, and what it finds likely."""

from __future__ import annotations

import json
from pathlib import Path

from spot_eval.core.files import read_json
from spot_eval.miniature import items
from spot_eval.miniature.teacher import solve
from tests.command_line import records, spot_eval


def test_an_adapter_of_the_miniature_beside_its_base(tmp_path: Path) -> None:
    with (tmp_path / "pairs.jsonl").open("w") as file:
        for item in items("mini_arithmetic", "train", 5, 16):
            right = solve(item)
            wrong = right[:-1] + str((int(right[-1]) + 1) % 10) if right[-1].isdigit() else f"{right}1"
            file.write(
                json.dumps({"id": item.prompt, "prompt": item.prompt, "chosen": right, "rejected": wrong}) + "\n"
            )
    trained = spot_eval(
        "train", "--objective", "spot-bce", "--model", "miniature", "--pairs", "pairs.jsonl", "-o", "better",
        "--lora-rank", "4", "--lr", "1e-2", "--steps", "4", "--device", "cpu", cwd=tmp_path,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    command = ["run", "--suite", "miniature-retain", "--limit", "6", "--engine-arg", "device=cpu"]
    both = spot_eval(*command, "--model", "miniature", "--adapter", "better/adapter", "--adapter", "none", "-o", "both",
                     cwd=tmp_path)  # fmt: skip
    assert both.returncode == 0, both.stderr
    assert "better" in both.stdout
    bare = spot_eval(*command, "--model", "miniature", "-o", "bare/run", cwd=tmp_path)
    assert bare.returncode == 0, bare.stderr
    runs = {read_json(path / "scoreboard.json")["model"]: path for path in (tmp_path / "both").iterdir()}
    base, adapted = (runs[name] for name in sorted(runs))
    assert "+" in read_json(adapted / "scoreboard.json")["model"]
    assert likely(base) == likely(tmp_path / "bare" / "run")
    assert likely(adapted).keys() == likely(base).keys()
    assert all(logprobs != likely(base)[doc] for doc, logprobs in likely(adapted).items())
    keys = {one["key"] for one in records(adapted)}
    assert len(keys) == 12
    assert keys.isdisjoint(one["key"] for one in records(base)), "another model, other keys"


def likely(run: Path) -> dict[int, list[float]]:
    """Doc to the log-probability of each choice."""
    asked = [one for one in records(run) if one["task"] == "mini_choices"]
    assert len(asked) == 6
    return {one["doc_id"]: [choice["logprob"] for choice in one["choices"]] for one in asked}
