"""An endpoint in this process that speaks OpenAI's protocol as well, or as badly, as a test wants it to."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ID = "org/served"


@dataclass(frozen=True)
class Say:
    """An answer with a body as it stands."""

    status: int
    body: bytes | str | dict[str, Any] | list[Any]
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0


@dataclass(frozen=True)
class Cut:
    """The connection is closed: before anything is said, or within the body."""

    within_body: bool = False


Move = Say | Cut
Behaviour = Callable[[dict[str, Any], int], Move | None]
"""(what is asked, how often this was asked before) to what is done; None: a good answer."""


def answer(asked: dict[str, Any]) -> str:
    """The text a good answer holds: a function of prompt, seed and sampling, as a model's is."""
    deciding = [asked.get(name) for name in ("messages", "prompt", "temperature", "top_p", "top_k", "seed")]
    if not asked.get("temperature"):
        deciding.pop()
    return "The answer is \\boxed{" + hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:8] + "}"


def good(asked: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The reply of a server that behaves, with some of its choice changed."""
    text = answer(asked)
    said = {"message": {"role": "assistant", "content": text}} if "messages" in asked else {"text": text}
    prompt = asked.get("prompt")
    length = len(prompt) if isinstance(prompt, list) else 7
    usage = {"prompt_tokens": length, "completion_tokens": 11}
    return {"choices": [{"index": 0, "finish_reason": "stop", **said, **changes}], "usage": usage}


class Endpoint:
    """A server on loopback; `behave` may be changed while it runs."""

    def __init__(self, behave: Behaviour | None = None, models: list[dict[str, Any]] | None = None) -> None:
        self.behave: Behaviour = behave or (lambda asked, before: None)
        self.models: list[dict[str, Any]] | None = [{"id": ID}] if models is None else models
        self.key: str | None = None
        self.counts: Callable[[dict[str, Any]], int] | None = None
        self.asked: list[dict[str, Any]] = []
        self.keys_seen: list[str] = []
        self.at_once = self.most_at_once = 0
        self._seen = Counter[str]()
        self._lock = threading.Lock()
        endpoint = self

        class Handler(_Handler):
            owner = endpoint

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def move(self, asked: dict[str, Any]) -> Move:
        """What to do about one request."""
        with self._lock:
            name = json.dumps({key: asked.get(key) for key in ("messages", "prompt", "seed")}, sort_keys=True)
            before = self._seen[name]
            self._seen[name] += 1
            self.asked.append(asked)
        return self.behave(asked, before) or Say(200, good(asked))

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Counts requests that are under way."""
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            yield
        finally:
            with self._lock:
                self.at_once -= 1

    def stop(self) -> None:
        """Closes the port and cuts every connection."""
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *rest: Any) -> None:
        self.sockets: set[Any] = set()
        super().__init__(*rest)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.sockets.add(request)
        super().process_request(request, client_address)

    def cut_all(self) -> None:
        for connection in list(self.sockets):
            with suppress(OSError):
                connection.shutdown(2)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news here."""


class _Handler(BaseHTTPRequestHandler):
    owner: Endpoint
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def _allowed(self) -> bool:
        given = self.headers.get("Authorization", "")
        self.owner.keys_seen.append(given)
        if self.owner.key is None or given == f"Bearer {self.owner.key}":
            return True
        self._say(Say(401, {"error": {"message": f"wrong key: {given}", "code": "invalid_api_key"}}))
        return False

    def do_GET(self) -> None:
        if not self._allowed():
            return
        if self.owner.models is None:
            self._say(Say(404, {"error": {"message": "no such path"}}))
        else:
            self._say(Say(200, {"object": "list", "data": self.owner.models}))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._allowed():
            return
        if self.path.endswith("/tokenize"):
            counts = self.owner.counts
            self._say(Say(200, {"count": counts(asked)}) if counts else Say(404, {"detail": "Not Found"}))
            return
        with self.owner.busy():
            self._do(self.owner.move(asked))

    def _do(self, move: Move) -> None:
        if isinstance(move, Say):
            time.sleep(move.after_s)
            self._say(move)
            return
        if move.within_body:
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"choices": [')
            self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)

    def _say(self, move: Say) -> None:
        body = move.body if isinstance(move.body, (bytes, str)) else json.dumps(move.body)
        content = body if isinstance(body, bytes) else body.encode()
        self.send_response(move.status)
        for name, value in {"Content-Type": "application/json", **move.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
