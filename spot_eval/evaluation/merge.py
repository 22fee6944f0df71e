"""Put the shards of a run together: each record once, then graded and scored like a run of one piece."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_atomically, write_json
from spot_eval.core.keys import digest
from spot_eval.core.progress import Say
from spot_eval.core.record_files import read_records
from spot_eval.core.records import Generation
from spot_eval.evaluation.checks import check_baseline, preflight
from spot_eval.evaluation.grade import grade
from spot_eval.evaluation.score import score
from spot_eval.runs.baseline import load_baseline
from spot_eval.runs.directory import RunDirectory, differing, refuse_place
from spot_eval.runs.seal import go_on

Manifest = Mapping[str, Any]


def merge(
    shards: Sequence[Path], out: Path | None, baseline_name: str | None, workers: int | None, say: Say
) -> tuple[Path, dict[str, Any]]:
    """Merge shards into one finished run; return (run directory, scoreboard).

    A shard may be given several times, and may have been run several times: each record is taken once.

    Args:
        shards: run directories of `run --shard I/N`.
        out: the run directory to make; beside the first shard, under the whole run's name, if None.
        baseline_name: run or published table to show differences from.
        workers: number of grading processes; one per core if None.
        say: receives sentences the user should read.

    Raises UserError, and writes nothing, if shards are missing, unfinished, at work, or of different runs.
    """
    places = list({place.resolve(): place for place in shards}.values())
    with ExitStack() as held:
        stores = [RunDirectory.at(place) for place in places]
        for store in stores:
            store.lock()
            held.callback(store.close)
            store.generations.repair()
            store.failures.repair()
        manifests = [store.manifest for store in stores]
        _refuse_other_runs(places, manifests)
        _refuse_incomplete(stores, manifests)
        whole = {name: value for name, value in manifests[0].items() if name != "shard"}
        out = out or _place_beside(places[0], whole)
        refuse_place(out, whole["config"])
        baseline = load_baseline(baseline_name) if baseline_name else None
        check_baseline(whole["config"], baseline, say)
        preflight((), {data["grader"] for data in whole["config"]["data"].values()})
        merged = RunDirectory.create(out, whole)
        try:
            if not go_on(out, say):
                (out / "samples.jsonl").unlink(missing_ok=True)
            write_atomically(out / "docs.jsonl", [_docs_of(places[0])])
            _copy_records(stores, merged)
            return out, score(merged, grade(merged, workers=workers), baseline)
        finally:
            merged.close()


def _refuse_other_runs(places: Sequence[Path], manifests: Sequence[Manifest]) -> None:
    """Raise UserError if a run is no shard, or not one of the first one's run."""
    docs = _docs_of(places[0])
    for place, manifest in zip(places, manifests, strict=True):
        if not manifest.get("shard"):
            raise UserError(f"{place} is a whole run and no shard; merge takes what `spot-eval run --shard I/N` made")
        if other := next(differing(manifests[0]["config"], manifest["config"]), None):
            name, first, here = other
            raise UserError(
                f"{place} is a shard of another run than {places[0]} ({name}: {str(first)[:60]!r} there, "
                f"{str(here)[:60]!r} here); merge the shards of one configuration"
            )
        if manifest["shard"]["of"] != manifests[0]["shard"]["of"]:
            raise UserError(
                f"{place} is one of {manifest['shard']['of']} shards, and {places[0]} one of "
                f"{manifests[0]['shard']['of']}; merge shards of one division"
            )
        if _docs_of(place) != docs:
            raise UserError(f"{place / 'docs.jsonl'} is not that of {places[0]}; run this shard again to write it anew")


def _docs_of(shard: Path) -> bytes:
    try:
        return (shard / "docs.jsonl").read_bytes()
    except OSError as problem:
        raise UserError(
            f"{shard / 'docs.jsonl'} cannot be read ({problem.strerror}); run this shard again"
        ) from problem


def _refuse_incomplete(stores: Sequence[RunDirectory], manifests: Sequence[Manifest]) -> None:
    """Raise UserError naming the shards that are missing, or have requests that were never asked."""
    asked: dict[int, set[str]] = defaultdict(set)
    wanted: dict[int, int] = {}
    for store, manifest in zip(stores, manifests, strict=True):
        index = manifest["shard"]["index"]
        wanted[index] = manifest["shard"]["requests"]
        asked[index] |= store.read_generations().keys() | store.read_failures().keys()
    of = manifests[0]["shard"]["of"]
    if missing := sorted(set(range(1, of + 1)) - wanted.keys()):
        listed = ", ".join(f"{index}/{of}" for index in missing[:8]) + (" …" if len(missing) > 8 else "")
        one = len(missing) == 1
        raise UserError(
            f"{len(missing)} of {of} shards {'is' if one else 'are'} missing: {listed}; run {'it' if one else 'them'} "
            f"with --shard {missing[0]}/{of}{'' if one else ' and so on'}"
        )
    for index in sorted(wanted):
        if lacking := wanted[index] - len(asked[index]):
            raise UserError(
                f"shard {index}/{of} lacks {lacking:,} of its {wanted[index]:,} answers; run it again to finish it"
            )


def _place_beside(shard: Path, manifest: Manifest) -> Path:
    """Return the folder that the run of one piece would have had beside its shard."""
    config = manifest["config"]
    return shard.parent / f"{manifest['model']['name']}-{config['suite']['name']}-{digest(config)[:8]}"


def _copy_records(stores: Sequence[RunDirectory], merged: RunDirectory) -> None:
    """Copy each generation once, the failures of requests that have none, and the sessions."""
    known = set(merged.read_generations())
    for store in stores:
        if store.generations.path.exists():
            for one in read_records(store.generations.path, Generation):
                if one.key not in known:
                    known.add(one.key)
                    merged.generations.append(one)
    failed = set(merged.read_failures())
    for store in stores:
        for failure in store.read_failures().values():
            if failure.key not in known and failure.key not in failed:
                failed.add(failure.key)
                merged.failures.append(failure)
    if not merged.read_sessions():
        for store in stores:
            for session in store.read_sessions():
                write_json(merged.new_session_file(), session)
