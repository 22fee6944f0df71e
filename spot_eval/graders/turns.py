"""The end of a reply: models that miss their end of turn go on with a new question and answer that too.

    "Thus $\\boxed{2}$.\\n\\nQuestion: What is 3+4?\\nAnswer: 7"   ->   "Thus $\\boxed{2}$."

Knows the usual headings of a new turn; nothing of answers. A grader reads the first turn, and the whole text only if
the first turn holds no answer.
"""

from __future__ import annotations

import re

_HEADING = (
    r"(?:new |next |another )?(?:question|problem|exercise|example|instruction|passage|task|query)(?: ?#?\d{1,3})?"
    r"|q\d{0,2}|user|human|student|customer|input|prompt|follow[- ]?up(?: question)?"
    r"|问题|题目|用户|問題|質問|사용자|질문|pregunta|usuario|utilisateur|frage|benutzer|pergunta|usuário"
    r"|вопрос|пользователь|प्रश्न|सवाल|سؤال|السؤال|প্রশ্ন|سوال|pertanyaan"
)
_NEW_TURN = re.compile(
    rf"\n[ \t]*(?:[*_#>\-]{{1,4}}[ \t]*)?(?:{_HEADING})[ \t]*[*_]{{0,2}}[ \t]*[:：][*_]{{0,2}}"
    rf"|\n[ \t]*#{{1,6}}[ \t]*(?:{_HEADING})[ \t]*\n"
    r"|<\|im_start\|>\s*user|<\|(?:user|eot_id|endoftext|im_end|end_of_turn)\|>|<start_of_turn>|<end_of_turn>"
    r"|\[INST\]|</s>|<\|start_header_id\|>",
    re.IGNORECASE,
)


def first_turn(text: str) -> str:
    r"""Return `text` up to the first mark of a new turn after its own beginning; all of it if there is none.

    >>> first_turn("It is 2.\n\nUser: What is 5+5?\nAssistant: 10")
    'It is 2.\n'
    """
    found = _NEW_TURN.search(text, len(text) - len(text.lstrip()))
    return text[: found.start()] if found and text[: found.start()].strip() else text
