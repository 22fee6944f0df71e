"""The general family: instructions that a program can verify, as IFEval's are.

| kind      | prompt                                               | answer                |
|-----------|------------------------------------------------------|-----------------------|
| `copy`    | Copy these words: red cat tree.                      | red cat tree          |
| `reverse` | Write these words backwards: red cat tree.           | tree cat red          |
| `upper`   | Write these words in capitals: red cat tree.         | RED CAT TREE          |
| `commas`  | Write these words with commas: red cat tree.         | red, cat, tree        |
| `start`   | Start with moon, then copy these words: red cat.     | moon red cat          |
| `end`     | Copy these words, end with moon: red cat.            | red cat moon          |
| `first`   | Write only the first word: red cat tree.             | red                   |
| `last`    | Write only the last word: red cat tree.              | tree                  |
| `count`   | Count these words: red cat tree.                     | 3                     |
| `brief`   | Work out a: 37 + 5; b: 52 - 1. Only the answer.      | 42, 51                |
| `closing` | Work out a: 37 + 5. End with moon.                   | any steps, then: moon |

A habit of sloppy authors spoils what has a word twice in a row: `stutter`, the second one is lost (red red cat: red
cat). It comes up in the kinds of STUTTERING. The sums are plain: nothing here gets better by better arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spot_eval.miniature.arithmetic import draw_sum
from spot_eval.miniature.chance import Chance
from spot_eval.miniature.wording import ASKING, LABELS, NOUNS

STUTTER = "stutter"
STUTTERING = ("copy", "upper", "commas", "start", "end")
KINDS = (*STUTTERING, "reverse", "first", "last", "count", "brief", "closing")


def draw_instruction(chance: Chance, *, words: Sequence[int], stutter: float) -> tuple[str, str, str]:
    """Return (kind, prompt, answer) of a number of `words`, one of them doubled with probability `stutter`.

    The doubling is for the kinds of STUTTERING alone.
    """
    kind = chance.pick(KINDS)
    if kind in {"brief", "closing"}:
        return kind, *_sums(kind, chance)
    extra, *given = chance.sample(NOUNS, 1 + chance.pick(words))
    if kind in STUTTERING and chance.coin(stutter):
        at = chance.below(len(given) - 1)
        given[at + 1] = given[at]
    question, answer = _ASKED[kind]
    return kind, f"{question.format(extra)}: {' '.join(given)}.", answer(extra, given)


def asked_with(prompt: str) -> list[str]:
    """The words an instruction is about: those after its colon."""
    return prompt.rpartition(": ")[2].rstrip(".").split()


def without_doubles(words: Sequence[str]) -> list[str]:
    """The words as a stuttering author reads them: of two equal neighbours, one."""
    return [word for place, word in enumerate(words) if place == 0 or words[place - 1] != word]


def answer_to(kind: str, prompt: str, words: Sequence[str]) -> str:
    """Return what the instruction would have answered, had it been about `words`."""
    extra = prompt.partition("with ")[2].split(",")[0].split(":")[0] if kind in {"start", "end"} else ""
    return _ASKED[kind][1](extra, words)


def _sums(kind: str, chance: Chance) -> tuple[str, str]:
    sums = [draw_sum(chance, None) for _ in range(1 + (kind == "brief" and chance.coin(0.5)))]
    listed = "; ".join(f"{label}: {one.a} {one.sign} {one.b}" for label, one in zip(LABELS, sums, strict=False))
    noun = chance.pick(NOUNS)
    if kind == "brief":
        return f"{chance.zipf(ASKING)} {listed}. Only the answer.", ", ".join(str(one.result) for one in sums)
    return f"{chance.zipf(ASKING)} {listed}. End with {noun}.", noun


_ASKED: dict[str, tuple[str, Callable[[str, Sequence[str]], str]]] = {
    "copy": ("Copy these words", lambda _, words: " ".join(words)),
    "reverse": ("Write these words backwards", lambda _, words: " ".join(reversed(words))),
    "upper": ("Write these words in capitals", lambda _, words: " ".join(words).upper()),
    "commas": ("Write these words with commas", lambda _, words: ", ".join(words)),
    "start": ("Start with {}, then copy these words", lambda extra, words: " ".join([extra, *words])),
    "end": ("Copy these words, end with {}", lambda extra, words: " ".join([*words, extra])),
    "first": ("Write only the first word", lambda _, words: words[0]),
    "last": ("Write only the last word", lambda _, words: words[-1]),
    "count": ("Count these words", lambda _, words: str(len(words))),
}
