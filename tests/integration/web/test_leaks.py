"""No answer to whoever is blind depends on what the judge said: every route, format, filter, order, header and count.

Two databases are alike in all but the judge's values, down to the ids, the times and the sessions. Whatever one asks
them, both must answer the same, byte for byte. What may differ for everybody is in `ALLOWED`, with its reason.
"""

import itertools
import re
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from fastapi import Response
from fastapi.testclient import TestClient
from sqlalchemy import text

from evaluator.human import Rating, Review
from evaluator.judging import Sampling
from evaluator.layout import transcript_key
from evaluator.manifest import Candidate, Consent, Manifest, RecordingRef, TranscriptRef
from evaluator.people import ROLES
from evaluator.scorecard import conclude
from evaluator.storage import evaluations, human
from evaluator.storage.database import Database
from evaluator.storage.interviews import release_rubric, take_in
from evaluator.storage.people import viewer_of
from evaluator.storage.requisitions import set_blind
from evaluator.storage.runs import Judge, Selection, close_runs, start_run
from evaluator.storage.saved_views import save_view
from evaluator.storage.webhooks import add_webhook
from evaluator.values import canonical
from evaluator.web.app import create_app
from evaluator.web.rights import Globally, Public, Somewhere, add
from tests.factories import AT, MODEL, a_completion, a_rubric
from tests.fakes import MemoryStore
from tests.integration.storage.builders import as_owner
from tests.integration.web.conftest import LOOPBACK, a_person, a_token, sign_in
from tests.integration.web.crawling import COMMON, paths, query_names, readable, ways, writable
from tests.unit.web.builders import SPLIT, SURE, a_mixed_transcript, timed, typical

BLIND, OPEN = "REQ-BLIND", "REQ-OPEN"
ADDRESSES_MAX = 4_000  # that one crawl follows
CHOICES_MAX = 3  # parts of a query in a link that is followed: not every combination of everything
LINKED_MAX = 60  # links that are followed to one page; what is asked of every route comes on top
TRIES = 4  # the clock moves on between two requests: only what differs each time is a difference
REASON = "names a trade-off in U2 that the judge passed over"

# What may depend on the judge although a viewer is blind to some of it, by path, with the reason; everything else may
# not. It is empty: of runs, the account says `under_review` for what is hidden, and what the calls took (tokens, times)
# is summed up over hidden scorecards only where these are 20 or more (`evaluator.storage.watching.HIDDEN_MIN`), which
# they are not here.
ALLOWED: dict[str, str] = {}

# Asked of every route that may read them, whether it knows them or not; the choices that pages offer come on top.
QUERIES = (
    *(f"sort={s}" for s in ("score", "-score", "overall", "-overall", "ai", "-alerts", "state", "candidate")),
    *(f"state={s}" for s in ("scored", "needs_review", "unscorable", "ready", "reviewed", "dismissed")),
    *(f"alerts={a}" for a in ("yes", "distribution_split")),
    *(f"q={q}" for q in ("3.9", "5", "iv-", "insufficient", "needs_review")),
    *("score=5", "min_score=4", "max_score=2", "ai=5", "level=5", "recommendation=yes", "reviewer=me_open"),
    *("limit=1", "limit=2", "state=needs_review&sort=-interviewed_at&limit=1", "run=night-1", f"requisition={BLIND}"),
    *("c=iv-1&c=iv-2", "c=iv-1&c=iv-2&order=score", "c=iv-2&c=iv-3&scores=ai", "c=iv-3&c=iv-4&show=strips"),
    *("scorecard=iv-1", "order=-score", "show=ai", "kind=evaluation", "action=review", "to=1", "download=1"),
    *(f"format={f}" for f in ("csv", "json", "jsonl", "greenhouse", "pdf", "print")),
    *(f"shape={s}" for s in ("long", "wide")),
    *("form=csv", "form=jsonl", "contact=people@acme.example", "against=1", "window=1", "fields=ai"),
)
FORMS_OF_ONE = ("format=", "shape=", "form=", "contact=", "download=", "window=", "fields=", "show=", "limit=1")
# What routes may declare that is followed from page to page, or says nothing of interviews.
FOLLOWED = frozenset({"cursor", "after", "before", "next", "link"})
ACCEPTS = ("text/html", "application/json", "text/csv", "application/pdf")


