"""Run in an engine process of vLLM: `python -m spot_eval.models.vllm.process FD`, started by `shards.Shard`.

    first it is told {"model", "arguments", "trust_remote_code", "lora_rank", "memory_share", "parent"}, and answers
    what vLLM would make of them;
    then {"stop_ids"}: it loads the weights, and answers once it is ready;
    then {"adapter": folder or null}, while it has nothing to do: it answers {"ready"}, or {"refused"}, and all later
    requests are answered with that LoRA adapter;
    then requests {"key", "prompt", "temperature", "top_p", "top_k", "max_tokens", "seed", "until"}, each answered by
    {"key", "tokens", "reason", "text"} as it finishes, or by {"key", "refused"};
    or {"key", "prompt", "read_from", "top"}: nothing is generated, and {"key", "read"} answers with the log-probs at
    each token of the prompt from there on.

It ends when its socket does. The only module that imports vLLM; it knows token ids and no prompts, files or tasks.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any, NoReturn

from spot_eval.models.vllm.lifetime import die_with_parent

if __name__ == "__mp_main__":  # a process that vLLM has spawned from this one: before anything else can go wrong
    die_with_parent()

ALIVE_EVERY_S = 1.0


class Channel:
    """Our end of the socket: JSON lines, whole ones, from any thread."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._lines = end.makefile("rb")
        self._writing = threading.Lock()

    def read(self) -> dict[str, Any] | None:
        """The next message; None if there will be none."""
        try:
            line = self._lines.readline()
        except ConnectionResetError:
            return None
        return json.loads(line) if line.endswith(b"\n") else None

    def send(self, *messages: Mapping[str, Any]) -> None:
        """Send `messages` together."""
        content = b"".join(json.dumps(message, separators=(",", ":")).encode() + b"\n" for message in messages)
        with self._writing:
            self._socket.sendall(content)


def main() -> None:
    """Run the process as the module's docstring describes."""
    sys.excepthook = _leave_at_once
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    order = channel.read()
    if order is None:
        return
    die_with_parent(order["parent"])
    os.register_at_fork(after_in_child=die_with_parent)

    from spot_eval.models.vllm.arguments import RefusedArgumentError, engine_config, facts

    try:
        config = engine_config(
            order["model"],
            order["arguments"],
            trust_remote_code=order["trust_remote_code"],
            lora_rank=order["lora_rank"],
            memory_share=order["memory_share"],
        )
    except RefusedArgumentError as problem:
        channel.send({"refused": str(problem)})
        return
    channel.send(facts(config))
    order = channel.read()
    if order is None:
        return

    from vllm import LLMEngine
    from vllm.usage.usage_lib import UsageContext

    engine = LLMEngine.from_vllm_config(config, usage_context=UsageContext.LLM_CLASS, disable_log_stats=True)
    threading.Thread(target=_watch_children, args=[channel], daemon=True).start()
    vocabulary = config.model_config.get_vocab_size()
    channel.send({"ready": True})
    serve(engine, channel, [token for token in order["stop_ids"] if token < vocabulary])
    engine.engine_core.shutdown()
    os._exit(0)


def serve(engine: Any, channel: Channel, stop_ids: list[int]) -> None:
    """Answers requests until the socket ends."""
    from vllm.v1.engine.exceptions import EngineDeadError

    inbox = SimpleQueue[dict[str, Any] | None]()
    threading.Thread(target=_read, args=[channel, inbox, engine], daemon=True).start()
    adapters = Adapters(engine)
    read_from: dict[str, int] = {}
    said = 0.0
    try:
        while True:
            while not inbox.empty() or not engine.has_unfinished_requests():
                request = inbox.get()
                if request is None:
                    return
                if "adapter" in request:
                    channel.send(adapters.use(request["adapter"]))
                else:
                    if "read_from" in request:
                        read_from[request["key"]] = request["read_from"]
                    _add(engine, request, stop_ids, channel, adapters.in_use)
            answers = [_answer(output, read_from) for output in engine.step() if output.finished]
            now = time.monotonic()
            if answers or now - said > ALIVE_EVERY_S:
                said = now
                channel.send(*answers or [{"alive": True}])
    except EngineDeadError:
        _die(channel, "its engine core failed")
    except (BrokenPipeError, ConnectionResetError):  # nobody is left to answer to
        os._exit(1)


