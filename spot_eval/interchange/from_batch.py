"""Make a run directory of a batch's answers, in OpenAI's format as `vllm run-batch` and OpenAI's Batch API write it.

    answers.jsonl (+ errors.jsonl) (+ requests.jsonl)  ->  runs/<model>-<suite>-<hash>

A batch holds no verdicts, so its answers are judged here, like any generations made elsewhere. Sampling and stop
strings are those of the requests; without the requests they are unknown. Seeds, thinking and chat template always are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.kinds import token_count
from spot_eval.core.options import FileOptions
from spot_eval.core.thinking import opened_by
from spot_eval.interchange.batch_files import Requests, asked_of, first_line, is_requests, lines_of
from spot_eval.interchange.from_generations import judge_answers
from spot_eval.interchange.generations_file import FINISH_REASONS, REPORT_EVERY, GenerationRow
from spot_eval.interchange.imported_run import Import
from spot_eval.models.api.wire import chat_text, error_text
from spot_eval.tasks.data.rows import data_directories
from spot_eval.tasks.loader import TaskLoader
from spot_eval.tasks.suite import Suite

CHAT, TEXT = "chat.completion", "text_completion"
LONGEST_WHY = 300  # characters of a server's reason
OK = 200


def import_batch(wanted: Import, suite: Suite, say: Callable[[str], None]) -> tuple[Path, dict[str, Any]]:
    """Make the run, judge it, and return (run directory, scoreboard). `suite` is the one that the batch asked.

    Raises UserError for bad input, before anything is written.
    """
    suite.refuse_strangers(wanted.data_files)
    data_directories(wanted.data_dirs)
    missing = next((path for path in wanted.files if not path.is_file()), None)
    if missing is not None:
        raise UserError(f"{missing} is no file; name the answers of the batch, and the requests if they are there")
    asked = [path for path in wanted.files if is_requests(first_line(path))]
    answered = [path for path in wanted.files if path not in asked]
    if not answered:
        raise UserError(f"{asked[0]} holds requests only; name the file of the answers, too")
    loader = TaskLoader(suite, data_dirs=wanted.data_dirs, data_files=wanted.data_files)
    requests = Requests(asked, suite, loader)
    if not asked:
        say("the requests are not there, so sampling and stop strings are not recorded (name their file, too)")
    differing = Counter(name for _, name in requests.differing())
    for name in differing:
        tasks = ", ".join(task for task, setting in requests.differing() if setting == name)
        say(f"{name} differs among the requests of {tasks}; it is recorded as unknown")
    say("a batch records neither seeds nor chat template and thinking; they are unknown")
    options = FileOptions(
        file=answered[0], suite=suite.name, data_files=wanted.data_files, model=wanted.model, out=wanted.out
    )
    return judge_answers(BatchAnswers(answered[0], answered, requests), suite, loader, options, say)


@dataclass(frozen=True)
class BatchAnswers:
    """The files of answers and errors of a batch, and its requests."""

    path: Path
    files: Sequence[Path]
    requests: Requests = field(repr=False)

    def size(self) -> int:
        """Return the number of bytes of the files."""
        return sum(path.stat().st_size for path in self.files)

    def rows(
        self, *, read: Callable[[bytes], None] | None = None, behind: Callable[[int], None] | None = None
    ) -> Iterator[GenerationRow]:
        """Yield a row for each answer, and for each request that has none.

        Raises UserError naming file and line for an answer of another form than those of chats and completions.
        """
        before = 0
        for path in self.files:
            for number, offset, content, line in lines_of(path):
                if read:
                    read(content)
                if behind and number % REPORT_EVERY == 0:
                    behind(before + offset)
                yield from self._rows_of(path, number, line)
            before += path.stat().st_size

    def settings(self, task: str) -> Mapping[str, Any]:
        """Return what the requests of a task agree on."""
        return self.requests.settings(task)

    def _rows_of(self, path: Path, number: int, line: Mapping[str, Any]) -> Iterator[GenerationRow]:
        where, name = f"{path}, line {number}", line["custom_id"]
        body, why = _body(line, where)
        answers = _answers(body, where) if body else [_Answer(None, None, why)]
        task, doc_id, first = self.requests.place(name, len(answers), where)
        messages, prompt = asked_of(self.requests.body(name))
        started = messages[-1]["content"] if messages and messages[-1]["role"] == "assistant" else prompt or ""
        usage = body.get("usage")
        counts = usage if isinstance(usage, Mapping) else {}
        for index, answer in enumerate(answers):
            yield GenerationRow(
                line=number,
                task=task,
                text=answer.text,
                doc_id=doc_id,
                doc_hash=None,
                messages=messages,
                prompt=prompt,
                repeat=first + index,
                finish_reason=answer.finish_reason,
                prompt_tokens=token_count(counts.get("prompt_tokens")),
                output_tokens=token_count(counts.get("completion_tokens")) if len(answers) == 1 else None,
                model=body["model"] if isinstance(body.get("model"), str) else None,
                thinking_open=opened_by(started.rstrip().rpartition("\n")[2]) or None,
                file=path,
                absence=answer.absence,
            )


@dataclass(frozen=True)
class _Answer:
    text: str | None
    finish_reason: str | None
    absence: str | None = None


def _body(line: Mapping[str, Any], where: str) -> tuple[Mapping[str, Any], str]:
    """Return (the server's reply, ""), or (nothing, why there is none)."""
    response, error = line.get("response"), line.get("error")
    if response is None and error is None:
        raise UserError(f"{where}: it has neither response nor error; answers of a batch have one of them")
    if isinstance(response, Mapping) and response.get("object") in (CHAT, TEXT):
        return response, ""  # as vLLM wrote it before 0.5.1
    reply = response.get("body") if isinstance(response, Mapping) else None
    status = response.get("status_code") if isinstance(response, Mapping) else None
    if error is None and status in (None, OK):
        if not isinstance(reply, Mapping):
            raise UserError(f"{where}: the response has no body; answers of a batch hold the server's reply there")
        return reply, ""
    said, code = error_text(error if error is not None else reply)
    return {}, f"the batch's request failed ({code or status or 'no status'}: {' '.join(said.split())[:LONGEST_WHY]})"


def _answers(body: Mapping[str, Any], where: str) -> list[_Answer]:
    kind = body.get("object")
    if kind not in (CHAT, TEXT):
        raise UserError(
            f"{where}: answers of /v1/chat/completions and /v1/completions are read, and this is "
            f"{f'of the kind {kind[:40]!r}' if isinstance(kind, str) else 'of no kind that is named'}"
        )
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not all(isinstance(one, Mapping) for one in choices):
        raise UserError(f"{where}: the reply has no choices")
    return [_answer(choice, kind, where) for choice in choices]


def _answer(choice: Mapping[str, Any], kind: str, where: str) -> _Answer:
    text = chat_text(choice.get("message"))[0] if kind == CHAT else choice.get("text")
    reason = choice.get("finish_reason")
    if text is None:
        return _Answer(None, None, f"the reply holds no text (it ended with {str(reason)[:40]!r})")
    if not isinstance(text, str):
        raise UserError(f"{where}: the text of a choice is {type(text).__name__}, not a string")
    return _Answer(text, FINISH_REASONS.get(reason.lower()) if isinstance(reason, str) else None)
