"""`spot-eval drift`: how far a candidate moved from its base, on answers that the base run already holds.

Both checkpoints read the base's stored answers (teacher forcing: a prefill each, no sampling), so minutes do where a
run takes hours, and the measure is continuous. The folder it writes:

    manifest.json   both checkpoints, precision, what was read: what decides the numbers
    drift.jsonl     a line per answer and gold (`metrics.drift.AnswerDrift`), appended as each is done; resumes from it
    drift.json      the summary (`metrics.drift`)
    changed.json    the answers that moved most, token by token, for the heat-map
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spot_eval.core.errors import NotComparableError, UserError
from spot_eval.core.files import JsonLog, read_json, write_json, writing
from spot_eval.core.progress import Say, progress
from spot_eval.core.records import Doc, Generation, Likelihood, read_records
from spot_eval.graders import load_grader
from spot_eval.metrics.drift import FLOORS, TENTHS, AnswerDrift, drift
from spot_eval.models.checkpoint import fingerprint, locate, readable_name
from spot_eval.models.prompts import NO_TEMPLATE, ChatTokenizer, read_template
from spot_eval.models.registry import check_engine
from spot_eval.runs.directory import RunDirectory
from spot_eval.runs.finished import read_clusters, read_run

if TYPE_CHECKING:
    from spot_eval.models.hf_drift import Difference, Forced

SCHEMA = 1
MOST = 5  # tokens that a line of drift.jsonl names
CHANGED, CHANGED_TOKENS = 12, 2000  # answers of the heat-map, and the tokens shown of each


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
    engine_args: Mapping[str, str] | None = None
    token_budget: int = 4096
    chat_template: str | None = None
    out: Path | None = None
    trust_remote_code: bool = False


def measure_drift(options: DriftOptions, say: Say) -> tuple[Path, dict[str, Any]]:
    """Measure the drift of a candidate from a base run; return the folder and the summary.

    Raises UserError for bad input: a base without texts, another tokenizer, other weights than the run was made with.
    """
    check_engine("hf")
    from spot_eval.models.hf import HfEngine, HfSettings

    store = RunDirectory.at(options.baseline)
    manifest = store.manifest
    template, thinking = _template(manifest, options.chat_template), bool(manifest["config"]["suite"]["thinking"])
    docs, generations = _chosen(store, options)
    places = {"base": _base_path(options, manifest), "candidate": locate(options.candidate)}
    settings = HfSettings.parse(dict(options.engine_args or {}))
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
    dtype = settings.resolved_dtype(places["base"])
    identity = {
        "schema": SCHEMA,
        "base": _fingerprint_of_run(places["base"], manifest, template),
        "candidate": fingerprint(places["candidate"], dtype, template),
        "dtype": dtype,
        "read": {"tasks": list(options.tasks), "limit": options.limit, "repeats": options.repeats},
    }
    candidate_name = readable_name(places["candidate"], options.candidate)
    out = options.out or Path("runs") / f"{candidate_name}-drift-{options.baseline.resolve().name}"
    log = _opened(out, {**identity, "baseline": options.baseline.name, "model": candidate_name})
    wanted = dict(_sequences(docs, generations, manifest, tokenizers["base"]))
    known = {row.key: row for row in read_records(log.path, AnswerDrift)} if log.path.exists() else {}
    missing = [key for key in wanted if key not in known]
    if missing or not (out / "changed.json").is_file():
        say(f"{len(missing)} of {len(wanted)} answers to read; records in {out}")
        engines = [
            HfEngine(places[side], tokenizers[side], settings, trust_remote_code=options.trust_remote_code)
            for side in ("base", "candidate")
        ]
        try:
            models = [engine.model for engine in engines]
            _read_missing(
                log,
                wanted=wanted,
                missing=missing,
                models=models,
                tokenizer=tokenizers["base"],
                token_budget=options.token_budget,
                done=len(known),
            )
            known = {row.key: row for row in read_records(log.path, AnswerDrift)}
            answers = _changed(known, wanted, models, tokenizers["base"])
            write_json(out / "changed.json", {"schema": SCHEMA, "answers": answers})
        finally:
            log.close()
            for engine in engines:
                engine.close()
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
        **drift(rows, families={name: of for name, of in families.items() if of},
                clusters=read_clusters(store.path / "docs.jsonl")),
        "most_changed": _most_changed(rows),
        **({"broke": _broke(options.run, options.baseline)} if options.run else {}),
    }  # fmt: skip
    write_json(out / "drift.json", summary)
    return out, summary


def _chosen(store: RunDirectory, options: DriftOptions) -> tuple[dict[tuple[str, int], Doc], list[Generation]]:
    """The docs and generations to read. Raises UserError if the base holds none of them."""
    tasks = store.manifest["config"]["suite"]["tasks"]
    for task in options.tasks:
        if task not in tasks:
            raise UserError(f"{store.path} has no task {task!r}; it has: {', '.join(tasks)}")
    docs = {
        (doc.task, doc.doc_id): doc
        for doc in (read_records(store.path / "docs.jsonl", Doc) if (store.path / "docs.jsonl").is_file() else ())
        if (not options.tasks or doc.task in options.tasks) and (options.limit is None or doc.doc_id < options.limit)
    }
    found = [
        one
        for one in store.read_generations().values()
        if (one.task, one.doc_id) in docs and one.repeat < options.repeats and not isinstance(one, Likelihood)
    ]
    if not found:
        raise UserError(f"{store.path} holds no generated texts of these tasks; drift reads the base's own answers")
    return docs, sorted(found, key=lambda one: (one.task, one.doc_id, one.repeat))


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


def _sequences(
    docs: Mapping[tuple[str, int], Doc],
    generations: Sequence[Generation],
    manifest: Mapping[str, Any],
    tokenizer: ChatTokenizer,
) -> Iterator[tuple[str, tuple[Forced, AnswerDrift]]]:
    """Key to what is read and the empty record of it: the base's answers, then a right reply per doc that has one."""
    from spot_eval.models.hf_drift import Forced

    graders = {task: entry["grader"] for task, entry in manifest["config"]["data"].items()}
    prompts: dict[tuple[str, int], Sequence[int]] = {}
    end = tokenizer.tokenizer.eos_token_id

    def ids(text: str, *, ended: bool) -> list[int]:
        found = list(tokenizer.tokenizer(text, add_special_tokens=False)["input_ids"])
        return [*found, end] if ended and isinstance(end, int) else found

    def forced(doc: Doc, kind: str, key: str, repeat: int, answer: list[int]) -> tuple[str, tuple[Forced, AnswerDrift]]:
        place = (doc.task, doc.doc_id)
        if place not in prompts:
            prompts[place] = tokenizer.render(doc.messages).token_ids
        empty = AnswerDrift(key, kind, doc.task, doc.doc_id, doc.doc_hash, repeat, len(answer), 0.0, 0.0, 0.0)
        return key, (Forced(key, prompts[place], answer), empty)

    for one in generations:
        answer = ids(one.text, ended=one.finish_reason == "stop")
        if answer:
            yield forced(docs[one.task, one.doc_id], "answer", one.key, one.repeat, answer)
    for doc in docs.values():
        perfect = load_grader(graders[doc.task]).perfect if graders[doc.task] != "lm_eval" else None
        reply = perfect(doc.row, doc.gold) if perfect else None
        if reply:
            yield forced(doc, "gold", f"gold-{doc.task}-{doc.doc_hash}", 0, ids(reply, ended=True))


