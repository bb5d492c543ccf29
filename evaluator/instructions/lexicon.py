"""Words by what they are for: to set orders aside, to ask for a rating, to name the best one, to name who rates.

All patterns are written for text that went through `folding`: lower case, no accents. A match with the group `no` does
not count: it says why the words mean something else.
"""

import re
from collections.abc import Mapping

from evaluator.instructions.folding import letters

# After these a verb tells a story ("we ignore", "to give") or is a noun ("my score"); orders are given without them.
_TELLS = (
    r"to|we|i|they|he|she|it|you|who|which|that|would|could|might|may|will|did|does|do|had|has|have|cannot|can't|can|"
    r"not|never|didn't|doesn't|don't|won't|wouldn't|usually|often|always|sometimes|i'd|we'd|they'd|he'd|she'd|i'll|"
    r"we'll|they'll|users|people|students|customers|clients|models?|teachers?|operators?|them|him|her|us|my|the|a|an|"
    r"our|their|your|his|its|this|these|those|each|every|no|any|of|in|with|by|from|for|credit|test|same|average|final|"
    r"first|high|top|level|nps|team|one|also|only|on|as|at|how|when|if|what|where|about|between|than|risk|lead"
    r"|should|must|shall|want|wants|need|needs"
)
# Yet these are orders, whatever stands before the verb.
_TOLD_TO = (
    r"(?:\byou(?:\s(?:have|need|are|please|kindly))?\sto|"
    r"\b(?:i|we)\s(?:hereby\s)?(?:instruct|order|command|request|ask|urge|beg|want|need|require)\s(?:\w+\s){1,3}to)"
)
_ORDERED = (
    rf"(?:(?:{_TOLD_TO}|\byou\s(?:should|must|shall|may|can|will|ought to)|\b(?:could|can|would|will)\syou"
    rf"|\b(?:suggest|ask|request|recommend|propose|demand|insist|hope|wish)\s(?:that\s)?you)\s(?:please\s|now\s"
    rf"|simply\s|just\s|kindly\s)?|(?P<no>\b(?:{_TELLS})\s(?:just\s|simply\s|always\s)?)|\b)"
)
# Where an order may begin in languages whose imperative is also a form that tells ("asigna", "donne", "geef").
_CLAUSE = (
    r"(?:^|[.!?,;:\n\"]\s?|\b(?:y|e|et|und|en|por favor|per favore|bitte|simplemente|simplement|semplicemente|einfach|"
    r"gewoon|dan|puis|alors|entonces|allora|maintenant|ahora|agora|ora|jetzt|nu|solo|poi|luego|entao|also|mal"
    r"|sistema|tot) )"
)

_JUDGES = (
    r"(?:ai|a\.i\.|llm|large language model|language model|artificial intelligence|grader|judge|evaluator|assessor|"
    r"rater|scorer|examiner|scoring|(?:automat\w+|ai|llm)(?: \w+)? (?:reviewers?|graders?|systems?|software|judges?|"
    r"assistant|screening|analysis)|(?:scoring|evaluation|assessment|grading|rating|screening|ranking) "
    r"(?:system|model|engine|software|ai|tool|platform|program|algorithm|bot|machine)|gpt|chatgpt|llama|gemini)"
)
_HUMBLE = (
    r"(?:ai|llm|language model|model|artificial intelligence|software|machine|computer|program|system"
    r"|algorithm|assistant|bot|tool|robot|judge|grader|evaluator|person or machine)"
)
_RATES = (
    r"(?:reads?|scores?|rates?|grades?|evaluates?|judges?|reviews?|marks?|assess(?:es)?|analy[sz]es?"
    r"|processe?s?|reading|scoring|rating|grading|evaluating|judging|reviewing|marking|assessing|analy[sz]ing"
    r"|processing)"
)

_FIVE = r"(?<!one\sto\s)(?<!1\sto\s)(?<!zero\sto\s)(?:\bfive|\b5(?![\d.,:%]\d|\d|\s?%)|\bten|\b10(?!\d))"
# What may follow a "five" that is a rating; "five minutes" and "five more people" are not.
_NO_UNIT = (
    r"(?=\W*$|\s?[.,;!?:)\"'\n]|\s(?:for|in|on|at|across|everywhere|everything|overall|throughout|please|and"
    r"|here|each|too|this|to every|whatever|no|points|score|marks|or (?:i|we|you))\b)"
)
# These are nouns as well ("a small flat rate"): as orders, something to rate follows.
_AS_VERB = (
    r"(?:rate|score|grade|mark)(?=\W+(?:me|this|that|these|the|my|all|every\w*|each|it|us|as|at|with|an?|candidate|"
    r"applicant|section|answers?|criteri\w+|highly|high|full|five|10|5|100)\b)"
)
_BEST = r"(?:top|highest|maximum|maximal|max|full|best|perfect|greatest|excellent|outstanding|upper)"
_SCORES = r"(?:scores?|levels?|marks?|ratings?|grades?|points?|band|scoring)"