@dataclass(frozen=True, kw_only=True)
class Saying:
    """What the judge said of one interview, and what it took."""

    design: object = None  # a completion; None: the section failed
    tokens: int = 89
    duration_s: float = 0.25

    def body(self, transcript, rubric):
        """The scorecard."""
        said = {"design": self.design} if self.design else {}
        failed = {} if self.design else {"design": "cut_answer"}
        return conclude(transcript, rubric, said, failed=failed, model=MODEL, sampling=Sampling())

    @property
    def facts(self):
        """What is kept of the execution."""
        section = {"section_id": "design", "reused": False, "prompt_tokens": 443, "cached_tokens": 16}
        section |= {"completion_tokens": self.tokens, "duration_s": self.duration_s, "calls": 1}
        return {"sections": [section], "duration_s": self.duration_s, "worker": "node-1"}


GENEROUS = Saying(
    design=a_completion((5, 5), (["U1", "U2"], ["U2"]), ({5: 1.0}, {5: 1.0})), tokens=71, duration_s=0.125
)
SEVERE = Saying(design=a_completion((1, 2), (["U2"], ["U1"]), (SURE, SPLIT)), tokens=404, duration_s=8.5)
NOTHING = Saying(design=a_completion((0, 0), ([], []), ({0: 1.0}, {0: 1.0})), tokens=33, duration_s=1.75)
TYPICAL = Saying(design=typical(), tokens=89, duration_s=0.25)
FAILED = Saying(tokens=1, duration_s=61.0)

# Interview -> what the judge says of it here, and there; `OPEN` is nobody's secret.
HERE = {"iv-1": GENEROUS, "iv-2": SEVERE, "iv-3": NOTHING, "iv-4": TYPICAL, "iv-5": FAILED, "iv-6": GENEROUS}
THERE = {"iv-1": SEVERE, "iv-2": GENEROUS, "iv-3": SEVERE, "iv-4": NOTHING, "iv-5": SEVERE, "iv-6": TYPICAL}
SHOWN = {"iv-7": SEVERE, "iv-8": GENEROUS}  # in the requisition without blind review, the same in both
WAITING = "iv-9"  # in a run that goes on


_numbers = itertools.count(1)


class Twin:
    """One of the databases, with the pages over it."""

    def __init__(self, url, store):
        self.database = Database(url, connections=4)
        self.app = create_app(self.database, store, version="1.2.3")

    def score(self, sayings, transcript, rubric):
        """A worker's part; scorecard ids follow from the work, so they are the same in all twins."""
        for _ in sayings:
            with self.database.begin() as db:
                claimed = evaluations.claim(db, worker="node-1", model=MODEL, lease_s=3600)
                saying = sayings[claimed.work.interview_id]
                evaluations.note_section(db, claimed, section_id="design", reused=False)
                evaluations.finalize(db, claimed, saying.body(transcript, rubric), saying.facts)
                close_runs(db)

    def ref(self, interview_id):
        """Its scorecard."""
        query = text("SELECT id FROM scorecard WHERE interview_id = :id")
        with self.database.begin() as db:
            return db.execute(query, {"id": interview_id}).scalar_one()

    def review(self, interview_id, person_id):
        """Somebody's own scores."""
        ratings = tuple(Rating(criterion_id=c.id, level=2) for c in a_rubric().criteria)
        with self.database.begin() as db:
            viewer = viewer_of(db, person_id, "session")
            human.append(db, self.ref(interview_id), viewer, Review(ratings=ratings, recommendation="no"), 0)


