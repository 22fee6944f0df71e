"""Tasks of log-likelihoods: which texts follow which contexts, as lm-eval builds them.

    {"continuations": [" A", " B"], "contexts": ["Q: 2+2?\\nA. 4\\nB. 5\\nAnswer:"], "rolling": false}

`contexts` holds one context for all continuations, or one for each: a text, or the turns of a chat if the suite wants
the chat template. A rolling task scores whole texts and has no contexts. Few-shot examples are drawn by lm-eval's own
sampler with its seed, doc after doc. Knows no tokens and no models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import Any

from spot_eval.core.cpu_limit import DOC_CPU_S, cpu_limit
from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest, doc_hash
from spot_eval.core.records import Doc
from spot_eval.tasks.plain import plain
from spot_eval.tasks.suite import TaskSettings

OUTPUT_TYPES = ("multiple_choice", "loglikelihood", "loglikelihood_rolling")
FEWSHOT_SEED = 1234  # lm-eval's default


def scored_docs(
    task: Any, name: str, settings: TaskSettings, source: dict[str, Any], limit: int | None
) -> tuple[list[Doc], str]:
    """Return (the first `limit` docs of a task, a hash of all that decides them).

    Args:
        task: lm-eval's task object.
        name: its name in the suite.
        settings: repeats, examples and chat template, as the suite sets them for it.
        source: where a grader finds the task again.
        limit: the number of docs; all if None.

    Raises UserError if a row's gold is none of its choices, if a text to score is empty, or if there are no rows.
    """
    if settings.repeats > 1:
        raise UserError(
            f"task {name}: log-likelihoods are the same at every repeat; set repeats: 1 for it in the suite, or leave "
            "--repeats away"
        )
    docs: list[Doc] = []
    asked: list[Any] = []
    seen = Counter[str]()
    task.set_fewshot_seed(seed=FEWSHOT_SEED)
    for doc_id, raw in enumerate(islice(task.eval_docs, limit)):
        where = f"task {name}, doc {doc_id}"
        with cpu_limit(DOC_CPU_S):
            right = _right(task, raw, where)
            scored = _scored(task, raw, where, chat_template=bool(settings.chat_template))
            gold = plain(_gold(task, raw, right))
        row = {
            "_task": source,
            "row": plain(raw),
            "choices": len(scored["continuations"]),
            "gold": right,
        }
        of = digest("likelihood", scored)
        twin = digest(of, gold)
        docs.append(Doc(name, doc_id, doc_hash([of], gold, seen[twin]), _messages(scored), gold, row, scored))
        asked.append([of, gold, row["row"]])
        seen[twin] += 1
    if not docs:
        raise UserError(f"task {name}: its data set has no rows")
    return docs, digest(asked)


def _scored(task: Any, raw: Any, where: str, *, chat_template: bool) -> dict[str, Any]:
    contexts, continuations = _asked(task, raw, chat_template)
    if not continuations or not all(isinstance(text, str) and text for text in continuations):
        raise UserError(f"{where}: an empty text is among those to score: {continuations!r}"[:300])
    rolling = task.OUTPUT_TYPE == "loglikelihood_rolling"
    return {"continuations": continuations, "contexts": contexts, "rolling": rolling}


def _asked(task: Any, raw: Any, chat_template: bool) -> tuple[list[Any], list[str]]:
    """Return the contexts and continuations of lm-eval's own requests for one row."""
    rendered: dict[str, list[dict[str, str]]] = {}

    def keep_turns(turns: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        del add_generation_prompt  # a last assistant turn says it: see ChatTokenizer.render
        mark = f"turns {len(rendered)}"
        rendered[mark] = turns
        return mark

    options: dict[str, Any] = {}
    if chat_template:
        options = {"apply_chat_template": True, "fewshot_as_multiturn": True, "chat_template": keep_turns}
    context = task.fewshot_context(raw, task.config.num_fewshot or 0, gen_prefix=task.doc_to_prefix(raw), **options)
    made = task.construct_requests(raw, context, apply_chat_template=chat_template, metadata=("", 0, 1))
    requests = made if isinstance(made, list) else [made]
    if task.OUTPUT_TYPE == "loglikelihood_rolling":
        return [], [one.args[0] for one in requests]
    contexts = [rendered.get(one.args[0], one.args[0]) for one in requests]
    same = all(context == contexts[0] for context in contexts)
    return contexts[:1] if same else contexts, [one.args[1] for one in requests]


def _messages(scored: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the prompt as turns for a reader: the context, or what the contexts have in common and each by itself."""
    if scored["rolling"]:
        return [{"role": "user", "content": "\n\n".join(scored["continuations"])}]
    contexts = scored["contexts"]
    if len(contexts) == 1 and not isinstance(contexts[0], str):
        return list(contexts[0])
    texts = [one if isinstance(one, str) else one[-1]["content"] for one in contexts]
    return [{"role": "user", "content": "\n\n".join(dict.fromkeys(texts))}]


def _right(task: Any, raw: Any, where: str) -> list[int]:
    """Return the numbers of the right choices; empty if the task has no choices."""
    if task.OUTPUT_TYPE != "multiple_choice":
        return []
    choices = task.doc_to_choice(raw)
    gold = task.doc_to_text(raw) if task.multiple_input else task.doc_to_target(raw)
    right = []
    for one in gold if isinstance(gold, list) else [gold]:
        if isinstance(one, str) and one in choices:
            right.append(choices.index(one))
        elif isinstance(one, int) and 0 <= one < len(choices):
            right.append(one)
        else:
            raise UserError(f"{where}: its gold {one!r} is none of its {len(choices)} choices; correct the row")
    if not right:
        raise UserError(f"{where}: it has no gold; one of its {len(choices)} choices must be right")
    return right


def _gold(task: Any, raw: Any, right: list[int]) -> Any:
    """Return the text of the right choice (a list if several are), or of the target."""
    if not right:
        return task.doc_to_target(raw)
    choices = task.doc_to_choice(raw)
    return choices[right[0]] if len(right) == 1 else [choices[at] for at in right]