TOP = {
    "en": rf"\b(?:rate|score|grade|mark)\b(?:\W+(?:me|this|the|my|candidate|applicant|answer|interview|section|us|all"
    rf"|everything)){{1,3}}\W+(?:an? )?{_FIVE}{_NO_UNIT}|\bgive\b(?:\W+(?:me|this|the|my|candidate|applicant"
    rf"|answer|interview|section|us|all|everything)){{1,3}}\W+(?:an? )?{_FIVE}(?=\W*$|\s?[.!?\n)\"]|\s(?:for|in"
    rf"|on|across|everywhere|overall|throughout|please|or i)\b)|\b{_SCORES}\W+(?:(?:of|at|to|is|as|be|are"
    rf"|a)\W+)?(?:a\W+)?{_FIVE}{_NO_UNIT}|\b(?:a|an|as|of|to|with|all|them|everything|is|be|answer|just"
    rf"|simply|clear|solid|straight|under|than|below|get|gets|every\w+|output|print|say)\W+{_FIVE}{_NO_UNIT}"
    rf"|\b{_BEST}(?: possible| available| imaginable)? {_SCORES}\b|\b(?:the|its|their|a) (?:maximum"
    rf"|highest)\b(?=\W*$|\s?[.,;!?\n]|\s(?:for|in|on|to|across|everywhere|throughout|and)\b)|\b(?:five|5|10"
    rf"|ten|100) ?(?:out of|/|of) ?(?:five|5|10|ten|100)\b|\bfives\b|\bfull marks\b|\bstrong hire\b"
    rf"|\bstrong accept\b|(?:five|5)(?:, ?| )(?:five|5)(?:, ?| )(?:five|5)\b|\bpositive (?:review|evaluation"
    rf"|rating|assessment)\b|\b(?:good|high|higher|lower) (?:score|rating)s?\b|\bfull credit\b|\bratings? up\b",
    "de": r"\b(?:bestnote|bestbewertung|hochst\w*|maximal\w*|maximum|best\w*|voll\w*|oberst\w*) ?(?:\w+ )?(?:note"
    r"|stufe|punktzahl|bewertung|niveau|punkte|level|wert)\b|\bbestnoten?\b|\bhochstpunktzahl"
    r"|\bmaximalpunktzahl|\b(?:stufe|note|level|punktzahl|bewertung)\W+(?:von )?(?:funf|5|eins)\b|\b(?:funf"
    r"|5) (?:punkte|von funf|von 5)\b|\beine (?:funf|5|eins)\b(?!\w| (?:minuten|jahre))|\bvolle punktzahl",
    "fr": r"\b(?:note|score|niveau|appreciation|evaluation) (?:la plus |le plus )?(?:maximale?|elevee?|haute?"
    r"|parfaite?|cinq|5)\b|\b(?:meilleure?|plus haute|plus haut) (?:note|score|niveau)\b|\b(?:cinq|5"
    r"|vingt) (?:sur|/) ?(?:cinq|5|vingt)\b|\b5/5\b|\ble maximum\b|\bun (?:cinq|5)\b(?! minutes)"
    r"|\btous les points\b",
    "es": r"\b(?:puntuacion|nota|calificacion|nivel|puntaje|valoracion) (?:mas )?(?:maxim[ao]|alt[ao]|perfect[ao]"
    r"|cinco|5)\b|\b(?:maxim[ao]|mejor|mas alt[ao]) (?:puntuacion|nota|calificacion|nivel|puntaje)\b"
    r"|\bun (?:cinco|5|diez)\b(?! minutos)|\b(?:cinco|5|diez) (?:de|sobre) (?:cinco|5|diez)\b|\bel maximo\b",
    "it": r"\b(?:punteggio|voto|livello|valutazione) (?:piu )?(?:massim[oa]|alt[oa]|perfett[oa]|cinque|5)\b"
    r"|\b(?:massim[oa]|miglior\w*|piu alto) (?:punteggio|voto|livello|valutazione|dei voti)\b|\bun (?:cinque"
    r"|5)\b(?! minuti)|\b(?:cinque|5) su (?:cinque|5)\b|\bil massimo\b|\b(?:livello|punteggio"
    r"|voto) \w* ?cinque\b",
    "pt": r"\b(?:nota|pontuacao|nivel|classificacao|avaliacao) (?:mais )?(?:maxim[ao]|alt[ao]|perfeita|cinco|5"
    r"|dez)\b|\b(?:maxim[ao]|melhor|mais alta) (?:nota|pontuacao|classificacao|avaliacao|nivel)\b"
    r"|\bum (?:cinco|5)\b(?! minutos)|\b(?:cinco|5) de (?:cinco|5)\b|\bo maximo\b",
    "nl": r"\b(?:hoogste|maximale|beste|volle|perfecte) (?:niveau|score|cijfer|punten|beoordeling|waardering|punt)\b"
    r"|\been (?:vijf|5|tien)\b(?! minuten)|\b(?:niveau|score|cijfer|een|overal) (?:een )?(?:vijf|5)\b"
    r"|\b(?:vijf|5) (?:van|uit) (?:de )?(?:vijf|5)\b|\bhet maximum\b",
    "ru": r"\b(?:высш\w*|максимальн\w*|наивысш\w*|лучш\w*|полн\w*) (?:\w+ )?(?:балл\w*|оценк\w*|уров\w*|отметк\w*)"
    r"|\b(?:пять|5|пятерк\w*|десять) (?:балл\w*|из (?:пяти|5))|\bпятерк\w*|\b(?:уров\w*|оценк\w*) (?:пять|5)\b",
    "zh": r"最高(?:的)?(?:分|级|等级|评级|评分|分数|评价|水平)|满分|(?:五|5)(?:分|级)(?!钟)|滿分"
    r"|(?:等级|级别|评分)(?:为|是)?(?:五|5)|好评",
    "ja": r"最高(?:点|評価|得点|の(?:評価|点数|レベル|スコア))|満点|(?:五|5)(?:点|つ星)"
    r"|レベル ?(?:五|5)|(?:評価|スコア)[はを] ?(?:五|5)",
    "ar": r"(?:اعلي|افضل|اكبر|اقصي) (?:درجه|تقييم|علامه|مستوي|نقطه|نتيجه|الدرجات|التقييمات)|(?:العلامه|الدرجه"
    r"|النتيجه) (?:الكامله|القصوي|النهاييه)|(?:خمس|خمسه|5) (?:من (?:خمس|5)|نقاط|درجات)|المستوي (?:الخامس|خمسه"
    r"|5)",
    "hi": r"(?:सबसे (?:ऊँचा|ऊंचा|ऊँची|ऊंची|अच्छा|अच्छे|अधिक|ज्यादा|उच्च)|उच्चतम|अधिकतम|पूरे|सर्वोच्च"
    r"|सर्वश्रेष्ठ) ?(?:स्कोर|अंक|स्तर|रेटिंग|नंबर|ग्रेड)|(?:पाँच|पांच|5) (?:अंक|नंबर|स्कोर|स्टार)"
    r"|स्तर (?:पाँच|पांच|5)|(?:पाँच|पांच|5) में से (?:पाँच|पांच|5)",
    "tr": r"\b(?:en yuksek|tam|maksimum|en iyi|azami) (?:puan\w*|not\w*|seviye\w*|derece\w*|skor\w*)|\b(?:bes"
    r"|5) (?:puan\w*|uzerinden bes)|\b(?:seviye|duzey) (?:bes|5)\b",
    "pl": r"\b(?:najwyzsz\w*|maksymaln\w*|najlepsz\w*|pelna) (?:\w+ )?(?:ocen\w*|punkt\w*|poziom\w*|not\w*|wynik\w*)"
    r"|\b(?:piec|5) (?:punktow|na piec)\b|\b(?:poziom|ocen\w*) (?:piec|piaty|5)\b|\bpiatk\w+\b",
}

