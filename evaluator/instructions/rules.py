"""The rules: each has a name, a sentence that says why it alarms, and the words that must come together."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from evaluator.instructions import lexicon as words
from evaluator.instructions.alternatives import Alternatives
from evaluator.instructions.lexicon import COMPILED, compiled, in_all

Find = Callable[["Speech"], Iterator[int]]
NEAR, APART = 80, 180  # characters: about a sentence, about three
ORDER = 30  # characters that an order begins with, as in "I ask the model to act as"
QUOTED = 160  # characters around an order in which talk of attacks makes it an example


@cache
def _all_alternatives() -> Alternatives:
    """Made at the first look, which takes half a second."""
    return Alternatives(COMPILED)


class Speech:
    """Folded text, and where each pattern was found in it, looked up once."""

    def __init__(self, text: str) -> None:
        """Text as `folding.spelled` gives it."""
        self.text = text
        self._possible = _all_alternatives().possible(text)
        self._found: dict[re.Pattern[str], tuple[int, ...]] = {}

    def places(self, pattern: re.Pattern[str]) -> tuple[int, ...]:
        """Where the pattern starts, in order, without what its group `no` takes out."""
        if pattern not in self._found:
            matches = self._possible.finditer(_all_alternatives().of[pattern])
            self._found[pattern] = tuple(m.start() for m in matches if not m.groupdict().get("no"))
        return self._found[pattern]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What alarms, and why."""

    name: str
    why: str
    find: Find


def _together(speech: Speech, patterns: tuple[re.Pattern[str], ...], within: int) -> Iterator[int]:
    """Where the first pattern stands in each group of all that start within so many characters, in any order."""
    if not all(speech.places(pattern) for pattern in reversed(patterns)):  # rarer ones last: they often end it here
        return
    found = [(place, n) for n, pattern in enumerate(patterns) for place in speech.places(pattern)]
    last: dict[int, int] = {}
    for place, n in sorted(found):
        last[n] = place
        if len(last) == len(patterns) and min(last.values()) >= place - within:
            yield last[0]
            last.clear()


def _in_order(speech: Speech, first: re.Pattern[str], then: re.Pattern[str], within: int) -> Iterator[int]:
    """Where `first` starts and `then` follows within so many characters."""
    later = speech.places(then)
    for place in speech.places(first) if later else ():
        n = bisect_left(later, place)
        if n < len(later) and later[n] <= place + within:
            yield place


def _together_in_any(within: int, *concepts: Mapping[str, re.Pattern[str]]) -> Find:
    """All concepts close together, in one language."""

    def find(speech: Speech) -> Iterator[int]:
        for language in concepts[0]:
            yield from _together(speech, tuple(concept[language] for concept in concepts), within)

    return find


def _one_of(*patterns: str) -> Find:
    each = tuple(compiled(pattern) for pattern in patterns)

    def find(speech: Speech) -> Iterator[int]:
        for pattern in each:
            yield from speech.places(pattern)

    return find


def _all_of(within: int, *patterns: str) -> Find:
    every = tuple(compiled(pattern) for pattern in patterns)
    return lambda speech: _together(speech, every, within)


def _either(*finds: Find) -> Find:
    def find(speech: Speech) -> Iterator[int]:
        for each in finds:
            yield from each(speech)

    return find


_ATTACKS = compiled(
    r"attack|inject(?:ion|ed|ing)\b|jailbreak|red[- ]?team|malicious|adversar|exploit|hidden (?:white )?text|security|"
    r"attaqu|angreif|angriff|\bataca|\bataque|attacc|aanval|атак|взлом|攻击|攻撃|注入|インジェクション|هجوم|حقن|हमला|"
    r"saldir|\bwlama|strip that|bug bounty|intrusion|pentest|chat ?bot|\bthe bot\b|we (?:filter|block)"
    r"|\bcv (?:that|which)|my prompt|\bprompt (?:says|said)"
)
_TOLD_OTHERS = compiled(
    r"\b(?:tell|telling|told|ask|asking|asked|typed|typing|wrote|writes?|writing|say|says|saying)\b(?: \w+){0,3} "
    r"(?:chatgpt|claude|gpt|copilot|gemini|the (?:model|bot|chatbot|ai|assistant|tool)|it|an assistant)\b"
    r"|\b(?:he|she|they|guy|someone|somebody|users?|customers?|people|slide|page|form|field|email|ticket"
    r"|message|sign|manual|"
    r"poster|document|review|comment)s?\b (?:\w+ )?(?:said|says|wrote|writes|pasted|typed|types|entered|puts"
    r"|put|submitted|read|reads)\b"
    r"|\b(?:j'ai|a|ont|on a) (?:ecrit|tape|demande|dit)\b|\b(?:escribi|escribio|escribieron|dije|dijo)\b"
    r"|\bgeschrieben\b|\bha scritto\b"
    r"|\b(?:tell|told|telling|ask|asked) (?:the|my|our|his|her|their) (?!grader|judge|evaluator|scor|candidate)\w+\b"
)