class Adapters:
    """The LoRA adapter in use. vLLM keeps those that are loaded, by a number each, and drops the oldest."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._numbers: dict[str, int] = {}
        self.in_use: Any = None

    def use(self, path: str | None) -> dict[str, Any]:
        """Load the adapter in the folder `path`, none if None; return the answer for the other side."""
        self.in_use = None
        if path is None:
            return {"ready": True}
        from vllm.lora.request import LoRARequest
        from vllm.v1.engine.exceptions import EngineDeadError

        number = self._numbers.setdefault(path, len(self._numbers) + 1)
        request = LoRARequest(f"adapter-{number}", number, path)
        try:
            self._engine.add_lora(request)
        except EngineDeadError:
            raise
        except Exception as problem:  # noqa: BLE001 - vLLM's core raises a bare Exception for whatever its worker raised
            return {"refused": f"vLLM cannot load the adapter {path}: {' '.join(str(problem).split())[:500]}"}
        self.in_use = request
        return {"ready": True}


def _read(channel: Channel, inbox: SimpleQueue[dict[str, Any] | None], engine: Any) -> None:
    while (message := channel.read()) is not None:
        inbox.put(message)
    if engine.has_unfinished_requests():  # nobody waits for these any more, and a step can take long
        os._exit(0)
    inbox.put(None)


def _add(engine: Any, request: Mapping[str, Any], stop_ids: list[int], channel: Channel, adapter: Any) -> None:
    from vllm.exceptions import VLLMClientError

    try:
        parameters = _reading(request) if "read_from" in request else _sampling(request, stop_ids)
        (prompt,) = engine.renderer.render_cmpl([{"prompt_token_ids": request["prompt"]}])
        engine.add_request(request["key"], prompt, parameters, lora_request=adapter)
    except (VLLMClientError, ValueError) as problem:
        channel.send({"key": request["key"], "refused": str(problem)})


def _sampling(request: Mapping[str, Any], stop_ids: list[int]) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=request["temperature"],
        top_p=request["top_p"],
        top_k=request["top_k"],
        max_tokens=request["max_tokens"],
        seed=request["seed"] if request["temperature"] else None,
        stop=request["until"] or None,
        stop_token_ids=stop_ids,
        ignore_eos=True,  # `stop_ids` hold all that end an answer
        detokenize=bool(request["until"]),  # only to find them: texts are made from the tokens, on the other side
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _reading(request: Mapping[str, Any]) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=0.0,
        max_tokens=1,  # vLLM generates at least one; nobody looks at it
        prompt_logprobs=request["top"],
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _answer(output: Any, read_from: dict[str, int]) -> dict[str, Any]:
    if (start := read_from.pop(output.request_id, None)) is not None:
        places = [
            [[token, round(one.logprob, 7)] for token, one in place.items()] for place in output.prompt_logprobs[start:]
        ]
        return {"key": output.request_id, "read": places}
    (completion,) = output.outputs
    return {
        "key": output.request_id,
        "tokens": list(completion.token_ids),
        "reason": completion.finish_reason,
        "text": completion.text if isinstance(completion.stop_reason, str) else None,
    }


def _watch_children(channel: Channel) -> None:
    """vLLM's own `step` waits for ever for an engine core that was killed."""
    import multiprocessing
    from multiprocessing.connection import wait

    children = {child.sentinel: child for child in multiprocessing.active_children()}
    if children:
        ended = children[wait(list(children))[0]]  # type: ignore[index]
        ended.join()
        status = ended.exitcode or 0
        how = f"killed by signal {-status}" if status < 0 else f"exit code {status}"
        _die(channel, f"its process {ended.name} is gone, {how}")


def _die(channel: Channel, why: str) -> NoReturn:
    traceback.print_exc()
    channel.send({"died": why})
    os._exit(1)


def _leave_at_once(kind: Any, problem: Any, trace: Any) -> NoReturn:
    """An error nobody caught: its traceback is what the other side reads; clean-up of a broken engine can hang."""
    traceback.print_exception(kind, problem, trace)
    sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    main()