def _read_missing(
    log: JsonLog,
    *,
    wanted: Mapping[str, tuple[Forced, AnswerDrift]],
    missing: Sequence[str],
    models: Sequence[Any],
    tokenizer: ChatTokenizer,
    token_budget: int,
    done: int,
) -> None:
    from spot_eval.models.hf_drift import differences

    base, candidate = models
    with progress("drift", done + len(missing), done=done) as advance:
        for found in differences(base, candidate, [wanted[key][0] for key in missing], token_budget=token_budget):
            log.append(_record(found, *wanted[found.key], tokenizer))
            advance()


def _record(found: Difference, forced: Forced, empty: AnswerDrift, tokenizer: ChatTokenizer) -> AnswerDrift:
    count = len(found.kl)
    sums, counts = [0.0] * TENTHS, [0] * TENTHS
    for place, kl in enumerate(found.kl):
        tenth = place * TENTHS // count
        sums[tenth] += kl
        counts[tenth] += 1
    most = sorted(range(count), key=lambda place: -found.kl[place])[:MOST]
    return AnswerDrift(
        **{
            **asdict(empty),
            "kl": sum(found.kl),
            "logprob": sum(found.logprob),
            "base_logprob": sum(found.base_logprob),
            "kl_tenths": sums,
            "tokens_tenths": counts,
            "most": [[at, round(found.kl[at], 6), tokenizer.tokenizer.decode([forced.answer[at]])] for at in most],
        }
    )


def _most_changed(rows: Sequence[AnswerDrift]) -> list[dict[str, Any]]:
    """The answers with the largest mean KL, the largest first."""
    answers = sorted((row for row in rows if row.kind == "answer" and row.kl > 0), key=lambda row: -row.kl / row.tokens)
    return [
        {"task": row.task, "doc_id": row.doc_id, "repeat": row.repeat, "key": row.key, "tokens": row.tokens,
         "kl": row.kl / row.tokens, "most": row.most}
        for row in answers[:CHANGED]
    ]  # fmt: skip


def _changed(
    known: Mapping[str, AnswerDrift],
    wanted: Mapping[str, tuple[Forced, AnswerDrift]],
    models: Sequence[Any],
    tokenizer: ChatTokenizer,
) -> list[dict[str, Any]]:
    """The answers that moved most, token by token: they are read once more, so that nobody keeps all tokens of all."""
    from spot_eval.models.hf_drift import differences

    chosen = _most_changed([row for key, row in known.items() if key in wanted])
    base, candidate = models
    found = {one.key: one for one in differences(base, candidate, [wanted[one["key"]][0] for one in chosen])}
    return [
        {
            **one,
            "pieces": [tokenizer.tokenizer.decode([token]) for token in wanted[one["key"]][0].answer[:CHANGED_TOKENS]],
            "kls": [round(kl, 5) for kl in found[one["key"]].kl[:CHANGED_TOKENS]],
        }
        for one in chosen
    ]


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
