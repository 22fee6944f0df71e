"""Change bytes and JSON values at random: flips, cuts, types swapped, fields lost or doubled, deep nesting, odd numbers."""

from __future__ import annotations

import json
import math
import random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, -1, 0, 7.5, 10**400, -(10**30), 2**63, 1e308, math.nan, math.inf, -math.inf, "", "x", "\ud800", "\x00",
    "a\x1b[31m", "x" * 5000, "../../etc", "\u202e", "1" * 5000, "nan", [], {}, [[]], [None], {"": None}, ["x", 1, {}], {"x": []},
)  # fmt: skip
WORDS = (b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b"\n\n", b"\xe2\x80\xa8", b"\\ud800", b"NaN", b"1e999",
         b"9" * 400, b"[" * 3000, b'{"a":' * 3000, b"{", b"}", b'"', b"'", b":", b"- ", b"&a *a", b"!!python/name:os.system",
         b"!function x.y", b"<<: *a", b"{% for a in range(9) %}", b"{{ 1/0 }}", b"{{", b"%}", b"\t", b"#")  # fmt: skip


def changed_bytes(content: bytes, draw: random.Random) -> bytes:
    """Return `content` with one to four changes of bytes."""
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        at = draw.randrange(len(content) + 1)
        end = min(len(content), at + draw.choice((1, 1, 4, 30, 300)))
        match draw.randrange(7):
            case 0:
                content = content[:at]
            case 1:
                content = content[:at] + content[end:]
            case 2:
                content = content[:end] + content[at:]
            case 3 if at < len(content):
                content = content[:at] + bytes([content[at] ^ (1 << draw.randrange(8))]) + content[at + 1 :]
            case 4:
                content = content[:at] + draw.randbytes(end - at) + content[end:]
            case _:
                content = content[:at] + draw.choice(WORDS) + content[draw.choice((at, end)) :]
    return content


def changed_value(value: Any, draw: random.Random) -> Any:
    """Return a copy of a JSON value in which one to three places hold something odd, or are gone."""
    value = json.loads(json.dumps(value))
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        places = list(_places(value))
        if not places:
            return draw.choice(ODD)
        holder, name = draw.choice(places)
        match draw.randrange(8):
            case 0:
                del holder[name]
            case 1 if isinstance(holder, dict):
                holder[draw.choice(("", "x", "\ud800", "id", "task", "seed"))] = holder[name]
            case 2:
                other, there = draw.choice(places)
                if there in other if isinstance(other, dict) else there < len(other):
                    holder[name] = json.loads(json.dumps(other[there]))
            case 3:
                for _ in range(draw.choice((3, 90, 150))):
                    holder[name] = [holder[name]]
            case _:
                holder[name] = draw.choice(ODD)
    return value


def _places(value: Any) -> Any:
    """Yield (holder, name or index) of every part of a value."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield value, name
        yield from _places(part)


def changed_lines(content: bytes, draw: random.Random) -> bytes:
    """Return JSON Lines of which one has another value or a name twice, or stands twice, elsewhere or not at all."""
    lines = content.splitlines(keepends=True)
    at = draw.randrange(len(lines))
    match draw.randrange(8):
        case 0:
            del lines[at]
        case 1:
            lines.insert(draw.randrange(len(lines) + 1), lines[at])
        case 2:
            lines[at] = b'{"task": 1, ' + lines[at][1:]
        case _:
            lines[at] = json.dumps(changed_value(json.loads(lines[at]), draw)).encode() + b"\n"
    return b"".join(lines)


def changed_json(content: bytes, draw: random.Random) -> bytes:
    """Return a JSON file with another value at one to three places."""
    return json.dumps(changed_value(json.loads(content), draw)).encode()
