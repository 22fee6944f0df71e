"""`spot-eval drift`: how far a candidate moved from its base, on answers that the base run already holds.

Both checkpoints read the base's stored answers (teacher forcing: a prefill each, no sampling), so minutes do where a
run takes hours, and the measure is continuous. The folder it writes:

    manifest.json   both checkpoints, precision, what was read: what decides the numbers
    drift.jsonl     a line per answer and gold (`metrics.drift.AnswerDrift`), appended as each is done; resumes from it
    drift.json      the summary (`metrics.drift`)
    changed.json    the answers that moved most, token by token, for the heat-map
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spot_eval.core.errors import NotComparableError, UserError
from spot_eval.core.files import JsonLog, read_json, write_json, writing
from spot_eval.core.progress import Say, progress
from spot_eval.core.record_files import read_records
from spot_eval.evaluation.drift_records import changed, most_changed, record
from spot_eval.evaluation.drift_sequences import chosen, sequences
from spot_eval.metrics.drift import FLOORS, AnswerDrift, drift
from spot_eval.models.checkpoint import fingerprint, locate, readable_name
from spot_eval.models.drift_pair import Pair, Reading
from spot_eval.models.prompts import NO_TEMPLATE, ChatTokenizer, read_template
from spot_eval.runs.directory import RunDirectory
from spot_eval.runs.finished import read_clusters, read_run

SCHEMA = 1


@dataclass(frozen=True)
class DriftOptions:
    """Options of `spot-eval drift`; see its --help."""

    candidate: str
    baseline: Path
    base_model: str | None = None
    run: Path | None = None
    tasks: Sequence[str] = ()
    limit: int | None = None
    repeats: int = 1
    engine: str = "hf"
    engine_args: Mapping[str, str] | None = None
    token_budget: int = 4096
    chat_template: str | None = None
    out: Path | None = None
    trust_remote_code: bool = False


def measure_drift(options: DriftOptions, say: Say) -> tuple[Path, dict[str, Any]]:
    """Measure the drift of a candidate from a base run; return the folder and the summary.

    Raises UserError for bad input: a base without texts, another tokenizer, other weights than the run was made with.
    """
    reading = Reading.parse(options.engine, options.engine_args or {}, options.token_budget)
    store = RunDirectory.at(options.baseline)
    manifest = store.manifest
    template, thinking = _template(manifest, options.chat_template), bool(manifest["config"]["suite"]["thinking"])
    docs, generations = chosen(store, wanted=options.tasks, limit=options.limit, repeats=options.repeats)
    places = {"base": _base_path(options, manifest), "candidate": locate(options.candidate)}
    tokenizers = {
        side: ChatTokenizer(
            path, chat_template=template, thinking=thinking, trust_remote_code=options.trust_remote_code
        )
        for side, path in places.items()
    }
    if tokenizers["base"].tokenizer.get_vocab() != tokenizers["candidate"].tokenizer.get_vocab():
        raise UserError(
            f"{options.candidate} has another tokenizer than the base {places['base']}; drift compares token by token "
            "and needs the same one"
        )
    dtype = reading.dtype(places["base"], trust_remote_code=options.trust_remote_code)
    identity = {
        "schema": SCHEMA,
        "base": _fingerprint_of_run(places["base"], manifest, template),
        "candidate": fingerprint(places["candidate"], dtype, template),
        "dtype": dtype,
        "read": {"tasks": list(options.tasks), "limit": options.limit, "repeats": options.repeats},
        "top": reading.top,
    }
    candidate_name = readable_name(places["candidate"], options.candidate)
    out = options.out or Path("runs") / f"{candidate_name}-drift-{options.baseline.resolve().name}"
    log = _opened(out, {**identity, "baseline": options.baseline.name, "model": candidate_name})
    wanted = dict(sequences(docs, generations, manifest, tokenizers["base"]))
    known = {row.key: row for row in read_records(log.path, AnswerDrift)} if log.path.exists() else {}
    missing = [key for key in wanted if key not in known]
    if missing or not (out / "changed.json").is_file():
        say(f"{len(missing)} of {len(wanted)} answers to read; records in {out}")
        pair = reading.open(places, tokenizers, trust_remote_code=options.trust_remote_code)
        try:
            with progress("drift", len(wanted), done=len(known)) as advance:
                for found in pair.differences([wanted[key][0] for key in missing]):
                    log.append(record(found, *wanted[found.key], tokenizers["base"]))
                    advance()
            _check_read(pair, say)
            known = {row.key: row for row in read_records(log.path, AnswerDrift)}
            answers = changed(known, wanted, pair, tokenizers["base"])
            write_json(out / "changed.json", {"schema": SCHEMA, "answers": answers})
        finally:
            log.close()
            pair.close()
    suite = manifest["config"]["suite"]
    asked = {doc.task for doc in docs.values()}
    families = {
        family: [task for task in tasks if task in asked or not options.tasks]
        for family, tasks in suite["families"].items()
    }
    rows = [row for key, row in known.items() if key in wanted]
    summary = {
        "schema": SCHEMA,
        "candidate": candidate_name,
        "base": manifest["model"]["name"],
        "baseline": options.baseline.resolve().name,
        "fingerprints": {"base": identity["base"], "candidate": identity["candidate"]},
        "dtype": dtype,
        "floor": FLOORS.get(dtype),
        **({"top": reading.top} if reading.top else {}),
        **drift(rows, families={name: of for name, of in families.items() if of},
                clusters=read_clusters(store.path / "docs.jsonl")),
        "most_changed": most_changed(rows),
        **({"broke": _broke(options.run, options.baseline)} if options.run else {}),
    }  # fmt: skip
    write_json(out / "drift.json", summary)
    return out, summary


def _template(manifest: Mapping[str, Any], given: str | None) -> str | None:
    used = manifest["config"]["model"].get("chat_template", "checkpoint")
    if given is not None:
        return read_template(given)
    if used not in ("checkpoint", NO_TEMPLATE):
        raise UserError("the base run was made with a chat template from a file; give it again: --chat-template FILE")
    return NO_TEMPLATE if used == NO_TEMPLATE else None


def _base_path(options: DriftOptions, manifest: Mapping[str, Any]) -> Path:
    place = options.base_model or manifest["model"].get("path")
    if not place:
        raise UserError(
            f"{options.baseline} was not made from a checkpoint on this machine; name its base: --base-model DIR"
        )
    if options.base_model is None and not Path(place).is_dir():
        raise UserError(f"the base checkpoint {place} is gone; name it where it is now: --base-model DIR")
    return locate(str(place))


def _fingerprint_of_run(path: Path, manifest: Mapping[str, Any], template: str | None) -> str:
    """The base's fingerprint, which must be that of the run: its answers are read as the base's own."""
    found, recorded = fingerprint(path, str(manifest["model"]["dtype"]), template), manifest["config"]["model"]
    if found != recorded.get("fingerprint"):
        raise NotComparableError(
            f"{path} is not the checkpoint that the base run was made with (fingerprint {found[:8]}, the run has "
            f"{str(recorded.get('fingerprint'))[:8]}); name the right one: --base-model DIR"
        )
    return found


def _opened(out: Path, identity: Mapping[str, Any]) -> JsonLog:
    """The log in `out`, which is made or continued. Raises UserError if it holds another measurement."""
    existing = out / "manifest.json"
    if existing.is_file() and "candidate" in read_json(existing):
        other = [name for name, value in identity.items() if read_json(existing).get(name) != value]
        if other:
            raise UserError(
                f"{out} holds another measurement (another {' and '.join(other)}); choose another place: -o DIR"
            )
    elif out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out} is a folder of something else; choose another place: -o DIR")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    write_json(existing, identity)
    log = JsonLog(out / "drift.jsonl")
    log.repair()
    return log


def _check_read(pair: Pair, say: Say) -> None:
    """Say what could not be read: those answers are in no number."""
    if pair.refused:
        key, reason = next(iter(pair.refused.items()))
        say(f"{len(pair.refused)} answers could not be read and are in no number; the first, {key}: {reason}")


def _broke(run: Path, baseline: Path) -> dict[str, Any]:
    """Docs that the base mostly had right and the candidate's run mostly has wrong, by family."""
    ours, theirs = read_run(run), read_run(baseline)
    families = {task: entry["family"] for task, entry in theirs.config["suite"]["tasks"].items()}
    found: dict[str, list[bool]] = {}
    for task, docs in theirs.docs.items():
        for doc_hash, doc in docs.items():
            other = ours.docs.get(task, {}).get(doc_hash)
            if other is not None and doc.mean is not None and other.mean is not None and doc.mean > 0.5:
                found.setdefault(families[task], []).append(other.mean < 0.5)
    return {family: {"docs": len(broken), "broke": sum(broken)} for family, broken in found.items()}
