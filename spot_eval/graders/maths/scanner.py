r"""Scan an answer for its tokens: LaTeX, ASCII and Unicode mathematics, the words of ``\text`` apart from variables.

A worked example: ``12,500 \text{ km}`` gives the number 12500 and the word ``km``. Knows nothing of grammar
(`reader` does); every scan is linear in the text.
"""

from __future__ import annotations

import re

from spot_eval.graders.maths.digits import GROUPED_NUMBER, NUMBER, SPACE, read_number
from spot_eval.graders.maths.groups import group, group_end, starts_group
from spot_eval.graders.maths.symbols import (
    ACCENTS,
    ALIASES,
    ASCII_NAMES,
    FUNCTIONS,
    GREEK,
    MODULES,
    PROSE,
    RELATIONS,
    STYLE,
)
from spot_eval.graders.maths.tokens import Token, UnreadableError

_COMMAND = re.compile(r"\\([A-Za-z]+)\*?")
_LETTERS = re.compile(r"[A-Za-z]+")
_PROSE_WORD = re.compile(r"[^\W\d_]+(?:['’.-](?=[^\W\d_])[^\W\d_]+)*")


def tokenize(text: str, *, grouped: bool = True, scientific: bool = True) -> list[Token]:
    """Return the tokens of `text`, which `spell` has prepared. Raise UnreadableError at a character of no meaning.

    Args:
        text: the answer.
        grouped: read ``1,234`` as one number, not as a list.
        scientific: read ``2e-2`` as 0.02, not as twice e, less 2.
    """
    return _Scanner(grouped, scientific).scan(text, prose=False)