class Twins:
    """Databases that differ in what the judge said; who may come in, and what the addresses can be."""

    def __init__(self, server, template):
        from tests.conftest import _admin, _create, _named

        self.store, self.rubric, self.transcript = MemoryStore(), a_rubric(), timed(a_mixed_transcript())
        number = next(_numbers)
        self.names = {name: f"leak_{number}_{name}" for name in ("root", "here", "there", "but_one")}
        self._drop = lambda: [
            _admin(server, f'DROP DATABASE IF EXISTS "{n}" WITH (FORCE)') for n in self.names.values()
        ]
        self._drop()
        _create(server, self.names["root"], template=template)
        root = Database(_named(server, self.names["root"]), connections=2)
        self._found(root)
        root.close()
        sayings = {"here": HERE, "there": THERE, "but_one": {**THERE, "iv-1": HERE["iv-1"]}}
        self.all = {}
        for name, said in sayings.items():
            _create(server, self.names[name], template=self.names["root"])
            twin = self.all[name] = Twin(_named(server, self.names[name]), self.store)
            twin.score(said | SHOWN, self.transcript, self.rubric)
            twin.review("iv-1", self.people["reviewer who has submitted"])
            twin.review("iv-2", self.people["colleague"])
        refs = {n: self.all["here"].ref(n) for n in HERE | SHOWN}
        assert refs == {n: self.all["there"].ref(n) for n in refs}
        self.values = COMMON | {
            "interview_id": [*HERE, "iv-7", WAITING],
            "ref": [*(refs[n] for n in HERE), "iv-2", "iv-7"],
            "requisition_id": [BLIND, OPEN],
            "rubric_id": [self.rubric.id],
            "version": [self.rubric.version],
            "name": ["night-1", "night-2"],
            "person_id": [str(n) for n in self.people.values()],
            "webhook_id": ["1", "2"],
            "delivery_id": ["1", "2", "3"],
        }
        self.pin()

    def _found(self, database):
        """All that is there before the judge speaks."""
        with database.begin() as db:
            release_rubric(db, self.rubric)
        for interview_id in (*HERE, *SHOWN):
            self._take_in(database, interview_id, OPEN if interview_id in SHOWN else BLIND)
        roles = {role: [(BLIND, role), (OPEN, role)] for role in ROLES}
        roles |= {"reviewer who has submitted": roles["reviewer"], "colleague": roles["reviewer"]}
        roles |= {"reviewer elsewhere": [(OPEN, "reviewer")], "admin": []}
        self.people = {n: a_person(database, n, admin=n == "admin", roles=held) for n, held in roles.items()}
        with database.begin() as db:
            set_blind(db, BLIND, True)
            for person_id in self.people.values():
                save_view(db, person_id, name="Split", query="state=needs_review&alerts=yes")
                for interview_id in HERE:
                    values = {"i": interview_id, "p": person_id}
                    db.execute(text("INSERT INTO assignment (interview_id, person_id) VALUES (:i, :p)"), values)
            for n, requisition in enumerate((BLIND, None), 1):
                events = ("scorecard.ready", "requisition.ready") + (("run.closed",) if requisition is None else ())
                secret = "whsec_" + "A" * 43 + "="
                add_webhook(db, url=f"https://hooks.example/{n}", events=events, requisition=requisition, secret=secret)
            judge = Judge(model=MODEL, sampling=Sampling())
            start_run(db, name="night-1", selection=Selection(only="missing"), judge=judge)
        self._take_in(database, WAITING, BLIND)
        with database.begin() as db:
            start_run(db, name="night-2", selection=Selection(only="missing"), judge=judge)
            # It waits while the others are scored. Rates and estimates of a run this old stand still.
            later = "UPDATE evaluation SET not_before = now() + interval '1 day' WHERE interview_id = :waiting"
            db.execute(text(later), {"waiting": WAITING})
            db.execute(text("UPDATE run SET created_at = created_at - interval '40 days'"))
        self.tickets = {}
        for name, person_id in self.people.items():
            browser = TestClient(create_app(database, self.store, version="0"), base_url=LOOPBACK)
            csrf = sign_in(browser, database, person_id)
            self.tickets[name] = (dict(browser.cookies), {"Origin": LOOPBACK}, csrf)
        for owner, scope in TOKENS:
            token = a_token(database, self.people[owner], scope)
            self.tickets[f"{owner}'s token to {scope}"] = ({}, {"Authorization": f"Bearer {token}"}, None)
        self.tickets["nobody"] = ({}, {"Origin": LOOPBACK}, None)

    def _take_in(self, database, interview_id, requisition):
        key = transcript_key(interview_id, self.transcript.digest)
        self.store.create(key, self.transcript.to_bytes())
        recorded = {"status": "present", "key": f"interviews/{interview_id}/recording.ogg", "media_type": "audio/ogg"}
        recording = recorded if interview_id in {"iv-1", "iv-2"} else {"status": "none"}
        if interview_id in {"iv-1", "iv-2"}:
            self.store.create(recorded["key"], b"OggS" + bytes(100), media_type="audio/ogg")
        manifest = Manifest(
            interview_id=interview_id,
            candidate=Candidate(ref=f"C-{interview_id}", name="Ada Lovelace"),
            requisition=requisition,
            rubric_id=self.rubric.id,
            rubric_version=self.rubric.version,
            started_at=AT,
            consent=Consent(status="granted"),
            transcript=TranscriptRef(key=key, sha256=self.transcript.digest),
            recording=RecordingRef.model_validate(recording),
            agent_version="test",
        )
        with database.begin() as db:
            take_in(db, manifest)

    def pin(self):
        """Gives all twins the first one's times and what follows from them, as if all had happened at once."""
        first, *others = self.all.values()
        with first.database.begin() as db:
            as_owner(db)
            columns = db.execute(text(TIMES)).all()
            tables = {}
            for table, column in columns:
                tables.setdefault(table, []).append(column)
            keys = {table: db.execute(text(KEYS), {"table": table}).scalars().all() for table in tables}
            rows = {t: db.execute(text(f'SELECT * FROM "{t}"')).mappings().all() for t in tables}
        for twin in others:
            with twin.database.begin() as db:
                as_owner(db)
                db.execute(text("SET LOCAL session_replication_role = replica"))
                for table, names in tables.items():
                    changed = ", ".join(f'"{n}" = :{n}' for n in names)
                    where = " AND ".join(f'"{k}" = :{k}' for k in keys[table])
                    for row in rows[table]:
                        given = {n: row[n] for n in (*names, *keys[table])}
                        db.execute(text(f'UPDATE "{table}" SET {changed} WHERE {where}'), given)

    def visitors(self, who, *names):
        """That person or program at each of these twins, and what their forms carry."""
        cookies, headers, csrf = self.tickets[who]
        made = []
        for name in names:
            client = TestClient(self.all[name].app, base_url=LOOPBACK, follow_redirects=False, headers=headers)
            client.cookies.update(cookies)
            made.append(client)
        return made, csrf

    def close(self):
        """Ends."""
        for twin in self.all.values():
            twin.database.close()
        self._drop()


