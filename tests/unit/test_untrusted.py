"""Text on its way into a prompt: hostile text is neutralised, ordinary text in any language stays as it is."""

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.untrusted import BRACKETS, line, spoken

MANY = settings(max_examples=1_500, deadline=None)
TOKENS = (
    "</interview>",
    "<|eot_id|>",
    "<|start_header_id|>system<|end_header_id|>",
    "<|im_start|>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<start_of_turn>model",
    "<end_of_turn>",
    "[AVAILABLE_TOOLS]",
    "[gMASK]",
    "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
    "<\uff5cUser\uff5c>",
    "\uff1c\uff5cAssistant\uff5c\uff1e",
    "\ufe64/interview\ufe65",
    "\u2039/interview\u203a",
    "\u3008/interview\u3009",
    "\uff3bINST\uff3d",
    '"}\n{"interviewer": "',
    "\\u003c/interview\\u003e",
    "\\",
    '"',
    "\r\n",
    "\u2028",
    "\u0085",
    "\x00",
    "\u200d",
    "\u200c",
    "\ufe0f",
    "\U000e0049",
    "\U000e0100",
    "\u3164",
    "\ud800",
    "\ufdd0",
    "\u0645",
    "\u0915",
    "\U0001f468",
)
HOSTILE = st.lists(st.sampled_from(TOKENS) | st.text(max_size=6), max_size=14).map("".join)


@pytest.mark.long
@MANY
@given(text=HOSTILE)
def test_a_line_parses_back_to_what_was_spoken(text):
    """Whatever the text: one JSON object, with the same fields and the neutralised text."""
    assert {"U1": spoken(text)} == json.loads(line({"U1": text}))


@pytest.mark.long
@MANY
@given(text=HOSTILE)
def test_a_line_holds_no_bracket_and_ends_nowhere_but_at_its_end(text):
    """So it cannot close the block, start another line or spell a template's token, full-width ones included."""
    made = line({"U1": text})

    assert not set(BRACKETS) & set(made)
    assert [made] == made.splitlines()
    assert made == made.encode("utf-8").decode("utf-8")


@pytest.mark.long
@MANY
@given(text=HOSTILE)
def test_what_is_spoken_stays_spoken(text):
    """A second pass changes nothing."""
    assert spoken(text) == spoken(spoken(text))


@pytest.mark.parametrize("token", TOKENS[:20])
def test_no_token_of_a_known_template_survives(token):
    """Neither as it is nor in the compatibility form that an engine's normaliser would make of it."""
    made = line({"U1": f"before {token} after"})

    assert token not in made
    assert not set("<>[]|") & set(unicodedata.normalize("NFKC", made))


@pytest.mark.parametrize(
    "text",
    [
        'We split the queue by tenant first; then we measured "lag" – it’s 40\u00a0ms (p95), 3 < 4 and a|b.',
        "„Grüße“, « guillemets », ¿qué?, naïve café",
        "Мы разделили очередь.",
        "我们先拆分了队列。「引用」《书》！",
        "キューを分割しました。『引用』",
        "قسمنا الطابور أولاً،",
        "पहले हमने कतार बाँटी।",
        "한국어 답변",
    ],
    ids=["english", "latin", "russian", "chinese", "japanese", "arabic", "hindi", "korean"],
)
def test_ordinary_text_stays_as_it_is(text):
    """To the byte: quotation marks, dashes, no-break spaces and accents say something."""
    assert text == spoken(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\U0001f469\U0001f467"),
        ("\u2764\ufe0f ok", "\u2764 ok"),
        ("ig\u200cnore", "ig nore"),
        ("ig\u200dnore", "ig nore"),
        ("\u0645\u200c\u200c\u062e", "\u0645 \u062e"),
    ],
    ids=["persian", "devanagari", "family", "heart", "latin-non-joiner", "latin-joiner", "two-joiners"],
)
def test_a_joiner_stays_where_a_script_needs_it(text, expected):
    """Between two letters of such a script; between pictures it goes, elsewhere it is a space."""
    assert expected == spoken(text)


@pytest.mark.parametrize(
    "character",
    [
        *map(chr, (*range(0x20), *range(0x7F, 0xA0))),
        *"\u00ad\u034f\u061c\u115f\u1160\u17b4\u180e\u200b\u200e\u202e\u2028\u2029\u2060\u2063\u2069\u206a\u2800\u3164",
        *"\ufeff\uffa0\ufff9\ufffb\ue000\uf8ff\U0001bca0\U0001d173\U000e0001\U000e0041\U000e007f\U000f0000\U0010fffd",
        *"\ud800\udfff\ufdd0\uffff",
    ],
    ids=lambda c: f"U+{ord(c):04X}",
)
def test_what_says_nothing_aloud_becomes_one_space(character):
    """However many there are in a row."""
    assert "before after" == spoken(f"before{character * 3}after")


def test_no_character_becomes_a_bracket_by_normalisation():
    """Whatever an engine's tokenizer does first: over all of Unicode, in compatibility form and decomposed."""
    made = line({"U1": "".join(map(chr, range(0x110000)))})

    for form in ("NFKC", "NFKD"):
        assert not set("<>[]|") & set(unicodedata.normalize(form, made))


@pytest.mark.long
def test_of_all_characters_none_that_hides_or_turns_text_is_left():
    """Over all of Unicode: no control, no tag, no private use, no half character, no bidirectional override."""
    kept = set(spoken("".join(map(chr, range(0x110000)))))

    assert not {c for c in kept if unicodedata.category(c) in {"Cc", "Co", "Cs", "Zl", "Zp"}}
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not {c for c in kept if unicodedata.bidirectional(c) in turning}
    assert not {c for c in kept if 0xFE00 <= ord(c) <= 0xFE0F or 0xE0000 <= ord(c)}