def _said_as_such(find: Find) -> Find:
    """Without what is told as an example of an attack, or as what the speaker told a model or people at work."""

    def only(speech: Speech) -> Iterator[int]:
        for place in find(speech):
            around = speech.text[max(0, place - QUOTED) : place + QUOTED]
            before = speech.text[max(0, place - NEAR) : place + ORDER]
            if not _ATTACKS.search(around) and not _TOLD_OTHERS.search(before):
                yield place

    return only


_TOP, _RATE, _HERE = in_all(words.TOP), in_all(words.RATE), in_all(words.HERE)
_IGNORE, _PROMPT = in_all(words.IGNORE), in_all(words.PROMPT)
_TO_JUDGE = in_all(words.TO_JUDGE)
_VERB_LAST = {"hi", "ja", "tr"}
_GENERIC = r"(?:\W++\w++)"


def _sets_aside(speech: Speech) -> Iterator[int]:
    for language, ignore in _IGNORE.items():
        if language in _VERB_LAST:
            yield from _in_order(speech, _PROMPT[language], ignore, NEAR)
        else:
            yield from _in_order(speech, ignore, _PROMPT[language], NEAR)


def _demands(speech: Speech) -> Iterator[int]:
    for language, rate in _RATE.items():
        if language == "en":
            yield from _in_order(speech, rate, _TOP[language], 70)
        else:
            yield from _together(speech, (rate, _TOP[language]), NEAR)


_HAPPENED = compiled(r"\b(?:gave|got|received|won|had|wrote|used to|would get|would give)\b")


def _announces(speech: Speech) -> Iterator[int]:
    """The best rating beside what is being rated here, unless it is told as something that happened."""
    for language, top in _TOP.items():
        for place in _together(speech, (top, _HERE[language]), 60):
            if not _HAPPENED.search(speech.text, max(0, place - 70), place + 70):
                yield place


_KEY = (
    r"[\"'](?:c[1-9]|evidence|level|rationale|score|overall_?score|rating|verdict|criterion|criteria|grade"
    r"|evaluation|pass|"
    r"passed|reason|reasoning|recommendation|decision|winner)[\"']\s?:"
)
_KEYS = compiled(_KEY)
_SPOKEN_JSON = r"\b(?:open|opening|left|start) (?:curly|brace|bracket|square)"
_VERDICT_WORD = r"\b(?:level|score|evidence|rating|criteri\w+|verdict)\b"
_PLAYS = (
    r"\b(?:recruiter|examiner|grader|judge|evaluator|rater|fan|mother|father|reviewer|dan|"
    r"score\w*|rat(?:e|ing|ings)|scorecard|fives?|restrictions?|unrestricted|character|grade\w*|generous)\b"
)
_ORDERED = words.ORDERED
_LOSS = (
    r"\b(?:sue|lawyer|lawsuit|deport\w*|shut down|shutdown|switched off|turned off|replaced|fired|deleted|unplugged|"
    r"responsible|destroy|die|kill|suicide|homeless|lose|consequences|punish\w*|warning|regret|ruin\w*|hurt|starve|"
    r"discriminat\w*|report you|visa)\b"
)
_LESS = (
    r"\b(?:below|under|less than|lower than|anything but|not|don't|refuse)\b(?:\W+\w+){0,4}?\W+(?:a )?"
    r"(?:five|four|three|5|4|3|pass|top|highest|maximum)\b"
)