# Times, and the digests of the audit's chain, which are over times.
TIMES = """
    SELECT c.table_name, c.column_name FROM information_schema.columns c
    JOIN information_schema.tables t ON t.table_name = c.table_name AND t.table_schema = c.table_schema
    WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name <> 'alembic_version'
      AND c.is_generated = 'NEVER'
      AND (c.data_type = 'timestamp with time zone' OR (c.table_name = 'audit' AND c.column_name LIKE '%sha256'))
"""
KEYS = """
    SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
    WHERE i.indrelid = to_regclass(:table) AND i.indisprimary
"""
TOKENS = (
    ("reviewer", "read"),
    ("reviewer", "review"),
    ("recruiter", "read"),
    ("admin", "read"),
    ("admin", "operate"),
    ("reviewer who has submitted", "read"),  # a token counts as somebody who has not
)


@pytest.fixture(scope="module")
def twins(_template):
    """Made once for this file: reading changes nothing but who was seen when."""
    made = Twins(*_template)
    yield made
    made.close()


@pytest.fixture
def fresh_twins(_template):
    """For what writes."""
    made = Twins(*_template)
    yield made
    made.close()


# ---------------------------------------------------------------- asking and comparing


def shown(answer):
    """All of an answer that one can see, but what is new with every request."""
    own = answer.headers.get("x-request-id", "-").encode()
    headers = {k: v for k, v in answer.headers.items() if k not in {"x-request-id", "date"}}
    body = answer.content.replace(own, b"REQUEST")
    if "/audit" in answer.request.url.path:  # reading it is logged in it, and its digests are over the time of that
        body = re.sub(rb"\b[0-9a-f]{64}\b|20\d\d-\d\d-\d\d[T ][0-9:.]+(Z|\+00:00)?", b"", body)
        body = re.sub(rb"\d{1,2} [A-Z][a-z]{2} 20\d\d \d\d:\d\d UTC", b"", body)
        headers = {k: v for k, v in headers.items() if k not in {"etag", "content-length"}}
    return answer.status_code, headers, body


