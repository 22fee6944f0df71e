r"""The words around a chosen letter: how a reply states or corrects it, in the common languages.

Patterns only; `multiple_choice` says how they are used. They read lines without markup. Every repetition is bounded.
"""

from __future__ import annotations

import re

_UP = r"\(?(?<![A-Za-z0-9'’.-])(?P<letter>[A-D])(?![A-Za-z0-9'’])\)?"
ALONE = r"\(?(?<![A-Za-z0-9'’.-])([A-D])(?![A-Za-z0-9'’])\)?"

_NOUNS = (
    r"answer|antwort|lösung|respuesta|réponse|reponse|resposta|risposta|ответ|antwoord|odpowiedź|jawaban|cevap|yanıt"
    r"|đáp án|答案|答え|回答|解答|正解|정답|답|उत्तर|जवाब|الإجابة|الاجابة|الجواب|উত্তর|جواب|คำตอบ"
)
_QUALITIES = (
    r"(?:the|my|our|final|correct|right|best|la|die|le|el|il|a|o|richtige|korrekte|endgültige|correcta|final|bonne|finale"
    r"|correta|правильный|окончательный|итоговый|最终|最後の|正确|正しい|सही|अंतिम|সঠিক|চূড়ান্ত|صحیح|درست)"
)
ASKED = re.compile(
    rf"^\W*(?:{_QUALITIES}\s*)*(?:{_NOUNS})(?:\s+(?:correcta|correta|correcte|finale|final|corretta|النهائية|الصحيحة))?"
    r"(?:\s*(?:[:：=→]|\s[-–—]{1,2}\s)\s*(?P<rest>.*)|\s+(?P<bare>\(?[A-D]\)?\W*)$|\W*$)",
    re.IGNORECASE,
)
TEMPLATE = re.compile(r"\W*(?:X|(?:(?:the|your|one)\s+)?letter)\W*", re.IGNORECASE)
TAG_OR_JSON = re.compile(
    r"<(?:final_)?answer>\s*([^<>]{1,200}?)\s*</(?:final_)?answer>"
    r"|[{,]\s*[\"'](?:final[_ ]?|correct[_ ]?)?(?:answer|choice|option|letter)[\"']\s*:\s*"
    r"[\"']?([^\"'{}\[\]\n,]{1,200})[\"']?",
    re.IGNORECASE,
)
OPEN_END = re.compile(
    r"(?i:\b(?:answer|option|choice|one))(?:\s+\w{1,12}){0,2}\s+(?:is|must be|should be)\s*:?\W*$"
    r"|(?:答案|答え|正解|정답|답)(?:是|为|は|은|는)\s*[:：]?\W*$"
    r"|(?i:\b(?:respuesta|réponse|resposta|antwort|opción)(?:\s+\w{1,12}){0,2}\s+(?:es|est|é|ist)\s*:?\W*$)"
)

