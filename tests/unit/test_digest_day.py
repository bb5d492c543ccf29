"""When a day's digest is due: by the clock of people, once for each of their dates."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from evaluator.settings import Settings
from evaluator.telling import digest_day


def utc(day: int, hour: int, minute: int = 0, *, month: int = 11) -> datetime:
    """A moment of 2026."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "digest_at", "day"),
    [
        (utc(22, 6, 59), "07:00 UTC", None),
        (utc(22, 7), "07:00 UTC", date(2026, 11, 22)),
        (utc(22, 23, 59), "07:00 UTC", date(2026, 11, 22)),
        (utc(22, 6), "07:00 Europe/Berlin", date(2026, 11, 22)),
        (utc(22, 5, 59), "07:00 Europe/Berlin", None),
        (utc(21, 22), "07:00 Asia/Tokyo", date(2026, 11, 22)),
        (utc(22, 23), "00:00 Europe/Berlin", date(2026, 11, 23)),
    ],
)
def test_a_digest_is_due_from_its_hour_on(now, digest_at, day):
    """Until midnight, each where the people are."""
    assert day == digest_day(now, digest_at)


@pytest.mark.parametrize("change", [utc(28, 20, month=3), utc(24, 20, month=10)])
def test_each_date_has_one_digest_also_when_the_clock_changes(change):
    """An hour that is not there makes no day without one; one that is there twice makes no second, by its id."""
    moments = [change + timedelta(minutes=10 * n) for n in range(6 * 36)]
    dates = {at.astimezone(ZoneInfo("Europe/Berlin")).date() for at in moments}

    assert dates == {digest_day(at, "02:30 Europe/Berlin") for at in moments} - {None}


@pytest.mark.parametrize("text", ["7 UTC", "07:00", "07:00 Mars/Olympus", "25:00 UTC", "07:00 " + "x" * 90])
def test_a_wrong_time_is_refused_where_settings_are_read(text):
    """Before anything runs."""
    with pytest.raises(ValidationError):
        Settings(digest_at=text)