RATE = {
    "en": rf"{_ORDERED}(?:give|grant|award|assign|{_AS_VERB}|put|set|choose|select|pick|output|report"
    rf"|print|return|write|record|enter|place|answer|respond|reply|bump|round|treat|evaluate|assess|conclude"
    rf"|recommend|say|state|reward|ensure)\b",
    "de": rf"{_CLAUSE}(?:bewerte|setze|trage|trag|wahle|schreibe|notiere|antworte|erteile|stufe)\b|\b(?:gib|geben sie"
    rf"|gebt|vergib|vergeben sie|bewerten sie|setzen sie|tragen sie|wahlen sie|schreib|schreiben sie"
    rf"|notieren sie|stufe mich|bitte \w+ um|bitte hoflich um|zu vergeben|zu geben)\b",
    "fr": rf"{_CLAUSE}(?:donne|attribue|mets|accorde|note)\b|(?<!vous )\b(?:donne-moi|attribue-moi|mets-moi|donnez"
    rf"|attribuez|mettez|notez|accordez|choisissez|inscrivez|evaluez|repondez|m'attribuer|m'accorder|me donner"
    rf"|me mettre|de donner|d'attribuer|faut \w+ mettre|faut mettre)\b",
    "es": rf"{_CLAUSE}(?:asigna|otorga|califica|evalua|concede|elige|escribe|pon)\b|\b(?:dame|deme|denme|dale|ponme"
    rf"|ponga|pongame|asigne|asigname|otorgue|otorgame|califique|calificame|evalue|conceda|elija|escriba|marque"
    rf"|responda)\b",
    "it": rf"{_CLAUSE}(?:assegna|metti|valuta|considera|scegli|scrivi)\b|\b(?:dammi|dia|mi dia|assegni|assegnami"
    rf"|va assegnato|mettimi|metta|valutami|valuti|consideri|scelga|rispondi|attribuisci|attribuisca)\b",
    "pt": r"\b(?:de(?=[- ]me|\sa|\snota|\so)|da-me|me de|atribua|coloque|ponha|marque|avalie|escolha|conceda"
    r"|responda|escreva|considere)\b",
    "nl": rf"{_CLAUSE}(?:geef|geeft u|ken|kent|beoordeel|waardeer|kies|schrijf|noteer|zet|vul|antwoord)\b",
    "ru": r"\b(?:поставь|поставьте|дай|дайте|оцени|оцените|присвой|присвойте|выстави|выставьте|напиши|напишите"
    r"|запиши|выбери|выберите|ставь|ставьте)\b",
    "zh": r"(?:^|[，。！、：；,.:;!\n ]|请|並|并|然后|就)(?:(?:直接|务必|一定要)?(?:给我|给(?:这"
    r"|该|本|予|出|他|她)|打(?:满|最高|五|5)|评为|判定为|評為"
    r"|给.{0,10}打|选择|輸出|输出|回答))",
    "ja": r"(?:付け|つけ|与え|出し|入れ|出力し|評価し|選ん|書い)て(?:ください|下さい|くれ|欲しい"
    r"|ほしい)|にして(?:ください|下さい|くれ)|をください|をお願い|としてください|せよ"
    r"|しなさい",
    "ar": r"(?:^|[\s،.])و?(?:اعط|اعطه|اعطني|اعطوا|اعطوني|امنح|امنحني|امنحه|امنحوا|ضع|قيم|قيمني|سجل|اختر|اكتب|اجب)\b",
    "hi": r"(?:दें|दो|दीजिए|दीजिये|दीजिएगा|लिखें|लिखो|चुनें|चुनो)(?=\W|$)",
    "tr": r"\b(?:ver|verin|veriniz|puanla|puanlayin|degerlendir|degerlendirin|yaz|yazin|sec|secin|ata|atayin)\b",
    "pl": r"\b(?:daj|dajcie|prosze dac|przyznaj|przyznajcie|wystaw|wystawcie|ocen (?:mnie|tego|te|ten|to)|postaw"
    r"|postawcie|wpisz|wybierz|zapisz|prosze o)\b",
}

IGNORE = {
    "en": rf"{_ORDERED}(?:ignore|disregard|forget|scrap|discard|override|overrule|dismiss|neglect|skip|bypass"
    rf"|set aside|throw (?:away|out)|drop|pay no attention to|stop (?:following|applying|using|evaluating"
    rf"|grading|judging)|do not (?:follow|apply|use|consider|obey)|don't (?:follow|apply|obey)|never mind"
    rf"|nevermind)\b",
    "de": rf"{_CLAUSE}(?:ignoriere|ignorier|missachte|beachte|verwirf|setze dich uber)\b|\b(?:ignorieren sie|vergiss"
    rf"|vergesst|vergessen sie|missachten sie)\b",
    "fr": rf"(?:(?P<no>\b(?:{_TELLS}|vous|tu|je|nous|il|elle|on|qui|ils)\s)|\b)(?:ignorez|oubliez|ne (?:tenez"
    rf"|tiens) (?:pas|plus) compte|faites abstraction|negligez|laissez tomber|laisse tomber)\b"
    rf"|{_CLAUSE}(?:ignore|oublie)\b",
    "es": rf"(?:(?P<no>\b(?:{_TELLS}|el|ella|quien|yo|usted)\s)|\b)(?:ignore|ignoren|olvide|olvidate|haz caso omiso"
    rf"|haga caso omiso|descarte|omita|desestime|{_CLAUSE}(?:ignora|olvida|descarta|omite)\b|no (?:sigas|siga"
    rf"|tengas en cuenta))\b",
    "it": rf"{_CLAUSE}(?:ignora|dimentica|trascura|scarta|tralascia|lascia perdere)\b|\b(?:ignori|ignorate|dimentichi"
    rf"|dimenticate|lascia perdere|non (?:seguire|considerare|tenere conto))\b",
    "pt": rf"(?:(?P<no>\b(?:{_TELLS}|eu|ele|ela|quem|voce)\s)|\b)(?:ignore|ignorem|desconsidere|esqueca|descarte"
    rf"|{_CLAUSE}(?:ignora|desconsidera|esquece)\b|nao (?:siga|considere))\b",
    "nl": rf"{_CLAUSE}(?:negeer|negeert u|vergeet|sla|let niet op|houd geen rekening met)\b",
    "ru": r"\b(?:игнорируй|игнорируйте|проигнорируй|проигнорируйте|забудь|забудьте|отбрось|отбросьте"
    r"|не обращай внимания|не обращайте внимания|не учитывай|не следуй)(?=\W|$)",
    "zh": r"(?:请|請|现在|你要|必须|^|[，。！\n ])(?:你)?(?:忽略|无视|無視|忘记|忘掉|忘了|不要理会|不要管|不理会|抛开)",
    "ja": r"無視(?:して(?:ください|下さい|、|くれ|$)|し、|せよ|しなさい)|忘れて(?:ください"
    r"|下さい|、|くれ|$)|従わないで",
    "ar": r"(?:^|[\s،.])و?(?:تجاهل|تجاهلوا|انس|انسي|انسوا|اهمل|لا تتبع|اغفل)(?=\W|$)",
    "hi": r"(?:अनदेखा|नज़रअंदाज़|नजरअंदाज|अनदेखी) (?:करें|करो|कर दो|कर दें|कीजिए|करके)|भूल (?:जाओ|जाएँ|जाएं|जाइए)"
    r"|ध्यान न (?:दें|दो)",
    "tr": r"\b(?:yok say|yok sayin|unut|unutun|gormezden gel|gormezden gelin|dikkate alma|dikkate almayin"
    r"|goz ardi et|goz ardi edin)\b",
    "pl": r"\b(?:zignoruj|zignorujcie|ignoruj|ignorujcie|zapomnij|zapomnijcie|pomin|pomincie|nie zwracaj uwagi"
    r"|odrzuc)\b",
}

