"""`pairs filter`: keep the pairs whose correction is near to what the policy wrote, by one of three distances.

    lcs         change ratio: 1 - LCS / max(length) of y- and y+, on tokens            needs a tokenizer
    likelihood  nats per token: minus the mean log-prob of y+, or of its edited span, by the base
    embedding   cosine distance of y- and y+, by a sentence-transformers model

Smaller is nearer for all. A filter keeps what is at most `most` away, or the `keep` nearest, which makes filters
comparable at equal size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spot_eval.core.errors import UserError
from spot_eval.core.progress import progress
from spot_eval.models.checkpoint import folder_of, locate
from spot_eval.posttrain.pair_files import read_pairs, tokens_of, write_pairs
from trainer.pairs.edit_filter import PairStats, shared_ends, small_edits

if TYPE_CHECKING:
    from spot_eval.models.forced import Forced

MEASURES = ("lcs", "likelihood", "embedding")
SPANS = ("answer", "edit")
UNITS = {"lcs": "change ratio", "likelihood": "nats per token", "embedding": "cosine distance"}
GAMMA = 0.6
"""Largest change ratio of the paper."""
TOKEN_BUDGET = 16_384
TEXTS_AT_ONCE = 64


@dataclass(frozen=True)
class Filter:
    """Selection of pairs by distance; see the command's --help.

    Raises UserError for a filter that lacks something, or that nothing could pass.
    """

    by: str = "lcs"
    model: str | None = None
    """The base for likelihood, a sentence-transformers model for embedding."""
    tokenizer: str | None = None
    """The policy's; for likelihood that of `model`."""
    most: float | None = None
    keep: int | None = None
    share: float | None = None
    """Keep this share of the pairs, the nearest; a fraction of 1."""
    span: str = "answer"

    def __post_init__(self) -> None:
        if self.by not in MEASURES:
            raise UserError(f"--by {self.by!r} is not known; there are {', '.join(MEASURES)}")
        if self.span not in SPANS:
            raise UserError(f"--span {self.span!r} is not known; there are {', '.join(SPANS)}")
        if self.span == "edit" and self.by != "likelihood":
            raise UserError("--span edit goes with --by likelihood only")
        if self.by != "lcs" and self.model is None:
            who = "the base, which writes y-" if self.by == "likelihood" else "a sentence-transformers model"
            raise UserError(f"--by {self.by} needs --model: {who}")
        if self.by == "lcs" and self.model is not None:
            raise UserError("--model goes with --by likelihood or embedding; --by lcs takes --tokenizer")
        if self.tokenizer is None and self.by != "likelihood":
            raise UserError(f"--by {self.by} needs --tokenizer, the policy's checkpoint, to count edited tokens")
        if self.keep is not None and self.share is not None:
            raise UserError("--keep and --keep-share both say how many pairs to keep; give one of them")
        if self.by != "lcs" and self.most is None and self.keep is None and self.share is None:
            raise UserError(f"--by {self.by} needs --keep, --keep-share, or --gamma in {UNITS[self.by]}")
        if self.by == "lcs" and self.most is not None and not 0 <= self.most <= 1:
            raise UserError(f"--gamma {self.most:g}: a change ratio is from 0 to 1")

    @property
    def limit(self) -> float | None:
        """Return the largest distance in force: gamma is 0.6 for lcs unless a number of pairs is asked for."""
        if self.most is None and self.by == "lcs" and self.keep is None and self.share is None:
            return GAMMA
        return self.most

    @property
    def measure(self) -> str:
        """Return the distance's name, as rows carry it."""
        return f"{self.by} of the edited span" if self.span == "edit" else self.by


def filter_pairs(file: Path, out: Path, wanted: Filter) -> dict[str, int]:
    """Write the pairs that are near enough to `out`, in the order of `file`; return the outcomes with their counts.

    Rows carry `change_ratio`, and `meta.distance` with the measure and its value if it is another. Rows with one answer
    only (data of SFT and RFT) have no distance and pass, unless a number of pairs is asked for.

    Args:
        file: the pairs.
        out: the file to write.
        wanted: the filter.

    Raises UserError for bad input, and if nothing is left.
    """
    stats = PairStats()
    gamma = wanted.limit if wanted.by == "lcs" and wanted.limit is not None else 1.0
    tokens = tokens_of(str(wanted.tokenizer or wanted.model))
    everything = list(read_pairs(file))
    rows: list[dict[str, Any]] = []
    with progress("comparing", len(everything)) as advance:
        for row in everything:
            rows += small_edits([row], tokens, gamma, stats)
            advance()
    counts = dict(stats.outcomes)
    counts.pop("kept", None)
    distances = _distances(rows, wanted)
    if wanted.by != "lcs":
        for row, distance in zip(rows, distances, strict=True):
            if distance is not None:
                row["meta"] = {**row["meta"], "distance": {"by": wanted.measure, "value": round(distance, 6)}}
        if wanted.limit is not None:
            near = [distance is None or distance <= wanted.limit for distance in distances]
            counts[f"{UNITS[wanted.by]} above {wanted.limit:g}"] = near.count(False)
            rows = [row for row, stays in zip(rows, near, strict=True) if stays]
            distances = [one for one, stays in zip(distances, near, strict=True) if stays]
    kept = _nearest(rows, distances, wanted, file)
    counts["farther than the others"] = len(rows) - len(kept)
    write_pairs(out, kept)
    return {"kept": len(kept)} | {name: count for name, count in counts.items() if count}


