"""Words that make a statement no statement: denials, suppositions, temptations and conditions, in front or behind.

    "If the answer is C, energy is not conserved"   supposed: it states nothing
    "A common mistake is to say the answer is 4"     reported of others: likewise
    "If instead n = 3, the answer is 7"              conditional: it counts only if nothing else is stated

Patterns over one line of text, shared by the graders that read prose. Every repetition is bounded.
"""

from __future__ import annotations

import re
from typing import Literal

Standing = Literal["stated", "conditional", "void"]

_DENIED_BEFORE = re.compile(
    r"\b(?:neither|nor|not|none|no|never|whether|cannot|incorrectly|wrongly)\b|n['’]t\b", re.IGNORECASE
)
_SUPPOSED_BEFORE = re.compile(
    r"\b(?:if|suppose|supposing|assume|assuming|imagine|unless|were)\b(?:\s+that)?(?:\s+(?:the|our|my|option|choice))*\W*$"
    r"|\b(?:if|suppose|assuming|assume)\b[^,]{0,40}$"
    r"|\b(?:tempting|tempted|trap|mistaken(?:ly)?|distractor|naively|naive|misconception|at first|initially|first"
    r"|mistake is|error is|originally|earlier|previously|one (?:might|may|could)|you (?:might|may|could)"
    r"|(?:might|may|could|would) (?:think|say|guess|conclude|suggest)|(?:some|many|most) (?:students|people|would)"
    r"|(?:others|he|she|they|student|someone|book|key|claims?) (?:say|says|claim|claims|think|thinks|said)"
    r"|i (?:first |had |initially )?thought|it is said)\b[^.;!?]{0,80}$"
    r"|\b(?:why|how can|could|would|might|may|does|is it)\s(?:the\s)?$"
    r"|\b(?:si|falls|wenn|se|если|यदि|अगर|যদি|إذا|لو|اگر)\b[^,，]{0,30}$"
    r"|(?:如果|若|假设|もし|만약)[^,，]{0,30}$",
    re.IGNORECASE,
)
_CONDITION_BEFORE = re.compile(
    r"\b(?:if|when|whenever|provided|in case|in the case|had|with|without"
    r"|(?<!ask )(?<!asks )(?<!asked )(?<!asking )(?<!look )(?<!looking )(?<!solve )(?<!solved )(?<!solving )for"
    r")\b[^.;]{0,100},[^.;,]{0,40}$",
    re.IGNORECASE,
)
_CONDITION_AFTER = re.compile(
    r"\)?\s*,?\s*(?:only\s)?(?:if|when|unless|provided|in case|for n\b|under|assuming)\b", re.IGNORECASE
)
DENIED_AFTER = re.compile(
    r"[)\s]{0,3}(?:is|are|was|would be|can['’]?t be|cannot be|seems|looks|could be|has been|can be|may be)?\s*"
    r"(?:definitely |clearly |also |both |therefore |thus )?"
    r"(?:not\b(?! only)|wrong|incorrect|false|impossible|ruled out|eliminated|excluded|too (?:small|large|big|low|high)"
    r"|n['’]t\b|isn['’]t|a (?:trap|mistake|distractor)|错|不对|不正确|は(?:誤|間違)|неверн|неправильн|falsch)"
    r"|\)?\s*\?",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?;]\s|\n|\b(?:but|however|yet)\b")
_CLAUSE_END = re.compile(r"[.!?;:,\n]")


def standing(text: str, start: int, end: int) -> Standing:
    """Return how the statement `text[start:end]` stands: stated, only under a condition, or void.

    >>> line = "If n = 3, the answer is 7"
    >>> standing(line, line.index("the"), len(line)), standing("the answer is 7", 0, 15)
    ('conditional', 'stated')
    """
    before = text[max(0, start - 120) : start]
    sentence, clause = _SENTENCE_END.split(before)[-1], _CLAUSE_END.split(before)[-1]
    after = text[end : end + 60]
    if _DENIED_BEFORE.search(clause) or _SUPPOSED_BEFORE.search(sentence) or DENIED_AFTER.match(after):
        return "void"
    conditional = _CONDITION_BEFORE.search(sentence) or _CONDITION_AFTER.match(after)
    return "conditional" if conditional else "stated"