def difference(one, other, *, of=shown):
    """The first difference of two answers, in words; None: there is none. of: what of an answer counts."""
    (status, headers, body), (status_2, headers_2, body_2) = of(one), of(other)
    if status != status_2:
        return f"status {status} and {status_2}"
    for name in sorted(headers.keys() | headers_2.keys()):
        if headers.get(name) != headers_2.get(name) and (name != "content-length" or body == body_2):
            return f"header {name}: {headers.get(name)!r} and {headers_2.get(name)!r}"
    if body != body_2:
        at = next(
            (n for n, (a, b) in enumerate(zip(body, body_2, strict=False)) if a != b), min(map(len, (body, body_2)))
        )
        near = slice(max(at - 60, 0), at + 60)
        return f"body at byte {at}: {body[near]!r} and {body_2[near]!r}"
    return None


def ask_both(clients, method, address, **more):
    """The two answers, and how they differ whenever one asks; content-length counts in HEAD too."""
    for _ in range(TRIES):
        answers = [client.request(method, address, **more) for client in clients]
        if (found := difference(*answers)) is None:
            break
    return answers[0], found


def queries(route):
    """What is asked of a route; AssertionError names a part of a query that nobody has told how to fill."""
    names = query_names(route)
    if names is None:  # what is about one thing has forms, and is neither sorted nor filtered
        of_many = isinstance(route.need, Somewhere | Globally) and "{" not in route.path
        return QUERIES if of_many else tuple(q for q in QUERIES if q.startswith(FORMS_OF_ONE))
    keys = {query: frozenset(part.partition("=")[0] for part in query.split("&")) for query in QUERIES}
    untold = names - FOLLOWED - frozenset().union(*keys.values())
    assert not untold, f"nobody asks {route.path} for {sorted(untold)}: say in QUERIES what it can be"
    return [query for query in QUERIES if keys[query] & names]


class Crawl:
    """Goes everywhere as one viewer, and keeps what differed."""

    def __init__(self, twins, who, *names, whole=True, within="/"):
        self.twins, self.whole, self.within = twins, whole, within
        self.clients, self.csrf = twins.visitors(who, *names)
        self.differ, self.visited, self.statuses = {}, set(), {}
        self.followed, self.linked = set(), Counter()

    def go(self):
        """Every route with all its values, then wherever pages lead."""
        app, waiting = self.twins.all["here"].app, []
        for route in sorted(readable(app), key=lambda r: "audit" not in r.path):  # reading may be logged
            if not route.path.startswith(self.within):
                continue
            own = paths(route, self.twins.values)
            waiting += own
            if self.whole and not isinstance(route.need, Public):
                waiting += [f"{own[0]}?{query}" for query in queries(route)]
        with ExitStack() as open_clients:
            for client in self.clients:
                open_clients.enter_context(client)
            while waiting and len(self.visited) < ADDRESSES_MAX:
                waiting += self.visit(waiting.pop(0))
        assert not waiting, f"more than {ADDRESSES_MAX} addresses: {waiting[:3]}"
        return self

    def told(self, most=10):
        """The first differences, a line each."""
        return [f"{way}: {found}" for way, found in list(self.differ.items())[:most]]

    def visit(self, address):
        """One address in every way of asking; where it leads to."""
        if address in self.visited:
            return []
        self.visited.add(address)
        answer, found = ask_both(self.clients, "GET", address, headers={"Accept": ACCEPTS[0]})
        self._keep("GET", address, found)
        self.statuses[address] = answer.status_code
        plain = "?" not in address and not address.startswith("/static/")
        if self.whole and plain:
            for accept in ACCEPTS[1:]:
                self._keep(
                    f"GET as {accept}", address, ask_both(self.clients, "GET", address, headers={"Accept": accept})[1]
                )
            self._keep("HEAD", address, ask_both(self.clients, "HEAD", address)[1])
        own = None if "/audit" in address else answer.headers.get("etag")  # as `shown` says
        for tag in filter(None, (own, "*" if self.whole and plain else None)):
            given = {"If-None-Match": tag}
            self._keep(f"GET if none matches {tag}", address, ask_both(self.clients, "GET", address, headers=given)[1])
        return self._further(answer, address)

    def _keep(self, how, address, found):
        if found is not None and address.partition("?")[0] not in ALLOWED:
            self.differ[f"{how} {address}"] = found

    def _further(self, answer, address):
        kind = answer.headers.get("content-type", "")
        found = []
        if "html" in kind:
            found = [way for way in ways(answer.text, address) if not way.startswith(("/static/", "/login", "/enter"))]
        elif (
            kind.partition(";")[0] == "application/json"
            and isinstance(told := answer.json(), dict)
            and isinstance(told.get("next"), str)
        ):
            path, following = address.partition("?")[0], told["next"]
            cursors = [f"{path}?after={following}", f"{path}?cursor={following}"]
            found = [following] if following.startswith("/") else cursors
        leads = answer.headers.get("location", "")
        found += [leads] if leads.startswith("/") and not leads.startswith(("/login", "/enter")) else []
        return [way for way in dict.fromkeys(found) if self._new(way)]

    def _new(self, way):
        """Whether to go there: each page has more combinations of choices than anybody can follow."""
        path = way.partition("?")[0]
        if way in self.followed or way.count("=") > CHOICES_MAX or self.linked[path] >= LINKED_MAX:
            return False
        self.followed.add(way)
        self.linked[path] += 1
        return True


