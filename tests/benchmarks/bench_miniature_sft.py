"""A plain SFT+ run on the miniature: can a trained checkpoint move? 100 steps of 16 corrected answers.

    python tests/benchmarks/bench_miniature_sft.py [--rate 3e-4] [--model DIR] [--out DIR]

Elicits mistakes on train items, drops corrections with a change ratio above 0.6, trains on the others' tokens, and
prints the families before and after on a fresh test set. Exits with 1 where in-domain rises by less than 20 points,
or a family stands at the floor or the ceiling.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch
from miniature_mistakes import GAMMA, elicit

from spot_eval.miniature import BASE
from spot_eval.miniature.build import Document, loss_of, save
from spot_eval.miniature.chance import Chance
from spot_eval.miniature.profile import BANDS, profile, table
from trainer.lcs import change_ratio

STEPS, BATCH, PAIRS = 100, 16, 1_600
GAIN, FLOOR, CEILING = 0.20, 0.05, 0.985


def corrected(model: Path, tokenizer, pairs: int, seed: int) -> list[Document]:
    """Documents of the kept corrections: prompt, correction, end of the turn."""
    found, asked = elicit(model, pairs, seed=seed)
    kept: list[Document] = []
    for one in found:
        wrong, right = (
            tokenizer.tokenizer(text, add_special_tokens=False)["input_ids"]
            for text in (one.wrong, one.correction.text)
        )
        if change_ratio(wrong, right) <= GAMMA:
            prompt = list(tokenizer.render([{"role": "user", "content": one.item.prompt}]).token_ids)
            kept.append(([*prompt, *right, tokenizer.tokenizer.eos_token_id], len(prompt)))
    print(f"{len(found)} mistakes of {asked} answers, {len(kept)} pairs kept")
    return kept


def train(path: Path, documents: list[Document], tokenizer, *, rate: float, seed: int, out: Path) -> None:
    """STEPS steps of AdamW with the mean over the step's answer tokens, linear warm-up and decay; saved to `out`."""
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    chance, order = Chance("sft", seed), []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = rate * min((step + 1) / 5, 1 - step / STEPS)
        while len(order) < BATCH:
            order += chance.shuffled(range(len(documents)))
        loss_of(model, [documents[order.pop()] for _ in range(BATCH)]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    save(model.eval(), tokenizer.tokenizer, out)


def main() -> int:
    from spot_eval.checkpoint import ChatTokenizer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=BASE)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    tokenizer = ChatTokenizer(given.model)
    with tempfile.TemporaryDirectory() as scratch:
        out = given.out or Path(scratch) / "sft"
        documents = corrected(given.model, tokenizer, PAIRS, given.seed)
        started = time.process_time()
        train(given.model, documents, tokenizer, rate=given.rate, seed=given.seed, out=out)
        print(f"{STEPS} steps of {BATCH}: {time.process_time() - started:.0f} CPU seconds, rate {given.rate}")
        before, after = profile(given.model), profile(out)
    for name, found in (("before", before), ("after", after)):
        print(f"{name}\n{table(found)}")
    gain = after["in_domain"].mean - before["in_domain"].mean
    print(f"in-domain: {100 * gain:+.1f} points (wanted: {100 * GAIN:+.0f})")
    stuck = [
        f"{family} {name} is at {100 * found[family].mean:.1f}"
        for name, found in (("before", before), ("after", after))
        for family in BANDS
        if not FLOOR <= found[family].mean <= CEILING
    ]
    print("\n".join(stuck) or "no family at the floor or the ceiling")
    return 1 if stuck or gain < GAIN else 0


if __name__ == "__main__":
    sys.exit(main())
