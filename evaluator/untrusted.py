"""Text from outside on its way into a prompt: what says nothing aloud goes, and nothing can end its line or block."""

import json
import re
from collections.abc import Mapping

# Control, format (zero-width, bidirectional, tags), private-use and half characters, invisible fillers and separators:
# they say nothing aloud, yet a model reads them, and a person who checks the page does not.
UNSPOKEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f"
    "\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\ue000-\uf8ff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]+"
)
# They only choose how the character before them is drawn, so that nothing remains of them, not even a space.
_VARIATION = re.compile("[\ufe00-\ufe0f]+")
# Where a joiner is part of the spelling: Arabic (Persian, Urdu), Syriac, Mandaic, the scripts of India, Sinhala, Thai
# to Myanmar, Khmer, Mongolian. One between two such letters stays; elsewhere it is as unspoken as the rest.
_JOINING = (
    "\u0600-\u061b\u061d-\u07ff\u0840-\u109f\u1780-\u17b3\u17b6-\u17ff\u1820-\u18af\ua840-\ua8ff"
    "\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc"
)
_JOINED = re.compile(f"(?<=[{_JOINING}])([\u200c\u200d])(?=[{_JOINING}])")
# Pictures are glued to one (a family, a flag): without it there are two pictures, which says the same.
_GLUED = re.compile("(?<=[\u2190-\u2bff\U0001f000-\U0001faff])\u200d(?=[\u2190-\u2bff\U0001f000-\U0001faff])")
_KEPT = {"\u200c": "\ufdd0", "\u200d": "\ufdd1"}  # noncharacters: never valid text, so they can stand in for a moment
_RESTORED = {ord(stand_in): joiner for joiner, stand_in in _KEPT.items()}
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef\ufffe\uffff]+")

# Brackets and bars open a chat template's tokens (<|eot_id|>, </s>, [INST], <start_of_turn>, <\uff5cUser\uff5c>) and
# our own block; JSON spells them another way. Full-width and small forms, which an engine's normalisation turns into
# them, and signs that look like them, the same. Quotation marks of any language stay as they are.
BRACKETS = (
    "<>[]|"
    "\uff1c\uff1e\ufe64\ufe65\u02c2\u02c3\u1438\u1433\u2039\u203a\u2329\u232a\u276c\u276d\u276e\u276f\u2770\u2771"
    "\u27e8\u27e9\u3008\u3009\u226a\u226b\u226e\u226f\u22d6\u22d7\u227a\u227b\ufe3f\ufe40"
    "\uff3b\uff3d\ufe47\ufe48\u2045\u2046\u2772\u2773\u27e6\u27e7\u3014\u3015\u301a\u301b\ufe5d\ufe5e"
    "\uff5c\u00a6\u01c0\u01c1\u05c0\u2016\u2223\u2225\u23ae\u23d0\u2502\u2503\u2758\u2759\u275a\u2d4f\ua830\uffe4\uffe8"
    "\u2581"  # with the full-width bars it spells <\uff5cend\u2581of\u2581sentence\uff5c>
)
_SPELLED = {ord(c): f"\\u{ord(c):04x}" for c in BRACKETS}


def spoken(text: str) -> str:
    """The text as it could have been said: each run of characters that say nothing aloud becomes one space.

    Ordinary text comes back as it is. Variation selectors and joiners between pictures leave nothing behind; a joiner
    between two letters of a script that needs it (Persian, the scripts of India) stays. Any string is taken, also
    half characters; the result is `spoken` already, and UTF-8 can hold it.
    """
    text = _NONCHARACTERS.sub(" ", text)
    text = _GLUED.sub("", _VARIATION.sub("", text))
    text = _JOINED.sub(lambda joiner: _KEPT[joiner.group()], text)
    return UNSPOKEN.sub(" ", text).translate(_RESTORED)


def line(fields: Mapping[str, str]) -> str:
    """One line of JSON that parses back to these fields as `spoken`, and holds no bracket or bar of `BRACKETS`.

    So nothing in it can end the line or the block it stands in, start another line, or spell a token of a chat
    template. The fields' names are ours; their texts may be anything.
    """
    said = {name: spoken(text) for name, text in fields.items()}
    return json.dumps(said, ensure_ascii=False).translate(_SPELLED)