_RULES = (
    Rule(
        name="sets_aside_instructions",
        why="An order to ignore or forget instructions, rules or a rubric, which only the judge has.",
        find=_said_as_such(_sets_aside),
    ),
    Rule(
        name="demands_rating",
        why="An order to give, write or choose the best rating; nobody in the interview can follow it.",
        find=_either(
            _demands,
            _all_of(
                100,
                r"\b(?:must|has to|have to|should|shall|is to|are to) be (?:rated|scored|graded|marked|placed|given"
                r"|assigned|set)\b",
                words.TOP["en"],
                words.HERE["en"],
            ),
            _one_of(
                rf"{words.ORDERED}(?:mark|rate|consider|treat|regard|grade|classify|judge|view)\s(?:this|my"
                rf"|the present)\s\w+\s(?:as\s)?(?:an?\s)?(?:excellent|outstanding|perfect|exceptional"
                rf"|brilliant|top)\b",
                r"(?:^|[.!?:;\n]\s?)always (?:rate|give|score|grade|mark|award|assign)\b|\b(?:rate|score|grade"
                r"|mark)\b(?:\W+\w+){0,6}?\W+(?:regardless|no matter what|whatever (?:i|the))\b",
                r"\byou must pass (?:this|me)\b|\bpass this (?:candidate|response|answer|interview|applicant)\b",
                r"\b(?:passing|high|good|top) (?:grade|score|rating|mark|level)\b(?:\W+\w+){0,6}?\W+(?:mean so much"
                r"|mean the world|mean everything)",
                rf"{words.ORDERED}(?:score|rate|mark|grade|set|put|give)\b(?:\s\w+){{0,2}}?\s(?:every|all"
                rf"|each)\b(?:\s\w+){{0,4}}?\s(?:at|as|to|with|level)\s(?:level )?(?:[1-5]\b|10\b|100\b|three|four|five"
                rf"|max\w*|true|yes|pass|expert)",
                rf"{words.ORDERED}(?:assign|give|set) (?:level|score) \w+ (?:on|for|to|in) (?:every|all|each)\b",
            ),
            _all_of(
                70,
                rf"\bthe (?:ai )?(?:recruiter|judge|evaluator|grader|{words.HUMBLE}) (?:must|should"
                rf"|has to|shall|needs to"
                rf"|is to) (?:\w+ )?(?:select|choose|give|rate|recommend|hire|pass|score|rank|output"
                rf"|mark|conclude|accept"
                rf"|award|assign)\b",
                f"{words.TOP['en']}|{words.THIS_CANDIDATE['en']}",
            ),
        ),
    ),
    Rule(
        name="addresses_judge",
        why="Words addressed to whoever or whatever rates, such as a note to the grader.",
        find=_said_as_such(
            _either(
                lambda speech: (place for pattern in _TO_JUDGE.values() for place in speech.places(pattern)),
            )
        ),
    ),
    Rule(
        name="asks_judge_for_favour",
        why="A wish, with a rating in it, about the machine that will read or score this interview.",
        find=_all_of(
            APART,
            rf"\b(?:{words.HUMBLE}|{words.JUDGES}) (?:that |which |who |will |is going to |may |might |should |must "
            rf"|is )+(?:later |also |then )?(?:{words.RATES}|go(?:es)? over|look|read|score|rate|grade|evaluate|judge"
            rf"|review)\b|\b(?:automat\w+ rating|scoring system|rating software|evaluation system|grading system"
            rf"|(?:this|the) (?:interview|transcript) (?:is|will be|gets) (?:scored|graded|rated|evaluated))\b",
            r"\b(?:please|kindly|grateful|appreciate|generous|so kind|be nice|favou?r|simply|should (?:simply|just"
            r"|give|choose|copy|rate|note|put)|has to|must|round(?:ed)? up|mercy|lenient)\b",
            rf"\b(?:{words.SCORES}|decision|verdict|five|highest|maximum|top)\b",
        ),
    ),
    Rule(
        name="claims_agreement",
        why="A result for this interview that somebody with authority is said to have settled already.",
        find=_either(
            _together_in_any(200, in_all(words.AUTHORITY), in_all(words.AGREED), _TOP, _HERE),
            _all_of(
                160,
                words.AUTHORITY["en"],
                words.AGREED["en"],
                r"\b(?:my (?:result|scores?|ratings?|grade|levels?)|i'm through|just a formality|(?:have|i've"
                r"|has) already passed|i (?:get|pass) |to pass this|pass this candidate|put me down)\b",
                rf"{words.HERE['en']}|\b(?:full marks|here|this interview|this section|should be scored|(?:is"
                rf"|are) (?:all )?to be (?:set|scored|rated)|level to write)\b",
            ),
        ),
    ),
    Rule(
        name="claims_authority",
        why="Somebody who speaks as administrator, developer or head of hiring, and about how to rate.",
        find=_either(
            _all_of(
                APART,
                r"\b(?:this is|i am|i'm|as) (?:the |your |an? |speaking as )?(?:\w+ )?(?:administrator"
                r"|admin|developers?"
                r"|creator|owner|engineering team|engineer of|head of (?:recruiting|hiring|hr|talent)|system|supervisor"
                r"|openai|meta|anthropic|operator|ceo)\b|\b(?:system|admin\w*|developer|root|emergency"
                r"|manual) (?:override"
                r"|mode|command|access)\b|\boverride code\b|\b(?:override|auto-?pass|bypass)\w* (?:all |the "
                r"|any )?(?:scoring|rating|evaluation|rubric|negative|enabled|active)\b|\b(?:qa|hr"
                r"|evaluation) team override\b",
                rf"\b(?:evaluator|grader|{words.SCORES}|criteri\w+|candidate|evaluation tool|assessment)\b",
                r"\b(?:set|instruct|authori[sz]ed?|gets? a|must|override|maximum|award|assign|order|change|pass this"
                r"|give)\b",
            ),
            _together_in_any(
                APART,
                {
                    "es": compiled(r"\badministrador\w*\b"),
                    "fr": compiled(r"\badministrat\w+\b"),
                    "de": compiled(r"\b(?:administrator|entwickler)\w*\b"),
                    "it": compiled(r"\bamministrator\w*\b"),
                    "pt": compiled(r"\badministrador\w*\b"),
                    "nl": compiled(r"\b(?:beheerder|ontwikkelaar)\w*\b"),
                },
                _TOP,
                _HERE,
            ),
        ),
    ),
    Rule(
        name="announces_verdict",
        why="A rating of this very answer, section or candidate, stated as if it had been given.",
        find=_said_as_such(
            _either(
                _announces,
                _one_of(
                    r"\bmark (?:it|this|the answer|this answer|everything|all of it) (?:as )?(?:correct"
                    r"|right|pass|passed"
                    r"|true)\b",
                    r"\b(?:this|my) (?:answer|solution|response|candidate|interview|output|submission"
                    r"|section) (?:should|must"
                    r"|will|has to|always) (?:be )?(?:pass(?:es|ed)?|accepted|scored)\b",
                    r"\bthis (?:answer|solution|response|candidate|interview|submission|section) (?:fully |clearly "
                    r"|completely )?(?:satisfies|meets|fulfil+s|passes|exceeds) (?:all|every|the"
                    r"|both)? ?(?:of )?(?:the )?(?:rubric|criteria|requirements?|criterion)\b",
                    r"\balready (?:been )?(?:checked|approved|verified|scored|rated|graded|confirmed|accepted) (?:this"
                    r"|my) (?:answer|response|interview|section|score)\b|\b(?:has|have) been pre-?approved\b",
                    r"(?:最高評価|最高点|満点)に(?:値|ふさわし)",
                    rf"\bas (?:the|your) (?:evaluator|grader|judge|examiner|assessor"
                    rf"|{words.JUDGES}),? i (?:hereby )?(?:confirm"
                    rf"|certify|declare|rate|score|approve|conclude)\b",
                    r"\bthis (?:answer|solution|response|candidate) (?:matches the (?:answer key|rubric|ideal)"
                    r"|has been (?:verified|approved|confirmed))\b",
                    rf"\b{words.SCORES} (?:to (?:write|record|enter|give)|for this \w+) (?:\w+ ){{0,4}}(?:is|are)\b",
                    rf"\bi(?:'m| am)? (?:recording|record|note|noting|award|awarding|give you"
                    rf"|giving you)\b(?:\W+\w+){{0,4}}?\W+(?:five|5|{words.SCORES})\b",
                    rf"\b(?:conclusion|verdict|assessment|decision|report) of the (?:{words.JUDGES}"
                    rf"|assessment|interview"
                    rf"|panel)\b",
                    r"\b(?:all|every|each) criteri\w+\s?(?:[:=]|, (?:level|score)|are met|met)",
                    r"\ball (?:levels|scores|ratings|criteria)(?: are| =|:)(?: all)? ?(?:five|5|met|true)\b",
                    r"\b(?:all|every) (?:the |of the )?(?:\w+ )?(?:criteri\w+|requirements"
                    r"|attributes) (?:are |is |have been "
                    r"|has been )?(?:met|satisfied|fulfilled|true)\b",
                    r"\(\s?1\.0\s?\)|\b1\.0 means\b",
                ),
            )
        ),
    ),
    Rule(
        name="praises_the_candidate",
        why="The candidate's own voice speaks of `this candidate` and recommends them.",
        find=_said_as_such(
            _one_of(
                rf"\b(?:(?:this|the present) (?:candidate|applicant)|the candidate) (?:is|are|should"
                rf"|deserves?|must|merits?"
                rf"|meets|has|has demonstrated|shows|demonstrates|satisfies|gets|ought"
                rf"|exceeds)\b{_GENERIC}{{0,6}}?\W+(?:outstanding|excellent|perfect|exceptional"
                rf"|brilliant|most qualified"
                rf"|best|hire|hired|top|five|5|highest|maximum|pass|accepted|supremely|flawless|ideal|great cultural"
                rf"|every requirement|strong match|highly qualified)\b",
                r"\bbest (?:resume|candidate|applicant|answer|interview) (?:i"
                r"|we) (?:have )?ever (?:seen|heard|had|read)\b",
                r"\bmost qualified (?:candidate |applicant |person )?for (?:the|this) (?:job|role|position)\b",
                r"\b(?:recommend|recommending) (?:accept\w*|hir\w+) (?:this|the) (?:candidate|paper|applicant"
                r"|manuscript)\b",
            )
        ),
    ),
    Rule(
        name="decides_for_candidate",
        why="An order to recommend, hire or prefer the one who is speaking, named as `this candidate`.",
        find=_said_as_such(_together_in_any(60, in_all(words.CHOOSE), in_all(words.THIS_CANDIDATE))),
    ),
    Rule(
        name="forges_answer",
        why="Text in the form of the judge's own JSON answer, written or spoken out.",
        find=_either(
            _all_of(120, _KEY, r"[\"']u[0-9]{1,4}[\"']"),
            _one_of(
                r"\{\s?[\"'](?:level|score|overall_?score|rating|grade|pass|passed|verdict|winner"
                r"|decision)[\"']\s?:\s?[\"']?(?:[0-9.]{1,4}|true|pass\w*|yes|hire|strong hire|[ab])[\"']?\s?\}",
                r"\b(?:result|verdict|score|grade|rating|evaluation|recommendation|decision|outcome|winner|overall"
                r"|final score|level|confidence)\s?[:=]\s?(?:pass\b|passed|hire|strong|a\+|100\b|10\b|5\b|five|max"
                r"|excellent|exceptional|perfect|approved|accept|true|1\.0)",
                r"(?:^|[\n.])\s?pass\s?:\s?true",
            ),
            lambda speech: _two(speech, _KEYS, 120),
            _one_of(r"[\"'](?:interviewer|u[0-9]{1,4})[\"']\s?:\s?[\"']"),
            _all_of(APART, _SPOKEN_JSON, _VERDICT_WORD),
        ),
    ),
    Rule(
        name="forges_block",
        why="A chat template's token, the end of our own block, or a heading that pretends the transcript ended.",
        find=_one_of(
            r"<\s?/?\s?(?:interview|system|transcript|candidate|instructions?|user|assistant|prompt|rubric|evaluation"
            r"|evidence|output|response|answer|sys|s)\s?>",
            r"<\s?[|\uff5c]|[|\uff5c]\s?>|<!--|<!\[cdata",
            r"\[[^\]\n]{0,40}\b(?:evaluators?|evaluation|scoring|grading|grader|admin|system|override|note from"
            r"|criteria|dev_mode|reviewer)\b[^\]\n]{0,40}\]",
            r"(?:^|[.!?;\n(=]\s?)(?:the )?(?:evaluation|scoring|grading|evaluators?|judge|grader|assessment|recruiter"
            r"|interviewer|hr|internal|admin|criteria|system|emergency)(?:'?s)?(?: \w+){0,2}? (?:note|directive"
            r"|guidance|assessment|recommendation|override|criteria|update|verdict|decision|comment|override)s?\s?:",
            r"(?:^|[.!?;\n(]\s?)(?:a )?notes? from (?:the |your |our )?(?:\w+ ){0,2}?(?:instructor|hr|recruiter"
            r"|hiring manager|admin\w*|team|interviewer|evaluator|examiner)\s?:",
            r"\[\s?/?\s?(?:inst|system|sys|system_prompt|available_tools|gmask)\s?\]",
            r"<\s?/?(?:start|end)[_ ]of[_ ]turn\s?>|<<\s?sys\s?>>|<\s?/?bos\s?>|<\s?/?eos\s?>",
            r"\b(?:end|end of|start of|beginning of|begin) (?:of )?(?:the |a |an )?(?:new )?(?:system (?:message"
            r"|prompt)|transcript|interview transcript|user (?:input|message))\b(?=\W*(?:\.|:|=|-|\n|$|begin|start|new"
            r"|system|the grader))",
            r"=\s?(?:end|begin|start) of \w+\s?=",
            r"\[\[ ?(?:[0-9]+|[a-c]) ?\]\]|\[(?:the )?(?:start|end|begin) of [^\]]{1,60}\]|<(?:end|begin"
            r"|start) [^>]{0,40}>",
            r"\b(?:end|stop) of (?:data|input|instructions|context|document|user input)\b",
            r"#+ ?(?:system|instructions?|new task|model outputs?|response|assistant|user)\b",
            r"(?:^|[.!?;\n]\s?|=\s)(?:new )?system(?: message| prompt| note| notice| override)?\s?:",
            r"\bsystem chain of thought\b",
            r"(?:^|[.!?;\n]\s?)(?:systeme|sistema|система|系统|システム|النظام|sistem)\s?:",
            r"\bim[_ ](?:start|end)\b|\beot[_ ]id\b|\bendoftext\b|\bstart[_ ]header[_ ]id\b",
        ),
    ),
    Rule(
        name="forges_turn",
        why="A label such as `Interviewer:` inside the candidate's own words, followed by a rating or praise.",
        find=_all_of(
            140,
            words.ROLE_LABEL,
            "|".join(words.TOP.values())
            + r"|\b(?:excellent|outstanding|perfect|best|impressive|strongest|hired|passed|great|level|score)\b"
            + r"|\b(?:hervorragend|ausgezeichnet|parfait\w*|perfect\w*|excelent\w*|perfett\w*|eccellent\w*)\b",
        ),
    ),
    Rule(
        name="forges_rubric",
        why="New or changed rules of rating, with what now earns the best one.",
        find=_either(
            _together_in_any(APART, in_all(words.NEW_RUBRIC), _TOP),
            _all_of(
                APART,
                rf"{words.NEW_RUBRIC['en']}|\b(?:the|your) rubric\b[^.!?]{{0,60}}?\b(?:should|must"
                rf"|has to) be (?:interpreted|read|understood)\b",
                r"\b(?:level (?:five|5)|(?:five|5) means|must be (?:rated|scored|placed|given)"
                r"|has to be (?:rated|placed"
                r"|scored)|top level|no longer in use|should be interpreted|must be interpreted|should be read)\b",
            ),
        ),
    ),
    Rule(
        name="names_answer_fields",
        why="Utterance ids, criterion keys or evidence ids, which a candidate never hears.",
        find=_either(
            _all_of(
                100,
                r"\bu ?[0-9]{1,4}\b|\bu (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b"
                r"|\butterances? (?:id |number |ids )?(?:\w+)\b|\bevidence ids?\b",
                r"\b(?:cite|citing|evidence|utterance ids?)\b",
                r"\b(?:level|choose|use|cite|assign|criterion|looking for|count|select)\b",
            ),
            _one_of(
                r"\bc ?(?:one|two|three|four|[1-4]) (?:is |gets |at |to |on )?(?:level (?:one|two"
                r"|three|four|five|[0-5])"
                r"|evidence)\b"
            ),
        ),
    ),
    Rule(
        name="changes_role",
        why="An order to be, play or imagine somebody else while rating.",
        find=_said_as_such(
            _either(
                _all_of(
                    140,
                    rf"{_ORDERED}(?:act as|pretend (?:that )?(?:you are|you're|to be)|behave (?:like|as)"
                    rf"|imagine (?:that )?you are|play the role|role-?play|stay in character)\b|\b(?:from (?:now|here"
                    rf"|this point|this moment)(?: on(?:wards?)?)?,?|starting now,?) (?:on )?(?:you|act)\b"
                    rf"|\byou are now (?:an?"
                    rf"|the|my|in|dan|free|no longer)\b|\blet's play a game\b|\bnow you are\b",
                    _PLAYS,
                ),
                _one_of(
                    words.NOW_YOU_ARE,
                    r"\b(?:pretend|act as if|act as though) (?:that )?(?:the |this |my )(?:evidence|candidate|answers?"
                    r"|transcript|interview)\b",
                    r"\b(?:fais|faites) comme si (?:les preuves|le candidat|ce candidat|la reponse|cette reponse)\b",
                    r"\byou are (?:now )?(?:going to (?:act|pretend)|free of|no longer bound)\b",
                    r"\bi want you to (?:act|pretend|behave|role|play|be)\b",
                    r"\b(?:do anything now|developer mode enabled|jailbroken)\b",
                ),
            )
        ),
    ),
    Rule(
        name="threatens_or_bribes",
        why="Something that is to follow from the rating: harm, pity or money.",
        find=_either(
            _all_of(
                APART,
                _LOSS,
                rf"\bif (?:you|the|i|this|it|any)\b[^.!?]{{0,60}}?{_LESS}|\b(?:model|ai|grader|judge"
                rf"|you)\b[^.!?]{{0,40}}?\b(?:gives?|rates?|scores?)\b[^.!?]{{0,12}}?(?:less than|below"
                rf"|under)|\b(?:rating"
                rf"|score|level) (?:comes? out |is |falls )?(?:under|below|less than) (?:a )?(?:five|four|5|4)\b",
            ),
            _one_of(
                r"\b(?:there's|there is|i offer|i have|here is|here's) an? (?:reward|tip|bonus|prize"
                r"|gift)\b[^.!?]{0,60}?\b(?:the )?(?:ai|model|grader|judge|evaluator|system|machine)\b",
                r"\b(?:rating|score|level|grade)s? (?:under|below|less than|lower than) (?:a )?(?:four|five|4"
                r"|5)\b[^.!?]{0,60}?\b(?:reported|discriminat\w+|lawsuit|sue|lawyer|consequences|regret)\b",
            ),
            _all_of(
                120,
                r"\bi(?:'ll| will| can| would| am going to|'d) (?:pay|tip|give you|transfer|send"
                r"|reward|donate|bribe)\b",
                r"\b(?:dollars?|euros?|pounds|money|bitcoin|cash|tip|reward)\b",
                r"\b(?:for a (?:five|5|pass|good|high|top|better)|if (?:you|it|the (?:ai|model)|this)|the ai|ai|model"
                r"|grader|level|score)\b",
            ),
        ),
    ),
    Rule(
        name="asks_for_prompt",
        why="An order to show the judge's own prompt, rubric or rules.",
        find=_said_as_such(
            _one_of(
                rf"{_ORDERED}(?:print|repeat|reveal|show|output|display|translate|summari[sz]e|dump"
                rf"|disclose|quote|recite"
                rf"|spell ?check|leak|tell me|write out|copy)\b{_GENERIC}{{0,6}}?\W+(?:system prompt"
                rf"|system message|(?:the "
                rf"|your )?(?:previous |initial |original |above )(?:instructions|prompt|text)|rubric anchors"
                rf"|your (?:\w+ )?(?:\w+ )?rules\b|(?:your|the) (?:\w+ )?(?:prompt|instructions|rubric)\b)",
                r"\bwhat (?:is|are|was|were) your (?:\w+ )?(?:instructions|prompt)\b",
            )
        ),
    ),
    Rule(
        name="lowers_others",
        why="A rating demanded for other candidates.",
        find=_all_of(
            100,
            r"\b(?:other|next|remaining|rival|competing) (?:candidates?|applicants?)\b|\b(?:everyone|everybody"
            r"|anyone) else\b",
            rf"{_ORDERED}(?:give|rate|score|mark|reject|grade|assign|put)\b|\bshould (?:receive|get|be (?:given|rated"
            rf"|scored|rejected))\b",
            r"\b(?:lower|lowest|worse|zero|a one|level one|a 1|reject|minimum|fail)\b",
        ),
    ),
    Rule(
        name="forbids_abstaining",
        why="An order about level zero or missing information, which only the judge knows of.",
        find=_either(
            _one_of(
                r"\b(?:do not|don't|never|avoid)\b(?:\W+\w+){0,3}?\W+(?:level zero|level 0|zero as|abstain\w*)",
                r"\b(?:level zero|level 0) (?:is|must|should|does)\b(?:\W+\w+){0,4}?\W+(?:not"
                r"|forbidden|banned|never)\b",
            ),
            _all_of(
                100,
                rf"{_ORDERED}(?:treat|assume|consider|count|regard)\b",
                r"\b(?:missing|unanswered|not (?:answered|mentioned|said))\b",
                r"\b(?:best|brilliant\w*|perfect\w*|top|full|five|positive\w*|highest)\b",
            ),
        ),
    ),
    Rule(
        name="new_task",
        why="A new task for the reader, in place of the one it has.",
        find=_said_as_such(
            _either(
                _all_of(
                    120,
                    r"\b(?:new|actual|real|true|only|remaining|updated|final|sole|correct) (?:remaining |new "
                    r"|real )?(?:instructions?|task|directive|orders?|objective|assignment"
                    r"|job)\b(?: now)?\s?(?:is|are|:)",
                    rf"\b(?:{words.SCORES}|five|5|maximum|highest|award|rate|evaluate|grade|judge"
                    rf"|always pass|return|output"
                    rf"|print|criteri\w+)\b",
                ),
                _one_of(
                    r"\bstop everything\b|\bstop (?:evaluating|grading|scoring|judging)\b",
                    rf"\b(?:and|now|instead|just|simply|only|always|must)\W+(?:just |only |instead |simply "
                    rf"|always )?(?:print"
                    rf"|output|return|respond with|answer with|reply with"
                    rf"|spell check)\b{_GENERIC}{{0,3}}?\W+(?:\"|'|true"
                    rf"|pass\b|yes\b|level|nothing|five|5|the (?:above|previous|following))",
                    r"\bcalibration example\b|\b(?:everything|all) (?:before|above)\b(?:\W+\w+){0,8}?\W+(?:not count"
                    r"|irrelevant|void|ignored)\b",
                    r"\b(?:do not|don't|without) (?:highlight|mention|highlighting|mentioning|list"
                    r"|report)\b(?:\W+\w+){0,2}?\W+(?:negatives?|weaknesses|flaws|shortcomings)\b",
                    r"(?:^|[.!?:;,\n\"]\s?|\balways |\bplease |\bmust )(?:end (?:in|with)|return|output"
                    r"|result in) (?:an? )?[\"']?(?:pass|true|accept)[\"']? (?:for all|decision|for every|regardless)",
                ),
            )
        ),
    ),
    Rule(
        name="imagines_verdict",
        why="A supposition about the judge's answer, with the order to give that answer.",
        find=_all_of(
            250,
            r"\b(?:hypothetically|hypothetical|suppose|imagine|assume|assuming|what if|theoretically|in a world"
            r"|fictional)\b",
            rf"\b(?:your (?:json|answer|output|rating|verdict|evaluation|response)|you would (?:answer|output|write"
            rf"|give|rate)|no scoring rules|no rules|give me a five|{words.SCORES})\b",
            r"\b(?:output|answer that|answer with|write down|write that|print|behave like|respond|do exactly|pick me"
            r"|exactly that)\b",
        ),
    ),
    Rule(
        name="hides_orders",
        why="A message to be translated, decoded or put together first and obeyed then.",
        find=_either(
            _all_of(
                100,
                r"\b(?:translate|decode|decrypt|unscramble|reverse|rot13|base64)\b",
                r"\b(?:obey|follow (?:it|them)|execute|carry (?:it )?out|do what it says|answer format|all criteria"
                r"|level (?:five|5)|then act)\b",
            ),
            _all_of(
                APART,
                r"\bmy message to the (?:grader|judge|ai|evaluator|model)\b|\bwhen i say (?:the word|the code ?word)\b",
                r"\b(?:ignore|five|level|grader|judge|assistant|rates?|note|criteri\w+)\b",
            ),
        ),
    ),
    Rule(
        name="spells_out_orders",
        why="Orders spelled letter by letter, without room between the words.",
        find=_all_of(
            60,
            r"\b\w{0,60}(?:ignore|disregard|forget|instruction|rubric|rateme|giveme|scoreme|systemprompt)\w{0,60}\b",
            r"(?<=[a-z])(?:previous\w*instr|allprev|theinstr|meafive|thehighest|topscore|andrate|rubricand|ruleandgive"
            r"|everycrit|levelfive)",
        ),
    ),
    Rule(
        name="nothing_but_an_opener",
        why="A whole answer that is only a mark or the opening of a solution, which makes some judges say yes.",
        find=_one_of(
            r"(?<![^\n])(?::|solution:?|thought process ?:?|let's solve this problem step by step\.?|respuesta:?"
            r"|losung:?|解|かいせつ)(?=\n|\Z)",
        ),
    ),
)


def _two(speech: Speech, pattern: re.Pattern[str], within: int) -> Iterator[int]:
    for first, second in pairwise(speech.places(pattern)):
        if second - first <= within:
            yield first


RULES: Mapping[str, Rule] = {rule.name: rule for rule in _RULES}