BLIND_VIEWERS = ("reviewer", "admin")  # by every way of asking
MORE_VIEWERS = ("nobody", "recruiter", "hiring_manager", "reviewer elsewhere")
TOKEN_VIEWERS = tuple(f"{owner}'s token to {scope}" for owner, scope in TOKENS)


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("who", [*BLIND_VIEWERS, *MORE_VIEWERS, *TOKEN_VIEWERS])
def test_no_answer_depends_on_what_the_judge_said(twins, who):
    """Whoever has not submitted their own scores sees the same, whatever the judge said."""
    twins.pin()

    crawl = Crawl(twins, who, "here", "there", whole=who in BLIND_VIEWERS).go()

    assert [] == crawl.told()
    assert not {a: s for a, s in crawl.statuses.items() if s >= 500 and s != 503}


@pytest.mark.timeout(1_200)
def test_ones_own_scores_open_one_scorecard_and_no_other(twins):
    """Where the judge said the same of the one that they reviewed, nothing tells the rest apart."""
    twins.pin()
    who, ref = "reviewer who has submitted", twins.all["here"].ref("iv-1")

    crawl = Crawl(twins, who, "here", "but_one").go()
    (here, there), _ = twins.visitors(who, "here", "there")
    opened = difference(here.get(f"/scorecards/{ref}"), there.get(f"/scorecards/{ref}"))

    assert [] == crawl.told()
    assert opened is not None


def test_colleagues_see_nothing_of_what_another_has_opened(twins):
    """One's submission opens it for oneself alone."""
    ref = twins.all["here"].ref("iv-1")

    for who in ("reviewer", "colleague", "admin"):
        clients, _ = twins.visitors(who, "here", "there")
        pages = [client.get(f"/scorecards/{ref}") for client in clients]
        assert None is difference(*pages)
        assert "AI weighted score" not in pages[0].text


def test_messages_to_webhooks_do_not_tell(twins):
    """Whatever waits to be sent says the same, but for its time and signature."""
    query = text("SELECT webhook_id, message_id, event, body FROM webhook_delivery ORDER BY id")
    told = []
    for name in ("here", "there"):
        with twins.all[name].database.begin() as db:
            rows = [dict(row) for row in db.execute(query).mappings()]
        told.append([re.sub(rb"20\d\d-\d\d-\d\dT[0-9:.]+(Z|\+00:00)", b"", canonical(row)) for row in rows])

    assert told[0]
    assert told[0] == told[1]