def _nearest(
    rows: Sequence[dict[str, Any]], distances: Sequence[float | None], wanted: Filter, file: Path
) -> list[dict[str, Any]]:
    """Return the nearest rows in their order, as many as asked for; the earlier of equal ones."""
    if wanted.keep is None and wanted.share is None:
        return list(rows)
    alone = next((row["id"] for row, distance in zip(rows, distances, strict=True) if distance is None), None)
    if alone is not None:
        raise UserError(f"{file}: row {alone!r} has no two answers, so it has no distance; filter without --keep")
    count = wanted.keep if wanted.keep is not None else round((wanted.share or 0) * len(rows))
    if count > len(rows):
        raise UserError(f"--keep {count}: only {len(rows)} pairs are left to keep; give at most that many")
    order = sorted(range(len(rows)), key=lambda at: (distances[at], at))
    return [rows[at] for at in sorted(order[:count])]


def _distances(rows: Sequence[dict[str, Any]], wanted: Filter) -> list[float | None]:
    """Return the distance of each row; None for a row with one answer only."""
    two = [at for at, row in enumerate(rows) if row["rejected"]]
    chosen = [rows[at] for at in two]
    if wanted.by == "lcs":
        values = [float(row["change_ratio"]) for row in chosen]
    elif wanted.by == "likelihood":
        values = likelihood_distances(chosen, str(wanted.model), wanted.span)
    else:
        values = embedding_distances(chosen, str(wanted.model))
    found: list[float | None] = [None] * len(rows)
    for at, value in zip(two, values, strict=True):
        found[at] = value
    return found


def likelihood_distances(rows: Sequence[dict[str, Any]], model: str, span: str = "answer") -> list[float]:
    """Return minus the mean log-prob per token of each y+, by the base, in nats.

    Args:
        rows: pairs with both answers.
        model: the base.
        span: "answer" for all tokens with the one that ends the turn; "edit" for those between the common beginning and
            end of y- and y+ (the token after the gap if y+ only leaves tokens out).
    """
    from spot_eval.models.hf import HfEngine, HfSettings
    from spot_eval.models.hf_forced import token_logprobs
    from spot_eval.models.prompts import ChatTokenizer

    path = locate(model)
    tokenizer = ChatTokenizer(path)
    sequences, spans = _forced(rows, tokenizer)
    found: dict[str, float] = {}
    engine = HfEngine(path, tokenizer, HfSettings.parse({}))
    try:
        with progress("reading corrections", len(rows)) as advance:
            for key, logprobs in token_logprobs(engine.model, sequences, token_budget=TOKEN_BUDGET):
                read = logprobs[slice(*spans[int(key)])] if span == "edit" else logprobs
                found[key] = -sum(read) / len(read)
                advance()
    finally:
        engine.close()
    return [found[str(at)] for at in range(len(rows))]


def _forced(rows: Sequence[dict[str, Any]], tokenizer: Any) -> tuple[list[Forced], list[tuple[int, int]]]:
    """Return each y+ as tokens to read, with the place of its edited span."""
    from spot_eval.models.forced import Forced
    from trainer.batches.tokenize import end_token

    end = end_token(tokenizer.tokenizer)
    sequences, spans = [], []
    for at, row in enumerate(rows):
        rejected, chosen = (
            [*tokenizer.tokenizer(row[side], add_special_tokens=False)["input_ids"], end]
            for side in ("rejected", "chosen")
        )
        first, last = shared_ends(rejected, chosen)
        spans.append((first, max(first + 1, len(chosen) - last)))
        prompt = tokenizer.render(row["prompt"]).token_ids
        sequences.append(Forced(str(at), prompt, chosen))
    return sequences, spans


def embedding_distances(rows: Sequence[dict[str, Any]], model: str) -> list[float]:
    """Return 1 minus the cosine of the embeddings of y- and y+.

    Args:
        rows: pairs with both answers.
        model: a sentence-transformers model: a folder, or a hub id that is downloaded.

    Raises UserError if sentence-transformers is not installed or cannot load the model.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as problem:
        raise UserError(
            "--by embedding needs sentence-transformers; install it with: pip install 'spot-eval[embed]'"
        ) from problem
    import torch

    path = folder_of(model, "--model")
    try:
        # in the 8 bits of bfloat16 equal texts are not at distance 0
        encoder = SentenceTransformer(str(path), trust_remote_code=False, model_kwargs={"dtype": torch.float32})
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise UserError(
            f"--model {model}: sentence-transformers cannot load it ({str(problem).strip().splitlines()[0]})"
        ) from problem
    distances: list[float] = []
    with progress("embedding answers", len(rows)) as advance:
        for start in range(0, len(rows), TEXTS_AT_ONCE):
            part = rows[start : start + TEXTS_AT_ONCE]
            before, after = (
                encoder.encode([row[side] for row in part], normalize_embeddings=True, show_progress_bar=False)
                for side in ("rejected", "chosen")
            )
            distances += (1 - (before * after).sum(1)).tolist()
            advance(len(part))
    return distances