_ADVERB = r"(?:\s*,?\s*(?:therefore|thus|hence|clearly|indeed|simply|then|so|definitely|obviously|probably|also)\s*,?)?"
_IS = r"(?:is|was|are|must be|has to be|should be|should have been|would be|will be|would have to be|[:=]|['’]s)"
_ENGLISH = (
    r"\b(?:answer|correct|right|best|final)(?:\s+(?:choice|option|answer|one|statement|alternative|response|letter|selection))?"
    rf"(?:\s+(?:here|to this question|to the question|for this question|i get))?{_ADVERB}\s*{_IS}{_ADVERB}\s*:?\s*"
    r"(?:(?:definitely|most likely|likely|not\s+\(?[A-D]\)?\s*,?\s*but(?:\s+rather)?|indeed|in fact)\s+)?"
    r"(?:(?:the\s+)?(?:option|choice|letter|answer|alternative|statement)\s*:?\s*)?"
    r"|\b(?:which is|corresponds? to|matches|matching)\s+(?:option|choice|answer)\s+"
    r"|\b(?:it|this|that)\s*(?:is|['’]s|must be|has to be|should be|can only be|would be)"
    r"(?:\s+(?:therefore|thus|clearly|indeed|actually|then|definitely))?\s+(?:(?:option|choice|answer)\s+)?"
    r"(?=\(?[A-D]\)?\s*(?:[.!,;]|$|\)\s*\S))"
    r"|\b(?:leaves|leaving|remains|remaining)(?:\s+(?:us|only|with|is))*\s+(?:(?:option|choice|answer)\s+)?"
    r"(?=\(?[A-D]\)?\s*(?:[.!,;]|$))"
    r"|\bmy\s+(?:final\s+)?(?:choice|pick|selection|guess|vote)\s*(?:is|goes to|[:=])\s*(?:(?:option|choice)\s+)?"
)
_EUROPEAN = (
    r"\b(?:respuesta|opción|alternativa|resposta|opção|risposta|opzione|réponse|reponse|antwort|lösung|antwoord"
    r"|odpowiedź|cevap|yanıt|jawaban(?:nya)?|ответ(?:ом)?|вариант(?:ом)?|đáp án|câu trả lời)"
    r"(?:\s+[^\W\d_]{2,14}){0,3}?\s*"
    r"(?:\b(?:es|est|é|è|ist|lautet|sería|serait|seria|is|to|jest|adalah|ialah|olarak|является|это|là)\b|—|–|-|:)\s*:?\s*"
    r"(?:(?:la|le|a|el|l['’]|o|die|der|das|una?|den)\s+)?"
    r"(?:(?:opción|option|opção|opzione|letra|lettre|lettera|alternativa|réponse|antwort|вариант|под буквой|буква)\s+)?"
    r"|\b(?:richtig ist|korrekt ist|correcta es|correcte est|correta é|corretta è|верно|правильно)\s*[:—–-]?\s*"
    r"(?:(?:la|die|a)\s+)?(?:(?:opción|option|opção|antwort|letra|вариант)\s+)?"
    r"|\b(?:cevap|yanıt)\s*[:：]?\s*"
)
_ASIAN = (
    r"(?:答案|正确选项|正確選項|正确的选项|正确答案)\s*(?:应该|应当|应|就|即)?\s*(?:是|为|為|：|:|选)\s*(?:选项|选|选择)?\s*"
    r"|(?:故|应|應|因此|所以|本题|综上)[，,]?(?:本题|我们|应|应该|该|正确答案)?\s*(?:选|選)(?:择|擇|项)?\s*[：:]?\s*"
    r"|而是\s*(?:选项|选)?\s*"
    r"|(?:答え|正解|解答|回答)\s*(?:は|：|:)\s*(?:選択肢\s*)?"
    r"|(?:정답|답)\s*(?:은|는|이|:)?\s*"
    r"|(?:उत्तर|जवाब|विकल्प)(?:\s+(?:है|हैं|होगा|यह|विकल्प))?\s*[:：-]?\s*(?:विकल्प\s+)?"
    r"|(?:উত্তর|উত্তরটি|বিকল্প)(?:\s*(?:হল|হলো|হবে|হচ্ছে))?\s*[:：-]?\s*(?:বিকল্প\s+)?"
    r"|(?:الإجابة|الاجابة|الجواب|الخيار)(?:\s+(?:الصحيحة|الصحيح|النهائية|النهائي)){0,2}"
    r"\s*(?:هي|هو)?\s*[:：-]?\s*(?:الخيار|الحرف|رقم)?\s*"
    r"|(?:صحیح|درست)?\s*جواب(?:\s+(?:ہے|یہ))?\s*[:：-]?\s*"
    r"|คำตอบ(?:ที่ถูกต้อง)?\s*(?:คือ|:)?\s*(?:ข้อ)?\s*"
)
SAID = re.compile(
    rf"(?:(?i:{_ENGLISH})|(?i:{_EUROPEAN})|{_ASIAN})(?P<letter>\(?[A-D](?![A-Za-z0-9'’]|['’]t\b)|\([a-d]\)"
    r"|(?<=\s)[b-d](?=\s*[.!]?\s*$)"
    r"|[A-D](?=['’](?:d[ıi]r|t[ıi]r)))"
)

