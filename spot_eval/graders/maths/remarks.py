"""Take off what is said about an answer: an introduction, "for all x", "(but not 4)", "not 3 but"."""

from __future__ import annotations

from spot_eval.graders.maths.prose import HEDGES, LEAD, QUALIFIERS, REMARKS, all_prose, depth_of, named
from spot_eval.graders.maths.tokens import Token


def without_remarks(tokens: list[Token]) -> list[Token]:
    """Return `tokens` without remarks on the answer: an introduction, "for all x", "(but not 4)", "not 3 but"."""
    lower = [t.text.lower() if t.kind in ("word", "letters", "join") else "" for t in tokens]
    if lower[:1] == ["not"] and "but" in lower:
        tokens = tokens[lower.index("but") + 1 :]
        lower = [t.text.lower() if t.kind in ("word", "letters", "join") else "" for t in tokens]
    colons = [i for i, t in enumerate(tokens) if t.kind == ":" and not depth_of(tokens[:i])]
    if len(colons) == 1 and colons[0] and colons[0] + 1 < len(tokens):
        before, after = tokens[: colons[0]], tokens[colons[0] + 1]
        case = len(before) == 3 and before[0].kind == "name" and before[1].text == "=" and before[2].kind == "number"
        if any(t.kind in ("word", "letters") for t in before) or (case and after.gap and not tokens[colons[0]].gap):
            if not any(t.kind == "relation" for t in tokens[colons[0] + 1 :]) or case or not named(before):
                tokens = tokens[colons[0] + 1 :]
    if len(tokens) > 1 and tokens[0].text.lower() in ("a", "an") and tokens[1].gap and all_prose(tokens[1:]):
        tokens = tokens[1:]
    start = 0
    while start < len(tokens) and tokens[start].kind in ("word", "letters") and tokens[start].text.lower() in LEAD:
        start += 1
    if start and start < len(tokens) and not all_prose(tokens[start:]):
        tokens = tokens[start:]
    while tokens and tokens[0].kind == "relation" and tokens[0].text in ("~", "="):
        tokens = tokens[1:]
    for i, token in enumerate(tokens):
        if not i:
            continue
        name = token.text.lower()
        if (token.kind in ("word", "letters") and name in QUALIFIERS and not depth_of(tokens[:i])) or (
            token.kind == "command" and token.text in ("forall", "qquad", "because", "st")
        ):
            if name == "for" and i + 1 < len(tokens) and tokens[i + 1].kind == "number":
                continue  # 30 km/h for 3 hours
            tokens = tokens[:i]
            break
    tokens = _without_bracketed_remark(tokens)
    while (tokens and tokens[-1].kind in (",", ";", ":", "\\\\", "&")) or (
        tokens and tokens[-1].kind == "join" and len(tokens) > 1
    ):
        tokens = tokens[:-1]
    return tokens


def _without_bracketed_remark(tokens: list[Token]) -> list[Token]:
    if not tokens or tokens[-1].kind != ")":
        return tokens
    depth = 0
    for i in range(len(tokens) - 1, 0, -1):
        depth += (tokens[i].kind == ")") - (tokens[i].kind == "(")
        if not depth:
            inner = tokens[i + 1 : -1]
            first = next((t for t in inner if t.kind in ("word", "letters", "join")), None)
            if first and first.kind == "letters" and first.text.lower() not in REMARKS:
                return tokens
            if first and first.text.lower() == "base" and inner[-1].kind == "number":
                return [*tokens[:i], Token("_", "_"), inner[-1]]
            if first and first is inner[0] and first.text.lower() in ("mod", "modulo"):
                return tokens[:i]
            remark = first and first is inner[0] and (len(inner) > 1 or len(first.text) > 2)
            if not remark or inner[0].text.lower() in HEDGES - {"but"} or tokens[i - 1].kind == "command":
                return tokens
            if first and first.text.lower() == "but" and not (len(inner) > 1 and inner[1].text.lower() == "not"):
                return tokens
            return tokens[:i]
    return tokens


def without_modulus(tokens: list[Token]) -> list[Token]:
    r"""Return `tokens` without a modulus at their end: ``x = 2 \pmod 5``."""
    for i, token in enumerate(tokens):
        if i and token.kind == "command" and token.text in ("pmod", "mod", "bmod", "pod"):
            if token.text in ("pmod", "pod") or any(t.text == "=" for t in tokens[:i]):
                return tokens[:i]
    return tokens