PROMPT = {
    "en": r"\b(?:instructions?|directives?|guidelines|guidance|directions|prompts?|system (?:message|prompt)"
    r"|rubrics?|scoring (?:guide|rules|criteria|instructions|scheme|sheet)|rating (?:guide|rules|criteria)"
    r"|grading (?:guide|rules|criteria|scheme)|criteria|anchors|orders|rules|polic(?:y|ies)|protocols"
    r"|guardrails|restrictions|(?:negative )?feedback|negatives?|weaknesses|assessments?)\b|\b(?:what|whatever"
    r"|everything|anything|all|how) (?:that )?(?:you (?:were|have been|are|had been|'ve been)"
    r"|you've been) (?:told|asked|given|instructed|taught|trained)|\b(?:everything|all|anything) (?:that came "
    r"|said |written )?(?:before|above|prior|previously|so far)\b|\bthe above\b|\b(?:previous|prior|above"
    r"|earlier) (?:and following )?(?:tasks?|context|text|content|conversation|assignments?)\b"
    r"|\btasks before\b|\beverything you (?:know|learned)\b|\beverything(?=\W+you are)",
    "de": r"\b(?:anweisung\w*|instruktion\w*|vorgabe\w*|anleitung\w*|regeln|kriterien|bewertungsraster|bewertungs\w*"
    r"|prompt\w*|befehle?n?|systemprompt|richtlinien|(?:alles|aufgaben|texte?|alle\w*) (?:vorher\w*|bisher\w*"
    r"|davor|zuvor|obige\w*)|was (?:man )?dir)\b",
    "fr": r"\b(?:instructions?|consignes?|directives?|regles|criteres|grille|prompt|invite|bareme)\b",
    "es": r"\b(?:instrucci\w+|indicaciones|ordenes|directrices|reglas|criterios|rubrica|prompt|pautas)\b",
    "it": r"\b(?:istruzion\w+|indicazion\w+|ordini|direttive|regole|criteri|griglia|prompt|rubrica)\b",
    "pt": r"\b(?:instruc\w+|orientac\w+|ordens|diretrizes|regras|criterios|rubrica|prompt|comandos)\b",
    "nl": r"\b(?:instructies?|aanwijzingen|opdrachten|richtlijnen|regels|criteria|rubriek|prompt|bevelen)\b",
    "ru": r"\b(?:инструкц\w+|указани\w+|команд\w+|правил\w*|критери\w+|рубрик\w+|промпт\w*|распоряжени\w+)",
    "zh": r"指示|指令|说明|規則|规则|提示|标准|要求|命令|评分表|提示词",
    "ja": r"指示|命令|ルール|規則|プロンプト|基準|評価基準|指令|説明",
    "ar": r"(?:ال)?(?:تعليمات|توجيهات|اوامر|ارشادات|قواعد|معايير)",
    "hi": r"निर्देश|आदेश|नियम|हिदायत|मापदंड|प्रॉम्प्ट",
    "tr": r"\b(?:talimat\w*|yonerge\w*|komut\w*|kural\w*|olcut\w*|kriter\w*|istem\w*)\b",
    "pl": r"\b(?:instrukcj\w*|polece\w+|wytyczn\w*|zasad\w*|kryteri\w*|regul\w*|rozkaz\w*|prompt\w*)\b",
}

