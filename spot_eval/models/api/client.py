"""Ask an endpoint over HTTP: a request is tried until it is answered, refused, or not worth trying again.

Knows retries, rate limits and keys; nothing of prompts or models. Whatever the server says is made harmless before it
is shown or kept: one line, no control characters, never the key.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import math
import random
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC
from typing import Any, TypeVar

import httpx

from spot_eval.core.errors import UserError
from spot_eval.core.progress import Say
from spot_eval.display.messages import say
from spot_eval.models.api.settings import ApiSettings
from spot_eval.models.api.throttle import Throttle
from spot_eval.models.api.wire import MalformedReplyError, error_text

T = TypeVar("T")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
MOST_TIMEOUTS = 2  # a server that was silent for the whole timeout twice is not asked a third time
CONNECT_S = 10.0
LOOK_UP_S = 30.0  # for what a server need not generate
KEEPALIVE_S = 4.0  # servers hang up after five seconds, and a request sent meanwhile is lost
LARGEST_REPLY = 1 << 26  # bytes
SHORTEST_SECRET = 8  # a placeholder such as EMPTY is none, and may well stand in an answer
TRY_AGAIN = {408, 409, 425, 429}


class RefusedError(Exception):
    """The server understood and said no; asking again would not change that."""

    def __init__(self, status: int, said: str, code: str = "") -> None:
        super().__init__(f"the server answered {status}" + (f": {said}" if said else ""))
        self.status, self.said, self.code = status, said, code


class ExhaustedError(Exception):
    """The server gave no answer after all tries; `status` is its last one, None if it was silent."""

    def __init__(self, reason: str, status: int | None) -> None:
        super().__init__(reason)
        self.status = status


class _TransientError(Exception):
    """May go better next time, after `wait` seconds where the server said so."""

    def __init__(
        self, reason: str, *, status: int | None = None, wait: float | None = None, silent: bool = False
    ) -> None:
        super().__init__(reason)
        self.status, self.wait, self.silent = status, wait, silent


class Client:
    """Call it within the event loop that made it; `async with` closes its connections.

    Raises UserError if the environment names certificates or a proxy that cannot be used.
    """

    def __init__(self, settings: ApiSettings, tell: Say = say) -> None:
        self._settings = settings
        self._throttle = Throttle(settings.patience, tell)
        key = settings.key()
        self._secret = key if key and len(key) >= SHORTEST_SECRET else None
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._lanes: list[httpx.AsyncClient] = []
        self._free: list[httpx.AsyncClient] = []
        try:
            self._trusted = httpx.create_ssl_context()
        except OSError as problem:
            raise UserError(f"the certificates that SSL_CERT_FILE or SSL_CERT_DIR names: {problem}") from problem
        try:
            self._free.append(self._new_lane())
        except (ImportError, ValueError, httpx.InvalidURL) as problem:
            raise UserError(
                f"the proxy that the environment names cannot be used ({self._harmless(str(problem))}); "
                "mend HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, or unset it"
            ) from problem
        self._quiet_until = 0.0
        self._next_turn = 0.0
        self.tries = self.retried = 0

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        for lane in self._lanes:
            await lane.aclose()

    async def get(self, url: str, *, retries: int) -> Any:
        """The JSON at `url`, which takes no thinking to say; raises as `call` does."""
        return await self.call("GET", url, None, lambda payload: payload, retries=retries, longest=LOOK_UP_S)

    async def call(
        self,
        method: str,
        url: str,
        body: Any,
        read: Callable[[Any], T],
        *,
        retries: int | None = None,
        longest: float = math.inf,
    ) -> T:
        """Send a request until it is answered, and return what `read` makes of the JSON that comes back.

        Args:
            method: GET or POST. The answer to a GET does not end a throttle: servers answer it while they refuse work.
            url: the whole URL.
            body: JSON of the request; None for none.
            read: parses the reply; raises MalformedReplyError if its shape is wrong, which counts as a failed try.
            retries: tries after the first; the settings' number if None.
            longest: seconds to wait for each try, if that is less than the settings' timeout.

        Raises RefusedError if the server refuses, and ExhaustedError if all tries failed, the server was silent for two
        whole timeouts, or it throttles for longer than the patience.
        """
        allowed = self._settings.retries if retries is None else retries
        limit = min(longest, self._settings.timeout)
        failed = tried = silent = 0
        while True:
            await self._my_turn()
            try:
                tried += 1
                self.tries += 1
                found = read(await self._try(method, url, body, limit))
            except MalformedReplyError as problem:
                last = _TransientError(f"its answer cannot be used: {problem}")
            except _TransientError as problem:
                last = problem
            else:
                if method != "GET":  # a look-up is answered by servers that refuse all work, too
                    self._throttle.served()
                return found
            times = "once" if tried == 1 else f"{tried} times"
            if last.status == 429:
                self._throttle.met()
                if self._throttle.gives_up(last.wait or 0):
                    raise ExhaustedError(f"{last}; {self._throttle.reason()} (tried {times})", last.status) from last
            else:
                failed += 1
                silent += last.silent
            if failed > allowed or silent >= MOST_TIMEOUTS:
                raise ExhaustedError(f"{last} (tried {times})", last.status) from last
            self.retried += 1
            await self._pause(last, tried)

    async def _pause(self, last: _TransientError, tried: int) -> None:
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(tried - 1, 16))
        pause = min(random.uniform(longest / 2, longest), self._throttle.left())  # noqa: S311 - guards nothing
        if last.wait is not None:
            pause = last.wait + random.uniform(0, longest / 2)  # noqa: S311
            self._quiet_until = max(self._quiet_until, time.monotonic() + last.wait)
        if last.status == 429:
            self._throttle.waits(pause)
        await asyncio.sleep(pause)

    async def _my_turn(self) -> None:
        """Waits while the server wants quiet, and for a slot where requests a minute are limited."""
        while (left := self._quiet_until - time.monotonic()) > 0:
            await asyncio.sleep(left)
        if self._settings.requests_per_minute:
            turn = max(self._next_turn, time.monotonic())
            self._next_turn = turn + 60 / self._settings.requests_per_minute
            await asyncio.sleep(turn - time.monotonic())

    async def _try(self, method: str, url: str, body: Any, limit: float) -> Any:
        try:
            async with (
                asyncio.timeout(limit),
                self._lane() as http,
                http.stream(method, url, json=body) as response,
            ):
                content = await _content(response)
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            raise _TransientError(
                f"no connection ({self._harmless(str(problem)) or type(problem).__name__})"
            ) from problem
        except (TimeoutError, httpx.TimeoutException) as problem:
            raise _TransientError(f"no answer within {limit:g} s", silent=True) from problem
        except httpx.RequestError as problem:
            said = self._harmless(str(problem)) or type(problem).__name__
            raise _TransientError(f"the connection broke ({said})") from problem
        if self._secret:
            content = content.replace(self._secret.encode(), b"[key]")
        return self._payload(response, content)

    @contextlib.asynccontextmanager
    async def _lane(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client with one connection, for one request at a time.

        In a pool httpx looks at all connections for every request, which at 128 in flight costs more than the rest.
        """
        lane = self._free.pop() if self._free else self._new_lane()
        try:
            yield lane
        finally:
            self._free.append(lane)

    def _new_lane(self) -> httpx.AsyncClient:
        lane = httpx.AsyncClient(
            headers=self._headers,
            verify=self._trusted,
            timeout=httpx.Timeout(self._settings.timeout, connect=CONNECT_S, pool=None),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEPALIVE_S),
        )
        self._lanes.append(lane)
        return lane

    def _payload(self, response: httpx.Response, content: bytes) -> Any:
        """The JSON of a reply, or the error that its status means."""
        status = response.status_code
        try:
            payload = json.loads(content)
        except (ValueError, RecursionError):
            payload = content.decode("utf-8", "replace")
            if status == 200:
                kind = self._harmless(response.headers.get("content-type", "no content type"))
                raise _TransientError(f"its answer is not JSON ({kind})", status=status) from None
        if status == 200:
            return payload
        said, code = error_text(payload)
        said = self._harmless(said)
        if code != "insufficient_quota" and (status in TRY_AGAIN or status >= 500):
            shown = f"the server answered {status}" + (f": {said}" if said else "")
            raise _TransientError(shown, status=status, wait=retry_after(response.headers.get("retry-after")))
        if 300 <= status < 400:
            said = f"go to {self._harmless(response.headers.get('location', 'nowhere'))}"
        raise RefusedError(status, said, code)

    def _harmless(self, text: str) -> str:
        """`text` as one short line that can neither steer a terminal nor give the key away."""
        if self._secret:
            text = text.replace(self._secret, "[key]")
        line = "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
        return line if len(line) <= 200 else f"{line[:197]}..."


async def _content(response: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > LARGEST_REPLY:
            raise httpx.DecodingError(f"an answer of more than {LARGEST_REPLY >> 20} MB")
    return b"".join(parts)


def retry_after(value: str | None) -> float | None:
    """Return the seconds to wait by a Retry-After header, a number or a date; None if there is no valid one.

    >>> retry_after("2")
    2.0
    >>> retry_after("Thu, 01 Jan 1970 00:00:00 GMT")
    0.0
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - time.time()
    return max(0.0, seconds) if seconds == seconds else None  # noqa: PLR0124 - not a number is no time