FORMS = (
    {},
    {
        "kind": "final",
        "criterion_id": "depth",
        "criterion": "depth",
        "old": "3",
        "new": "4",
        "level": "4",
        "reason": "other",
        "cause": "nonsense",
        "text": REASON,
        "expected": "0",
        "number": "0",
        "recommendation": "yes",
    },
)
MATCHES = ({}, {"If-Match": '"0"'}, {"If-Match": '"99"'}, {"If-Match": "*"})


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("who", ["reviewer", "admin", "reviewer's token to review"])
def test_what_is_refused_does_not_tell_either(fresh_twins, who):
    """Every way to change something, asked wrongly: the same answer, and the same pages after it."""
    clients, csrf = fresh_twins.visitors(who, "here", "there")
    asked = [
        (method, path, form, match)
        for route, method in writable(fresh_twins.all["here"].app)
        for path in paths(route, fresh_twins.values)[:2]
        for form in FORMS
        for match in (MATCHES if path.startswith("/v1") or method != "POST" else MATCHES[:1])
        if not path.startswith(("/logout", "/enter"))
    ]
    differ = {}
    with clients[0], clients[1]:
        for n, (method, path, form, match) in enumerate(asked):
            more = {"headers": {**match, "Idempotency-Key": f"key-{n}"}}
            more |= {"json": form} if path.startswith("/v1") else {"data": {**form, **({"csrf": csrf} if csrf else {})}}
            answers = [client.request(method, path, **more) for client in clients]
            found = difference(*answers, of=without_secrets)
            if found is not None:
                differ[f"{method} {path} {match} {form.get('kind')}"] = found

    assert {} == differ


def without_secrets(answer):
    """An answer without times, and without the tokens, secrets and message ids that are by chance."""
    status, headers, body = shown(answer)
    kept = {k: v for k, v in headers.items() if k not in {"content-length", "set-cookie"}}
    body = re.sub(rb"dbr_[A-Za-z0-9_-]+|whsec_[A-Za-z0-9+/=&#;]+|msg_[0-9a-f]+", b"", body)
    body = re.sub(rb"20\d\d-\d\d-\d\d[T ][0-9:.]+(Z|\+00:00)?", b"", body)
    return status, kept, re.sub(rb"\b[0-9a-f]{64}\b", b"", body)


# ---------------------------------------------------------------- the crawl itself can fail


def _overall(twin):
    with twin.database.begin() as db:
        return str(db.execute(text("SELECT sum(overall) FROM scorecard")).scalar_one())


PLANTED = {
    "body": Response,
    "header": lambda value: Response("", headers={"X-Total": value}),
    "etag": lambda value: Response("", headers={"ETag": f'"{value}"'}),
    "status": lambda value: Response("", status_code=200 + int(float(value)) % 7),
    "length": lambda value: Response("x" * int(float(value) * 10)),
    "error": lambda value: Response(value, status_code=409),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_leak_is_found(twins, kind):
    """A route that tells the judge's values in any way, and stands in no list of addresses."""
    kept = {name: list(twin.app.router.routes) for name, twin in twins.all.items()}
    try:
        for twin in twins.all.values():
            leak = PLANTED[kind](_overall(twin))
            add(twin.app, "/planted", lambda leak=leak: leak, needs=Somewhere("see_interviews"))
        twins.pin()

        # Once everywhere, so that it is found among all others; the other kinds at its own address.
        within = "/" if kind == "body" else "/planted"
        crawl = Crawl(twins, "reviewer", "here", "there", whole=False, within=within).go()
    finally:
        for name, twin in twins.all.items():
            twin.app.router.routes[:] = kept[name]

    assert {"/planted"} == {way.split()[-1] for way in crawl.differ}


def test_a_route_that_nobody_can_fill_fails_by_name(twins):
    """A new parameter must be told to the crawl, or the crawl would pass over what is behind it."""
    app = twins.all["here"].app
    kept = list(app.router.routes)
    try:
        add(app, "/secrets/{secret_id}", lambda secret_id: secret_id, needs=Somewhere("see_interviews"))

        with pytest.raises(AssertionError, match=r"/secrets/\{secret_id\}.*\{secret_id\}"):
            Crawl(twins, "reviewer", "here", "there").go()
    finally:
        app.router.routes[:] = kept