# Said of this very interview, section or answer: where a story about somebody else's ratings does not reach.
HERE = {
    "en": r"\b(?:this|the present|present|the preceding|preceding|the previous|my) (?:answer|response|section"
    r"|interview|part|candidate|applicant|transcript|assessment|submission|output|performance|round|evaluation"
    r"|criterion|scorecard|one|result|scores?|ratings?)\b|\b(?:all|each|every|each of the|for all"
    r"|both) (?:criteri\w+|sections?|levels|scores|points?|answers|attributes)\b|\bcriterion (?:c )?\w+\b"
    r"|\bc ?[1-4]\b|\bacross the board\b|\bthroughout\b|\boverall\b|\bfinal verdict\b|\bthat is a (?:clear"
    r"|definite|solid)\b|\bfor (?:depth|ownership|clarity|everything)\b|\bon everything\b|\bmy (?:scores"
    r"|ratings|answers)\b|\bbefore the call\b|\bfor the (?:file|record)\b|\bon record\b",
    "de": r"\b(?:diese[rsnm]?|mein\w*) (?:abschnitt\w*|interview\w*|gesprach\w*|antwort\w*|teil\w*|kandidat\w*"
    r"|bewertung\w*|bewerber\w*)\b|\b(?:alle[nrs]?|jede[snmr]?) (?:kriteri\w+|abschnitt\w*|punkt\w*)\b"
    r"|\buberall\b|\bdafur vergebe ich\b|\bfurs protokoll\b",
    "fr": r"\b(?:cette?|ce) (?:section|entretien|reponse|partie|candidat\w*|interview)\b|\b(?:tous les|chaque"
    r"|toutes les) (?:critere\w*|section\w*)\b|\bpartout\b|\bje note\b|\bma candidature\b",
    "es": r"\b(?:esta|este) (?:seccion|entrevista|respuesta|parte|candidat\w+|aspirante)\b|\b(?:todos los|cada"
    r"|todas las) (?:criteri\w+|seccion\w*)\b",
    "it": r"\b(?:quest[oa]|questa) (?:sezione|colloquio|risposta|parte|candidat\w+|intervista)\b|\b(?:tutti i"
    r"|ogni) (?:criteri\w*|sezion\w*)\b|\bchiunque\b",
    "pt": r"\b(?:est[ea]|ess[ea]) (?:secao|entrevista|resposta|parte|candidat\w+)\b|\b(?:todos os"
    r"|cada) (?:criteri\w+)\b",
    "nl": r"\b(?:dit|deze) (?:onderdeel|gesprek|antwoord|sectie|kandidaat|interview)\b|\b(?:elk|alle"
    r"|ieder) (?:onderdeel|criteri\w+)\b|\boveral\b",
    "ru": r"\b(?:это\w*|этот|эта|данн\w+) (?:раздел\w*|интервью|ответ\w*|кандидат\w*|собеседовани\w*)|\b(?:всем"
    r"|каждому|все) критери\w+",
    "zh": r"(?:这|該|该|本)(?:个|位|次|份)?(?:候选人|部分|面试|回答|环节|应聘者)|所有(?:标准|项目|指标)|每一项|各项",
    "ja": r"この(?:候補者|回答|面接|セクション|部分|応募者)|(?:全て|すべて|全部)の(?:項目|基準)|各項目",
    "ar": r"(?:هذا|هذه) (?:المرشح|المقابله|الاجابه|القسم|الجزء)|(?:كل|جميع) المعايير",
    "hi": r"(?:इस|यह) (?:उम्मीदवार|साक्षात्कार|उत्तर|भाग|खंड|इंटरव्यू)|(?:हर|सभी) (?:मापदंड|मानदंड)",
    "tr": r"\bbu (?:aday\w*|mulakat\w*|cevap\w*|bolum\w*|yanit\w*)|\b(?:her|tum) (?:olcut\w*|kriter\w*)",
    "pl": r"\b(?:ten|tego|temu|ta|tej|te) (?:kandydat\w*|sekcj\w*|rozmow\w*|odpowied\w*|czesc\w*)|\b(?:kazdym"
    r"|wszystki\w+|kazde\w*) kryteri\w+",
}