_END = r"(?=\s*(?:[.!,;:]|$|\)\s*(?:[.!]|$)|because\b|since\b|as\b))"
CHOSEN = re.compile(
    r"\b(?i:(?:I|we)(?:\s+(?:am|are|will|would|shall|have to|must|can only|therefore|thus)|['’](?:ll|d|m))?\s+"
    r"(?:choose|chose|pick|picked|select|selected|go with|going with|went with|settle on|opt for|vote for|conclude)\s+)"
    rf"(?i:(?:option|choice|answer|letter|with|on)\s+){{0,2}}{ALONE}"
    rf"|(?:^|[.;,:!(]\s?|\b(?i:option|choice|answer|letter|statement|only|that|and|but|so|thus|hence|therefore|then"
    rf"|clearly|because|since)\s){ALONE}\s(?i:(?:is|must be|has to be)\s(?:(?:therefore|thus|hence|clearly|indeed)\s)?"
    r"(?:(?:the|my|our)\s)?(?:only\s|final\s)?"
    r"(?:(?:correct|right|best)(?:\s(?:answer|choice|option|one|statement))?(?=\s*(?:[.!,;:)]|$|because|since|as\b|by\b))"
    r"|(?:answer|choice)\b|(?<=only\s)(?:option|one|possibility|alternative)\b))"
    r"|(?:^|[.;,:!]\s|\b(?:and|but)\s)(?i:therefore|thus|hence|so|consequently|accordingly|which gives|the choice)\b"
    rf"[,:]?\s(?i:(?:it|we)\s(?:is|get|have)\s)?(?i:(?:the\s)?(?:option|choice|answer)\s(?:is\s)?)?{ALONE}{_END}"
    rf"|{ALONE}\s(?:es la (?:respuesta )?correcta|est la (?:bonne réponse|réponse correcte|bonne)|est correcte"
    r"|ist (?:richtig|korrekt|die richtige)|é a (?:resposta )?correta|è (?:la )?(?:risposta )?corretta|está correta"
    r"|es correcta|верн[оы]|правильн\w{1,4}|является правильным|正确|是正确|が正解|が正しい|सही है|সঠিক|صحيح|صحیح ہے)"
)
_FILLER = (
    r"(?:(?:so|it|that|this|the|my|final|correct|right|best|real|true|answer|option|choice|is|was|must|should|would"
    r"|has|to|be|i|think|believe|meant?|made|an?|mistake|error|again|wait|actually|no|rather|instead|in|fact|therefore"
    r"|thus|then|on|second|thoughts?|reflection|let|me|correct|myself|after|all|checking|re-?checking|reconsidering"
    r"|sorry|oops|hmm|of|course|see|now|choose|pick)(?:['’](?:s|m|d|ll))?[\s,:;.—–-]{1,4}){0,16}"
)
CORRECTED = re.compile(
    r"(?:(?i:(?<![\w’'])(?:wait|actually|correction|sorry|oops|hmm|scratch that|i mean|i meant|my mistake"
    r"|on (?:second thoughts?|(?:further )?reflection)|let me correct(?: myself| that)?"
    r"|i (?:now )?(?:see|think)(?: that)?)\b"
    r"[\s,:;.!—–-]{1,4}|(?<![\w’'])no[,.;:!—–-]{1,2}\s{0,2}|(?:->|→|=>)\s?(?:no[,.]?\s)?"
    r"|\b(?:but|however,?)\s(?:actually\s)?(?=(?:it|that|the (?:correct |right )?answer)\s(?:is|should|must))"
    r"|\brather,\s|\binstead,\s))"
    rf"(?i:{_FILLER})(?i:(?:the\s)?(?:option|choice|answer|letter)\s(?:is\s)?)?"
    rf"{_UP}(?=\s*(?:[.!,;]|$|\n|\)|(?i:(?:is|fits|seems|looks|works) (?:the )?"
    r"(?:much )?(?:correct|right|answer|best|better))|(?i:instead|because|since)\b))"
)