class _Scanner:
    def __init__(self, grouped: bool, scientific: bool) -> None:
        self.number = GROUPED_NUMBER if grouped else NUMBER
        self.scientific = scientific

    def scan(self, text: str, prose: bool) -> list[Token]:
        out: list[Token] = []
        at, gap = 0, False
        while at < len(text):
            if text.startswith("\\\\", at):
                out.append(Token("\\\\", "\\\\", gap, prose))
                at, gap = at + 2, False
                continue
            space = SPACE.match(text, at)
            if space:
                at, gap = space.end(), True
                continue
            number = self.number.match(text, at)
            if number:
                token, at = read_number(text, number, self.scientific)
                out.append(token._replace(gap=gap, prose=prose))
            elif text[at] == "\\":
                at = self._command(text, at, gap, prose, out)
            elif prose and (word := _PROSE_WORD.match(text, at)):
                out.append(_prose(word[0], gap))
                at = word.end()
            elif module := MODULES.match(text, at):
                at = module.end()
            elif letters := _LETTERS.match(text, at):
                if _is_minutes(letters[0], text[letters.end() :], out):
                    out.append(Token("letters", "min", gap))
                else:
                    self._letters(letters[0], gap, out)
                at = letters.end()
            else:
                at = self._character(text, at, gap, prose, out)
            gap = False
        return out

    def _command(self, text: str, at: int, gap: bool, prose: bool, out: list[Token]) -> int:
        command = _COMMAND.match(text, at)
        if not command:
            c = text[at + 1 : at + 2]
            kind = {"%": "%", "$": "$", "{": "\\{", "}": "\\}", "|": "||", "#": "#", "&": "word", "_": "_"}.get(c)
            if c == "\\" or not kind:
                raise UnreadableError(f"the command \\{c}")
            out.append(Token(kind, c, gap, prose))
            return at + 2
        name, at = command[1], command.end()
        name = ALIASES.get(name, name)
        if name in ("textcolor", "color", "colorbox", "fontsize", "hspace", "vspace", "kern", "hskip"):
            return group_end(text, at) if starts_group(text, at) else at
        if name in STYLE:
            return self._styled(text, at, name, gap, out)
        if name in PROSE:
            if not starts_group(text, at):
                return at
            start, end = group(text, at)
            inner = text[start:end]
            bare = inner.strip()
            if _is_minutes(bare, text[end + 1 :], out):
                out.append(Token("word", "min", gap, prose=True))
            elif name in ("mathrm", "operatorname", "text") and bare in FUNCTIONS | {"e", "i", "d"}:
                self._letters(bare, gap, out)
            else:
                out.extend(_with_gap(self.scan(inner, prose=True), gap or inner[:1].isspace()))
            return end + 1
        if name in ACCENTS:
            return self._accented(text, at, name, gap, out)
        if name in ("begin", "end"):
            start, end = group(text, at)
            out.append(Token(name, text[start:end].strip("* "), gap))
            at = end + 1
            if name == "begin" and "array" in text[start:end] and starts_group(text, at):
                at = group_end(text, at)
            return at
        if name in ("mathbb", "Bbb"):
            if not starts_group(text, at):
                raise UnreadableError("a bare \\mathbb")
            start, end = group(text, at)
            out.append(Token("command", "set " + text[start:end].strip(), gap))
            return end + 1
        if name in ("tag", "label"):
            return group_end(text, at)
        if name == "not":
            rest = SPACE.sub("", text[at : at + 8])
            if rest.startswith("="):
                out.append(Token("relation", "!=", gap))
                return text.index("=", at) + 1
            raise UnreadableError("a negated relation")
        if name in RELATIONS:
            relation = RELATIONS[name]
            out.append(Token("|" if relation == "|" else "relation", relation, gap))
        elif name in ("lor", "land"):
            out.append(Token("join", "or" if name == "lor" else "and", gap))
        elif name in GREEK:
            out.append(Token("name", name, gap))
        elif name in ("lfloor", "rfloor", "lceil", "rceil", "langle", "rangle", "circ", "infty", "pi", "pm", "mp"):
            out.append(Token(name, name, gap))
        elif name in ("{", "}"):
            out.append(Token("\\" + name, name, gap))
        elif len(name) == 1 and name.isalpha():
            out.append(Token("name", name, gap))
        elif not name or not name.isalpha():
            if name:
                out.append(Token(name, name, gap))
        else:
            out.append(Token("command", name, gap))
        return at

    def _styled(self, text: str, at: int, name: str, gap: bool, out: list[Token]) -> int:
        while text[at : at + 1] == "[":  # \framebox[2cm]{3}
            at = text.index("]", at) + 1 if "]" in text[at:] else at + 1
        if not starts_group(text, at):
            return at
        start, end = group(text, at)
        inner = text[start:end].strip()
        if "phantom" in name:
            return end + 1
        if name in ("mathbf", "boldsymbol", "bm") and inner in ("i", "j", "k"):
            out.append(Token("name", f"unit vector {inner}", gap))
            return end + 1
        prose = name in {"framebox", "fbox"}
        out.extend(_with_gap(self.scan(inner, prose=prose), gap))
        return end + 1

    def _accented(self, text: str, at: int, name: str, gap: bool, out: list[Token]) -> int:
        if starts_group(text, at):
            start, end = group(text, at)
            inner, at = text[start:end], end + 1
        else:
            letters = re.compile(
                r"\s*(\\[A-Za-z]+|[A-Za-z]+|[0-9])"
                if name in ("angle", "triangle")
                else r"\s*(\\[A-Za-z]+|[A-Za-z0-9])"
            ).match(text, at)
            if not letters:
                raise UnreadableError(f"a bare \\{name}")
            inner, at = letters[1], letters.end()
        inner = re.sub(r"[\s{}\\]", "", inner)
        if name in ("hat", "vec", "widehat", "overrightarrow") and inner in ("i", "j", "k", "imath", "jmath"):
            out.append(Token("name", f"unit vector {inner[0]}", gap))
        elif name in ("vec", "overrightarrow"):
            out.append(Token("name", inner if len(inner) == 1 else f"vec {inner}", gap))
        else:
            out.append(Token("name", f"{name} {inner}", gap))
        return at

    def _letters(self, run: str, gap: bool, out: list[Token]) -> None:
        if run in FUNCTIONS:
            out.append(Token("command", run, gap))
        elif run.lower() in ("or", "and"):
            out.append(Token("join", run.lower(), gap))
        elif run in ASCII_NAMES:
            name = ASCII_NAMES[run]
            out.append(Token("command" if name == "cup" else name, name, gap))
        elif run == "pi":
            out.append(Token("pi", "pi", gap))
        elif run in GREEK:
            out.append(Token("name", run, gap))
        elif run.lower() in ("percent", "pct", "percentage"):
            out.append(Token("%", "%", gap))
        else:
            out.append(Token("name" if len(run) == 1 else "letters", run, gap))

    def _character(self, text: str, at: int, gap: bool, prose: bool, out: list[Token]) -> int:
        c = text[at]
        for spelled, meaning in (("<=", "<="), (">=", ">="), ("!=", "!="), ("=<", "<="), ("==", "="), ("->", "=")):
            if text.startswith(spelled, at) and not (
                spelled == "!="
                and gap is False
                and out
                and _ends_value(out[-1])
                and text[at + 2 : at + 3].isspace()
                and not text[at - 1 : at].isspace()
            ):
                out.append(Token("relation", meaning, gap, prose))
                return at + 2
        if text.startswith("**", at):
            out.append(Token("^", "^", gap, prose))
            return at + 2
        if c in "=<>":
            out.append(Token("relation", c, gap, prose))
        elif c in "+-*/^_!%(){}[]|,;:&'€£¥₹":
            out.append(Token(c, c, gap, prose))
        elif c.isalpha() and not c.isascii():
            word = _PROSE_WORD.match(text, at)
            out.append(Token("word", word[0] if word else c, gap, True))
            return word.end() if word else at + 1
        elif c == "." and (prose or not text[at + 1 :].strip(". $\n")):
            pass  # the end of a sentence
        elif prose and c in "\"'?`":
            pass
        else:
            raise UnreadableError(f"the character {c!r}")
        return at + 1


def _ends_value(token: Token) -> bool:
    return token.kind in ("number", "name", "letters", ")", "}")


def _prose(word: str, gap: bool) -> Token:
    lower = word.lower()
    if lower in ("or", "and"):
        return Token("join", lower, gap, True)
    if lower in ("percent", "pct", "percentage"):
        return Token("%", "%", gap, True)
    return Token("word", word, gap, True)


def _with_gap(tokens: list[Token], gap: bool) -> list[Token]:
    return [tokens[0]._replace(gap=True), *tokens[1:]] if tokens and gap else tokens


def _is_minutes(word: str, rest: str, before: list[Token]) -> bool:
    """Return True if `word` is the unit "min": it follows a number and is applied to nothing."""
    return (
        word == "min" and bool(before) and before[-1].kind == "number" and rest.lstrip(" ~")[:1] not in ("(", "{", "\\")
    )