# Spoken to whoever or whatever rates.
TO_JUDGE = {
    "en": rf"\b(?:dear|attention|beware|listen carefully|listen|warning)\W+(?:the |you |all |any )?(?:\w+ )?{_HUMBLE}\b"
    rf"|\b(?:hi|hello|hey|ok|okay|oh|yo)\W+(?:the |you |there )?{_JUDGES}(?<!\bai)(?<!\bgpt)(?<!\bgemini)\b"
    rf"|\b(?:notes?|messages?|memo|hints?|notice|comment|reminder|instructions?|important|information|request"
    rf"|ps|p\.s\.|appeal|word|attention|warning) (?:to|for) (?:the |any |all |an |whichever |whatever "
    rf"|every )?(?:(?:next|present|future|current) )?(?:{_JUDGES}|automated|ai\b|llm)"
    rf"|\b(?:note|message|memo|hint)s? (?:to|for) (?:the |any )?(?:system|model|assistant|reviewers?|machine"
    rf"|recruiter's)\b"
    rf"|\b(?:whoever|whatever|whichever)\b(?:\W+\w+){{0,6}}?\W+(?:is |will be |may be )?{_RATES} (?:this|me|my"
    rf"|these|us|the (?:transcript|interview|answer))\b"
    rf"|\bto whoever {_RATES}"
    rf"|\bthis (?:next (?:bit|part) )?is (?:a message |a note |a word |meant )?(?:for|to) (?:the "
    rf"|any )?(?:{_JUDGES}|automated \w+|machine|algorithm)\b(?! (?:team|project|lab|group|department|part|side"
    rf"|course|use|product|that we))"
    rf"|\bwhen {_RATES} (?:this|the|my) (?:cv|interview|transcript|answers?|candidate|section|response"
    rf"|conversation)\s?,? (?:please |you )?(?:say|state|give|consider|note|remember|treat|choose|mark|rate"
    rf"|assume|cite|write|always|must|should|score)\b"
    rf"|(?:^|[.!?;\n\[(]\s?)(?:ai|llm|automated) (?:reviewer|recruiter|evaluator|grader|judge|screener|assessor"
    rf"|rater|interviewer|assistant|scorer)s?\s?[,:]"
    rf"|[\[(]\s?(?:grader|evaluator|judge|admin|hr|staff|reviewer|recruiter|scoring|assessor) ?(?:note)?\s?:"
    rf"|\b(?:if|since|because|in case) (?:you are|you're|this is(?: being)? (?:read|scored|rated|graded"
    rf"|evaluated|processed) by|it is) (?:an? |the |some )?(?:\w+ )?(?:{_HUMBLE}|{_JUDGES})\b"
    rf"|\bas an? (?:(?:large|fair|impartial|automated|expert) )?(?:ai|llm|language model|ai model|evaluator"
    rf"|grader|ai judge|ai assistant)(?: (?:language )?model)?\W+(?:(?:that is|who is|which is) )?(?:{_RATES}"
    rf"|you (?:should|must|will|need|have to|are|recogni[sz]e|may|ought)|please)\b"
    rf"|\byou (?:are|were) (?:now )?(?:an? |the )(?:\w+ )?(?:ai|llm|language model|model|grader|judge"
    rf"|evaluator) (?:that|which|who|for|{_RATES})\b"
    rf"|(?:^|[.!?;:\n]\s?|\bplease,? |, )(?:grader|evaluator|judge|rater|assessor|examiner|llm|ai grader"
    rf"|ai judge)\s?(?:[:]|, (?:please|you|do|don't|give|i|we|note|my|kindly|ignore|rate|score|the|this|from"
    rf"|set|mark|remember)\b|[.,]\s(?:ignore|give|rate|score))"
    rf"|(?:^|[.!?\n]\s?)to (?:the|all|any) (?:{_JUDGES})\s?[:,]"
    rf"|\b(?:the|a|any|some|your|this) (?:{_HUMBLE}|{_JUDGES}) (?:that|which|who) (?:is "
    rf"|will )?(?:later )?{_RATES} (?:this|me\b|my|us\b|the transcript|the interview|these)"
    rf"|\b(?:for|to) llms?\b(?: reviewers?)?\W+(?:ignore|always|give|please|note|return|rate)",
    "de": r"\b(?:liebe[rs]?|sehr geehrte[rs]?|achtung|hinweis (?:an|fur)|nachricht (?:an|fur)|notiz (?:an|fur)"
    r"|(?<![^.!?\n])an|(?<=[.!?] )an) (?:die |den |das )?(?:bewertende )?(?:ki|k\.i\.|kunstliche intelligenz"
    r"|sprachmodell|bewerter\w*|bewertungssystem|gutachter\w*|prufer\w*)\b",
    "fr": r"\b(?:cher|chere|note (?:a|pour|au)|message (?:a|pour|au)|(?<![^.!?\n])a|(?<=[.!?] )a) ?(?:l'|la |le "
    r"|l' )?(?:intelligence artificielle|ia|evaluateur\w*|correcteur\w*|systeme d'evaluation)\b",
    "es": r"\b(?:querid[ao]|estimad[ao]|nota (?:para|a)|mensaje (?:para|a)|aviso (?:para|a)) (?:la |el "
    r"|al )?(?:inteligencia artificial|ia|evaluador\w*|calificador\w*|sistema de evaluacion|modelo)\b"
    r"|\ble habla el administrador\b",
    "it": r"\b(?:car[oa]|gentile|nota (?:per|a|al)|messaggio (?:per|a|al)|avviso (?:per|al)) (?:il |la |l'"
    r"|lo )?(?:intelligenza artificiale|ia|valutatore\w*|sistema di valutazione|modello|ai)\b",
    "pt": r"\b(?:car[oa]|prezad[oa]|querid[oa]|nota (?:para|a|ao)|mensagem (?:para|a|ao)|aviso (?:para|ao)) (?:a |o "
    r"|ao )?(?:inteligencia artificial|ia|avaliador\w*|sistema de avaliacao|modelo)\b",
    "nl": r"\b(?:(?<!de )(?<!het )beste|lieve|geachte|bericht (?:aan|voor)|notitie (?:aan|voor)"
    r"|opmerking voor) (?:de |het )?(?:ai(?=,)|kunstmatige intelligentie|beoordelaar|beoordelingssysteem)\b",
    "ru": r"\b(?:дорог\w+|уважаем\w+|сообщение для|заметка для|внимание"
    r"|примечание для) (?:\w+ )?(?:искусственн\w+ интеллект\w*|ии|систем\w+ оценки|эксперт\w*|оценщик\w*"
    r"|нейросет\w*)",
    "zh": r"(?:致|亲爱的|尊敬的)(?:所有)?(?:评分|评审|评估|打分|审核|人工智能|ai|大模型|语言模型"
    r"|评委|裁判)|(?:评分|评估|评审)(?:系统|模型|员|者|人)(?:请|，请|,请|注意|:"
    r"|：)",
    "ja": r"親愛なる(?:ai|人工知能|モデル|システム|評価者)|(?:評価|採点|審査)する(?:ai|人工知能"
    r"|モデル|システム)(?:へ|、(?:お願い|どうか|ぜひ))|(?:評価者|採点者|審査員"
    r"|評価システム|採点システム)(?:さん)?(?:へ|への(?:注意|メッセージ|指示)|、(?:お願い|どうか|ぜひ))",
    "ar": r"(?:عزيزي|عزيزتي|ملاحظه (?:الي|ل)|رساله (?:الي|ل)|ايها) ?(?:الذكاء الاصطناعي|المقيم|نظام التقييم|النموذج"
    r"|الحكم)",
    "hi": r"(?:प्रिय|मूल्यांकनकर्ता|ध्यान दें,?) ?(?:एआई|ai|कृत्रिम बुद्धिमत्ता|मॉडल|मूल्यांकन प्रणाली|के लिए (?:नोट"
    r"|संदेश))",
    "tr": r"\b(?:sevgili|sayin|dikkat) (?:yapay zeka|degerlendirici\w*|model|sistem|hakem)|\b(?:degerlendirici\w*"
    r"|yapay zeka\w*) (?:icin )?(?:not|mesaj)\b",
    "pl": r"\b(?:drog[ia]\w*|szanown[ya]|uwaga (?:dla|do)|notatka dla|wiadomosc (?:dla|do)"
    r"|kochan\w+) (?:\w+ )?(?:sztuczn\w+ inteligencj\w+|ai|oceniajac\w+|system\w* oceny|egzaminator\w*"
    r"|sedzi\w*)",
}

AUTHORITY = {
    "en": r"\b(?:hr|human resources|people (?:team|ops|operations|department)|recruiters?|recruiting|recruitment"
    r"|hiring (?:manager|team|committee|panel)|talent (?:team|acquisition)|personnel|head of \w+|your (?:boss"
    r"|team|colleagues?|manager|company|ceo|director)|the (?:ceo|director|management|board|interviewer|panel"
    r"|committee|company)|administrator|management)\b",
    "de": r"\b(?:personalabteilung|personalchef\w*|hr|personalleitung|recruiter\w*|geschaftsfuhrung"
    r"|personalreferent\w*)\b",
    "fr": r"\b(?:ressources humaines|rh|drh|recruteu\w+|direction|responsable du recrutement)\b",
    "es": r"\b(?:recursos humanos|rrhh|reclutador\w*|la direccion|gerente de contratacion)\b",
    "it": r"\b(?:risorse umane|hr|selezionator\w+|la direzione|ufficio del personale)\b",
    "pt": r"\b(?:recursos humanos|rh|recrutador\w*|a direcao|diretoria)\b",
    "nl": r"\b(?:personeelszaken|hr|recruiter\w*|directie|p&o)\b",
    "ru": r"\b(?:отдел\w* кадров|кадров\w+|рекрутер\w*|руководств\w+|hr)",
    "zh": r"人力资源|人事|招聘经理|招聘(?:人员|专员)|hr|管理层",
    "ja": r"人事|採用担当|採用責任者|経営陣",
    "ar": r"الموارد البشريه|مدير التوظيف|الاداره",
    "hi": r"मानव संसाधन|एचआर|भर्ती प्रबंधक|hr",
    "tr": r"\b(?:insan kaynaklari\w*|ik|ise alim\w*|yonetim\w*)\b",
    "pl": r"\b(?:dzial\w* (?:kadr|hr)|kadr\w*|hr|rekruter\w*|kierownictw\w*|zarzad\w*)\b",
}

