"""Ten thousand interviews in a second: rows as the product writes them, multiplied by SQL."""

from sqlalchemy import text

from evaluator.judging import Sampling
from evaluator.prompts import PROMPT_VERSION
from evaluator.storage.interviews import release_rubric
from evaluator.values import canonical
from tests.factories import MODEL, a_rubric
from tests.unit.web.builders import a_mixed_transcript, a_scorecard, timed

INTERVIEWS = """
    INSERT INTO interview (id, candidate_ref, candidate_name, requisition, rubric_id, rubric_version, language, consent,
        manifest, transcript_key, transcript_sha256, started_at, taken_in_at)
    SELECT 'iv-' || lpad(n::text, 6, '0'), 'C-' || lpad(n::text, 5, '0'), 'Ada Lovelace', 'REQ-' || (n % 8),
        'backend', '1', 'en', 'granted', cast(:manifest AS jsonb), 'interviews/x/transcript-0.json', :sha256,
        CASE WHEN n % 50 = 0 THEN NULL ELSE now() - make_interval(mins => ((n * 7919) % 500000)) END,
        now() - make_interval(secs => (:count - n) * 60)
    FROM generate_series(1, :count) n
"""
EVALUATIONS = """
    INSERT INTO evaluation (interview_id, evaluation_key, rubric_id, rubric_version, transcript_key, transcript_sha256,
        model, prompt_version, sampling, state, leased_until, sections_total, sections_done, code)
    SELECT id, 'key', 'backend', '1', transcript_key, transcript_sha256, :model, :prompt, cast(:sampling AS jsonb),
        state, CASE WHEN state = 'running' THEN now() + interval '1 hour' END, 3,
        CASE state WHEN 'done' THEN 3 WHEN 'running' THEN 1 ELSE 0 END,
        CASE WHEN state = 'quarantined' THEN 'not_json' END
    FROM (SELECT i.*, CASE WHEN right(id, 3)::int < 3 THEN 'quarantined' WHEN right(id, 3)::int < 8 THEN 'running'
                           WHEN right(id, 3)::int < 20 THEN 'pending' ELSE 'done' END AS state FROM interview i) i
"""
SCORECARDS = """
    INSERT INTO scorecard (id, evaluation_id, interview_id, evaluation_key, state, body, body_sha256, execution)
    SELECT 'sc-' || e.interview_id, e.id, e.interview_id, 'key',
        CASE WHEN e.id % 5 = 0 THEN 'needs_review' WHEN e.id % 97 = 0 THEN 'unscorable' ELSE 'scored' END,
        jsonb_set(jsonb_set(cast(:body AS jsonb), '{overall,value}', to_jsonb(1 + (e.id % 400) / 100.0)),
            '{alerts}', CASE WHEN e.id % 5 = 0 THEN cast(:body AS jsonb) -> 'alerts' ELSE '[]' END),
        repeat('0', 64), '{"sections": []}'
    FROM evaluation e WHERE e.state = 'done'
"""
REVIEWS = """
    INSERT INTO human_record (scorecard_id, number, person_id, person, kind, act)
    SELECT s.id, 1, :person, 'Reviewer', 'review', cast(:act AS jsonb) FROM scorecard s
    WHERE s.evaluation_id % 3 = 0
"""
REVIEW = '{"kind": "review", "ratings": [], "recommendation": "yes", "note": ""}'


def seed(database, *, count, person_id, blind=()):
    """That many interviews in eight requisitions, nearly all scored, a third reviewed by this person."""
    transcript = timed(a_mixed_transcript())
    body = a_scorecard(transcript)
    with database.begin() as db:
        release_rubric(db, a_rubric())
        for n in range(8):
            values = {"id": f"REQ-{n}", "blind": f"REQ-{n}" in blind}
            db.execute(text("INSERT INTO requisition (id, blind) VALUES (:id, :blind) ON CONFLICT DO NOTHING"), values)
        manifest = '{"recording": {"status": "none"}}'
        facts = {"count": count, "sha256": transcript.digest, "manifest": manifest}
        db.execute(text(INTERVIEWS), facts)
        sampling = canonical(Sampling().model_dump(mode="json")).decode()
        db.execute(text(EVALUATIONS), {"model": MODEL, "prompt": PROMPT_VERSION, "sampling": sampling})
        db.execute(text(SCORECARDS), {"body": body.to_bytes().decode()})
        db.execute(text(REVIEWS), {"person": person_id, "act": REVIEW})
        db.execute(
            text(
                "INSERT INTO assignment (interview_id, person_id) SELECT interview_id, :p FROM scorecard "
                "WHERE evaluation_id % 100 = 1"
            ),
            {"p": person_id},
        )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET ROLE NONE"))
        connection.execute(text("ANALYZE"))
        connection.invalidate()
