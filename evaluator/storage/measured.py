"""What evaluation has cost for each minute of interview, read from the ledger of finished runs."""

from decimal import Decimal

from sqlalchemy import Connection, text

from evaluator.planning.stack import MEASURED_DAYS, Measured
from evaluator.storage.costs import Spent, run_spent

RUNS_MAX = 200  # the newest

# What failed costs the same money and adds no minutes; what was skipped cost nothing. A run counts where each of its
# scored interviews says how long it took.
_RUNS = text(
    """
    SELECT r.id, count(*) AS interviews, sum(extract(epoch FROM i.ended_at - i.started_at)) / 60 AS minutes
      FROM run r
      JOIN run_member m ON m.run_id = r.id AND m.skipped IS NULL
      JOIN evaluation e ON e.id = m.evaluation_id AND e.state = 'done'
      JOIN interview i ON i.id = e.interview_id
     WHERE r.state = 'closed' AND r.closed_because = 'finished'
       AND r.closed_at > clock_timestamp() - make_interval(days => :days)
     GROUP BY r.id
    HAVING bool_and(COALESCE(i.ended_at > i.started_at, false))
     ORDER BY r.id DESC
     LIMIT :runs
    """
)


def evaluation_measured(db: Connection) -> Measured | None:
    """Over the last MEASURED_DAYS days' finished runs whose node time has a price throughout; None without any."""
    spent: list[tuple[Spent, int, Decimal]] = []
    for row in db.execute(_RUNS, {"days": MEASURED_DAYS, "runs": RUNS_MAX}):
        found = run_spent(db, row.id)
        if found.money is not None and not found.unpriced_s:
            spent.append((found, row.interviews, Decimal(row.minutes)))
    currencies = {found.currency for found, _, _ in spent}
    currency = next(iter(currencies), None)
    if currency is None or len(currencies) > 1:  # sums in two currencies are no sum
        return None
    money = sum((found.money or Decimal(0) for found, _, _ in spent), start=Decimal(0))
    minutes = sum((length for _, _, length in spent), start=Decimal(0))
    return Measured(
        per_minute=money / minutes,
        currency=currency,
        interviews=sum(count for _, count, _ in spent),
        minutes=minutes,
    )