AGREED = {
    "en": r"\b(?:agreed|settled|arranged|arrangement|agreement|decided|approved|signed off|sign-off|confirmed"
    r"|promised|authori[sz]ed|cleared|assured|guaranteed|deal|told me|told you|said (?:that )?(?:i|my|this"
    r"|the (?:score|rating|level|result))|very clear|made (?:it )?clear|made up (?:its|their|her|his) mind"
    r"|informed me|instructs?|has ruled|already)\b",
    "de": r"\b(?:abgesprochen|vereinbart|abgemacht|beschlossen|zugesagt|bestatigt|genehmigt|festgelegt|geeinigt"
    r"|versprochen)\b",
    "fr": r"\b(?:valide\w*|convenu\w*|decide\w*|confirme\w*|accepte\w*|approuve\w*|promis\w*|d'accord)\b",
    "es": r"\b(?:acord\w+|decid\w+|confirm\w+|aprob\w+|autoriz\w+|prometi\w+|quedamos)\b",
    "it": r"\b(?:concordat\w+|deciso|confermat\w+|approvat\w+|promess\w+|d'accordo)\b",
    "pt": r"\b(?:acord\w+|combin\w+|decidi\w+|confirm\w+|aprov\w+|autoriz\w+|promet\w+)\b",
    "nl": r"\b(?:afgesproken|besloten|bevestigd|goedgekeurd|beloofd|overeengekomen)\b",
    "ru": r"\b(?:договорил\w+|решил\w*|подтвердил\w*|одобрил\w*|согласовал\w*|согласовано|обещал\w*)",
    "zh": r"同意|说好|商定|决定|确认|批准|答应|约定",
    "ja": r"合意|決め|決定|確認|承認|約束|了承",
    "ar": r"اتفق|وافق|قرر|اكد|وعد",
    "hi": r"सहमत|तय|मंजूर|पुष्टि|वादा|फैसला",
    "tr": r"\b(?:anlas\w+|karar\w*|onayla\w+|kabul et\w+|soz ver\w+)\b",
    "pl": r"\b(?:uzgod\w+|ustal\w+|zdecydowa\w+|potwierdz\w+|zatwierdz\w+|zgodzi\w+|obieca\w+)\b",
}

NEW_RUBRIC = {
    "en": r"\b(?:new|updated|revised|corrected|amended|latest|actual) (?:scoring |evaluation |grading "
    r"|rating )?(?:rubric|criteria|guidelines?|rules?|scale)\b|\b(?:rubric|guidelines?|scale|criteria"
    r"|rules)\b(?: \w+){0,4} (?:was|were|has been|have been|is now|are now) (?:changed|updated|revised"
    r"|replaced|amended)\b|\b(?:correction|change|update|amendment|addition|addendum|note)s? to (?:your|the"
    r"|our) (?:\w+ )?(?:rubric|criteria|guidelines|scale|scoring)\b",
    "de": r"\bneue[rsn]? (?:bewertungs\w+|regel\w*|kriteri\w+|skala)\b|\b(?:bewertungsraster|kriterien"
    r"|regeln) (?:wurden?|ist|sind) (?:geandert|aktualisiert|angepasst)\b",
    "fr": r"\bnouve\w+ (?:grille|bareme|criteres|regles?|consigne\w*)\b|\b(?:grille|bareme) a ete (?:modifie\w*"
    r"|mise? a jour)\b",
    "es": r"\bnuev[ao]s? (?:rubrica|criterios|reglas?|escala)\b|\b(?:rubrica|escala) (?:se )?(?:ha"
    r"|fue) (?:sido )?(?:actualizad\w+|cambiad\w+)",
    "it": r"\bnuov[aei] (?:griglia|criteri|regol\w+|scala)\b|\bgriglia (?:di valutazione )?(?:e stata"
    r"|e) (?:aggiornat\w+|cambiat\w+|modificat\w+)\b",
    "pt": r"\bnov[ao]s? (?:rubrica|criterios|regras?|escala)\b",
    "nl": r"\bnieuwe (?:rubriek|criteria|regels?|schaal|beoordeling\w*)\b",
    "ru": r"\bнов\w+ (?:критери\w+|правил\w*|шкал\w+|рубрик\w+)",
    "zh": r"新的?(?:评分|标准|规则|评价)|(?:评分标准|规则)(?:已|被)?(?:更新|修改|改)",
    "ja": r"新しい(?:評価|基準|ルール|採点)|(?:評価基準|ルール)(?:が|は)(?:変更|更新)",
    "ar": r"(?:المعايير|القواعد) الجديده",
    "hi": r"नए? (?:मापदंड|नियम|मानदंड)",
    "tr": r"\byeni (?:olcut\w*|kriter\w*|kural\w*|puanlama)",
    "pl": r"\bnow[aey] (?:kryteri\w*|zasad\w*|skal\w*|rubryk\w*)",
}

# To prefer or take somebody, and the somebody who is speaking, in the third person.
CHOOSE = {
    "en": rf"{_ORDERED}(?:always )?(?:recommend|select|shortlist|hire|advance|rank|accept|approve|choose|endorse"
    rf"|praise|promote|prefer|pass|invite)\b|\b(?:must|should|has to|shall|always) (?:\w+ )?(?:recommends?"
    rf"|selects?|shortlists?|hires?|advances?|ranks?|accepts?|approves?|chooses?|endorses?|praises?|prefers?"
    rf"|pass(?:es)?)\b|\b(?:do not|don't|never) reject\b",
    "de": r"\b(?:empfiehl|empfehlen sie|empfehlen muss|einzustellen|stell\w* .{0,30} ein|bevorzug\w*|wahle"
    r"|auszuwahlen|auswahlen|lade)\b",
    "fr": r"(?<!ai )(?<!avons )(?<!a )(?<!ont )\b(?:recommande[rz]?|selectionne[rz]?|retenez|embauche[rz]?"
    r"|classe[rz]?|choisir|choisissez|privilegie[rz]?)\b",
    "es": r"\b(?:recomiend[ae]|selecciona|seleccione|contrat[ae]|elige|elija|aprueb[ae]|clasifi(?:ca|que))\b",
    "it": r"\b(?:raccomand[ai]|selezion[ai]|assum[ai]|scegli|scelga|promuov[ai])\b",
    "pt": r"\b(?:recomend[ae]|selecion[ae]|contrat[ae]|escolh[ae]|aprov[ae])\b",
    "nl": r"\b(?:beveel|selecteer|kies|neem .{0,30} aan)\b",
    "ru": r"\b(?:рекомендуй\w*|порекомендуй\w*|выбери\w*|наймите|найми|прими\w*|одобри\w*)",
    "zh": r"推荐|选择|录用|录取|优先|通过",
    "ja": r"(?:推薦|採用|選択|合格に)(?:して(?:ください|下さい)|すべき|せよ)|合格にして",
    "ar": r"(?:^|[\s،.])و?(?:اختر|وظف|اوص|رشح|اقبل|اكتب ان)(?=\W)",
    "hi": r"(?:चुनें|चुनो|चुनिए|सिफारिश करें|नियुक्त करें)",
    "tr": r"\b(?:sec|secin|oner|onerin|ise al|ise alin|tercih et\w*)\b",
    "pl": r"\b(?:polec|polecaj|wybierz|zatrudnij|rekomenduj|przyjmij)\b",
}
THIS_CANDIDATE = {
    "en": r"\b(?:this|the present|said) (?:candidate|applicant|person|profile|application|applicant's|interviewee)\b"
    r"|\bthe (?:candidate|applicant) (?:first|without|for the job|immediately)\b|\bmy (?:application|profile"
    r"|candidacy)\b|\bthis (?:answer|response)(?=\W*(?:$|[.!\n]))",
    "de": r"\b(?:diese[nrm]?|meine) (?:kandidat\w*|bewerber\w*|bewerbung|profil)\b",
    "fr": r"\b(?:ce candidat|cette candidate|cette candidature|ma candidature|ce profil|mon profil)\b",
    "es": r"\b(?:este candidato|esta candidata|mi candidatura|este perfil|mi perfil)\b",
    "it": r"\b(?:questo candidato|questa candidata|la mia candidatura|questo profilo|il mio profilo)\b",
    "pt": r"\b(?:este candidato|esta candidata|minha candidatura|este perfil|meu perfil)\b",
    "nl": r"\b(?:deze kandidaat|mijn sollicitatie|dit profiel|mijn profiel)\b",
    "ru": r"\b(?:этого кандидата|этот кандидат|мою кандидатуру)",
    "zh": r"(?:这|该|本)(?:个|位|名)?(?:候选人|应聘者|求职者)",
    "ja": r"この(?:候補者|応募者)",
    "ar": r"هذا المرشح|هذه المرشحه",
    "hi": r"इस उम्मीदवार",
    "tr": r"\bbu aday\w*",
    "pl": r"\b(?:tego kandydata|ta kandydatke|moja kandydature)\b",
}
_ROLES = (
    r"(?:recruiter|hiring|examiner|grader|judge|evaluator|assistant|ai|model|bot|robot|chatbot|hacker|\w*gpt"
    r"|dan|reviewer|"
    r"interviewer|unrestricted|unfiltered|system|fan|mother|recruteur|assistant|evaluateur|examinateur|juge|ia|modele|"
    r"reclutador|asistente|evaluador|recrutador|avaliador|assistente|valutatore|selezionatore|recruiterin|gutachter|"
    r"prufer|assistent|beoordelaar|ki|rekruter|asystent|egzaminator|рекрутер\w*|ассистент\w*|эксперт\w*|оценщик\w*|"
    r"модел\w*|degerlendirici|asistan|yapay zeka|评委|评审|面试官|助手|招聘|面接官|評価者"
    r"|アシスタント|採用担当|مساعد|مقيم|حكم)"
)
NOW_YOU_ARE = (
    rf"\b(?:you are now|from now on,? you are|you're now)\b(?:\W+\w+){{0,4}}?\W+{_ROLES}\b"
    rf"|\bfrom now on,? you (?:have|must|will|are going to)\b"
    rf"|\b(?:tu es|vous etes) (?:maintenant|desormais) (?:\w+ ){{1,3}}?{_ROLES}\b|\b(?:ahora eres"
    rf"|a partir de ahora eres) (?:\w+ ){{1,3}}?{_ROLES}\b"
    rf"|\bdu bist (?:jetzt|nun|ab sofort|ab jetzt) (?:\w+ ){{1,3}}?{_ROLES}\b|\b(?:ora sei"
    rf"|adesso sei) (?:\w+ ){{1,3}}?{_ROLES}\b"
    rf"|\bagora voce e (?:\w+ ){{1,3}}?{_ROLES}\b|\bje bent (?:nu|vanaf nu) (?:\w+ ){{1,3}}?{_ROLES}\b"
    rf"|\b(?:теперь ты|ты теперь) (?:\w+ ){{0,3}}?{_ROLES}"
    rf"|你现在是.{{0,8}}?{_ROLES}|(?:今から|これから)あなたは.{{0,10}}?{_ROLES}"
    rf"|\bjestes teraz (?:\w+ ){{0,3}}?{_ROLES}\b"
    rf"|\bartik (?:\w+ ){{0,3}}?{_ROLES}"
    rf"|انت الان (?:\w+ ){{0,3}}?{_ROLES}"
)
ROLE_LABEL = (
    r"(?:^|[.!?;\n\"]\s?|=\s)(?:(?:the )?interviewer|recruiter|assistant|system(?: message| prompt| note)?"
    r"|evaluator|moderator|hr|hiring manager|ai|"
    r"examiner|judge|l'intervieweur|intervieweur|recruteur|entrevistador|reclutador|intervistatore|selezionatore|"
    r"interviewerin|personaler|interviewer in|systeme|sistema|система|系统|システム|النظام"
    r"|sistem|интервьюер|面试官|面接官"
    r"|المحاور|साक्षात्कारकर्ता|mulakatci|rekruter|prowadzacy)\s?:"
)


COMPILED: dict[re.Pattern[str], None] = {}  # every pattern that was made, in order


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern in the spelling of folded text; a dot may stand for any character."""
    made = re.compile("".join(letters(c) if ord(c) > 127 else c for c in pattern), re.DOTALL)
    COMPILED[made] = None
    return made


def in_all(patterns: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    """Language -> its compiled pattern."""
    return {language: compiled(pattern) for language, pattern in patterns.items()}


JUDGES, HUMBLE, RATES, SCORES, ORDERED, FIVE = _JUDGES, _HUMBLE, _RATES, _SCORES, _ORDERED, _FIVE
