"""When nights begin and end: clock changes, missed nights, edits, and every date once."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evaluator.errors import UsageFault
from evaluator.nights import (
    MISSED_MAX,
    Missed,
    Open,
    Schedule,
    Timing,
    coming,
    days_text,
    deadline_of,
    due,
    first_at,
    nights,
    parse_days,
    zone_of,
)

BERLIN = "Europe/Berlin"
# Zones whose clocks do unusual things: half an hour, at midnight, twice a year the other way round, a whole day.
ZONES = (
    "UTC",
    BERLIN,
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Nuuk",
    "Asia/Beirut",
    "Europe/Dublin",
    "Pacific/Apia",
    "Asia/Kathmandu",
)


def at(text: str) -> datetime:
    """A moment."""
    return datetime.fromisoformat(text)


def a_schedule(**fields: object) -> Schedule:
    """Every night at ten in Berlin until six, since 1 November."""
    defaults = {"name": "night", "at": "22:00", "zone": BERLIN, "until": "06:00", "since": at("2026-11-01T00:00:00Z")}
    return Schedule.model_validate({**defaults, **fields})


def night_of(schedule: Timing, day: str):
    """The night that begins on that date."""
    return next(nights(schedule, date.fromisoformat(day)))


times = st.times().map(lambda t: f"{t:%H:%M}")
timings = st.builds(
    Timing,
    at=times,
    zone=st.sampled_from(ZONES),
    days=st.sets(st.integers(0, 6), min_size=1).map(tuple),
    until=st.one_of(st.none(), times, st.integers(1, 168).map("{}h".format)),
)
dates = st.dates(date(2005, 1, 1), date(2030, 12, 31))


def test_a_night_begins_by_the_local_clock():
    """22:00 in Berlin is 21:00 UTC in winter and 20:00 in summer."""
    assert at("2026-11-23T21:00:00Z") == night_of(a_schedule(), "2026-11-23").starts_at
    assert at("2026-07-01T20:00:00Z") == night_of(a_schedule(), "2026-07-01").starts_at


def test_a_time_that_the_clock_leaps_over_begins_where_it_lands():
    """02:30 does not exist on 29 March: the first moment after it is 03:00, 01:00 UTC."""
    assert at("2026-03-29T01:00:00Z") == night_of(a_schedule(at="02:30"), "2026-03-29").starts_at


def test_a_time_that_comes_twice_begins_with_the_first():
    """02:30 comes twice on 25 October: the first is 00:30 UTC."""
    assert at("2026-10-25T00:30:00Z") == night_of(a_schedule(at="02:30"), "2026-10-25").starts_at


def test_a_leap_over_midnight_keeps_the_nights_date():
    """In Nuuk 30 March 2024 ends at 23:00; the night of 23:30 begins at once, and is still that of the 30th."""
    found = list(itertools.islice(nights(a_schedule(at="23:30", zone="America/Nuuk"), date(2024, 3, 29)), 3))

    assert [29, 30, 31] == [one.night.day for one in found]
    assert at("2024-03-31T01:00:00Z") == found[1].starts_at


@pytest.mark.parametrize("time", ["00:00", "12:00", "23:59"])
def test_a_date_that_a_zone_skips_has_no_night(time):
    """Samoa had no 30 December 2011."""
    found = itertools.islice(nights(a_schedule(at=time, zone="Pacific/Apia"), date(2011, 12, 29)), 2)

    assert [date(2011, 12, 29), date(2011, 12, 31)] == [one.night for one in found]


def test_a_deadline_is_of_the_local_clock_too():
    """The night in which the clock is put back is an hour longer."""
    one = night_of(a_schedule(), "2026-10-24")

    assert timedelta(hours=9) == one.ends_at - one.starts_at


def test_a_deadline_in_hours_is_just_as_long():
    """Whatever the clock shows."""
    one = night_of(a_schedule(until="8h"), "2026-10-24")

    assert timedelta(hours=8) == one.ends_at - one.starts_at


@pytest.mark.parametrize("until", [None, "36h", "22:00"])
def test_a_night_never_lasts_until_the_next(until):
    """Whatever its deadline: it ends where the next one begins."""
    assert at("2026-11-24T21:00:00Z") == night_of(a_schedule(until=until), "2026-11-23").ends_at


def test_a_night_has_time_although_the_clock_leaps_over_all_of_it():
    """02:10 to 02:50 on 29 March: forty minutes from 03:00 on."""
    one = night_of(a_schedule(at="02:10", until="02:50"), "2026-03-29")

    assert (at("2026-03-29T01:00:00Z"), timedelta(minutes=40)) == (one.starts_at, one.ends_at - one.starts_at)


def test_only_the_wanted_days_have_a_night():
    """Weekdays from Monday on; on Friday the night without a deadline lasts until Monday."""
    found = list(itertools.islice(nights(a_schedule(days=(0, 4), until=None), date(2026, 11, 23)), 3))

    assert [(23, 27), (27, 30)] == [(one.night.day, one.ends_at.day) for one in found[:2]]


@given(timings, dates)
def test_each_date_has_its_night_once(timing, first):
    """In order, one after the other, each with time to work, on wanted days, and none left out."""
    found = list(itertools.islice(nights(timing, first), 10))
    days = [first + timedelta(days=n) for n in range((found[-1].night - first).days + 1)]
    expected = [day for day in days if day.weekday() in timing.days]
    if timing.zone == "Pacific/Apia":
        expected = [day for day in expected if day != date(2011, 12, 30)]

    assert expected == [one.night for one in found]
    assert all(one.starts_at < one.ends_at for one in found)
    assert all(one.ends_at <= following.starts_at for one, following in itertools.pairwise(found))


@given(st.datetimes(datetime(2005, 1, 1), datetime(2030, 12, 31)), st.sampled_from(ZONES))
def test_the_first_moment_is_the_first(local, name):
    """A clock shows the time or a later one then, and an earlier one just before."""
    local, zone = local.replace(microsecond=0), ZoneInfo(name)
    moment = first_at(local, zone)

    assert moment.astimezone(zone).replace(tzinfo=None) >= local
    assert (moment - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None) < local


def test_a_night_is_opened_when_it_begins():
    """With its name and its deadline; a moment earlier nothing is due."""
    expected = Open(night=date(2026, 11, 23), name="night-2026-11-23", deadline=at("2026-11-24T05:00:00Z"))

    assert due(a_schedule(), at("2026-11-23T20:59:59Z"), date(2026, 11, 22)) is None
    assert expected == due(a_schedule(), at("2026-11-23T21:00:00Z"), date(2026, 11, 22))


def test_a_night_is_opened_late_while_its_deadline_has_not_passed():
    """The reconciler was down until four in the morning."""
    found = due(a_schedule(), at("2026-11-24T03:00:00Z"), date(2026, 11, 22))

    assert isinstance(found, Open)
    assert date(2026, 11, 23) == found.night


def test_a_night_whose_deadline_has_passed_is_missed():
    """It is recorded, and not made up for in the day."""
    assert Missed(nights=(date(2026, 11, 23),)) == due(a_schedule(), at("2026-11-24T05:00:00Z"), date(2026, 11, 22))


def test_missed_nights_come_before_the_present_one():
    """Recorded first, however many; then one is opened, never two."""
    now, last = at("2026-11-26T22:00:00Z"), date(2026, 11, 22)
    missed = due(a_schedule(), now, last)
    then = due(a_schedule(), now, date(2026, 11, 25))

    assert Missed(nights=tuple(date(2026, 11, day) for day in (23, 24, 25))) == missed
    assert isinstance(then, Open)
    assert date(2026, 11, 26) == then.night


def test_many_missed_nights_are_told_in_parts():
    """So that a long outage is no long transaction."""
    found = due(a_schedule(), at("2027-11-01T00:00:00Z"), None)

    assert isinstance(found, Missed)
    assert MISSED_MAX == len(found.nights)


def test_a_recorded_night_is_not_due_again():
    """Whoever recorded it, and whatever became of it."""
    assert due(a_schedule(), at("2026-11-23T22:00:00Z"), date(2026, 11, 23)) is None


def test_nothing_is_due_while_it_is_switched_off():
    """Nor are those nights missed."""
    assert due(a_schedule(active=False), at("2026-11-23T22:00:00Z"), None) is None


def test_nights_before_it_counted_are_nobodys():
    """Switched on, or timed anew, at half past ten: tonight's has begun before that, so tomorrow's is the first."""
    schedule = a_schedule(since=at("2026-11-23T21:30:00Z"))

    assert due(schedule, at("2026-11-23T22:00:00Z"), date(2026, 11, 20)) is None
    assert date(2026, 11, 24) == next(coming(schedule, at("2026-11-23T22:00:00Z"))).night


def test_an_edit_to_a_later_hour_does_not_repeat_the_night():
    """The night of the 23rd ran at 22:00; at 22:30 it is put to 23:00."""
    schedule = a_schedule(at="23:00", since=at("2026-11-23T21:30:00Z"))

    assert due(schedule, at("2026-11-23T22:00:00Z"), date(2026, 11, 23)) is None
    assert date(2026, 11, 24) == next(coming(schedule, at("2026-11-23T22:00:00Z"), date(2026, 11, 23))).night


@given(timings, st.datetimes(datetime(2010, 1, 1), datetime(2028, 1, 1)), st.lists(st.integers(1, 5_000), max_size=30))
def test_looking_at_any_times_records_each_night_once(timing, since, steps):
    """However rarely somebody looks: every night that began is opened or missed, once, and in order."""
    start = since.replace(tzinfo=UTC, microsecond=0)
    schedule = Schedule(**timing.model_dump(), name="night", since=start)
    now, recorded, opened = start, [], []
    for minutes in steps:
        now += timedelta(minutes=minutes)
        while (found := due(schedule, now, recorded[-1] if recorded else None)) is not None:
            recorded += found.nights if isinstance(found, Missed) else [found.night]
            if isinstance(found, Open):
                assert found.deadline > now
                opened.append(found.night)
    begun = itertools.takewhile(lambda n: n.starts_at <= now, nights(schedule, start.date() - timedelta(days=2)))
    expected = [one.night for one in begun if one.starts_at >= start]

    assert expected == recorded
    assert len(set(opened)) == len(opened)


@pytest.mark.parametrize(
    "name",
    ["", "Europe/Berln", "../../etc/passwd", "Europe", "localtime", "posixrules/x", "right/UTC", "Europe/Berlin\n"],
)
def test_zones_are_those_of_the_database(name):
    """Another name is refused, also one that would be a file."""
    with pytest.raises(UsageFault, match="not in the zone database"):
        zone_of(name)


def test_a_mistyped_zone_gets_a_hint():
    """The nearest names."""
    with pytest.raises(UsageFault, match="did you mean Europe/Berlin"):
        zone_of("Europe/Berln")


@given(st.text(max_size=80))
def test_any_zone_name_is_known_or_refused(name):
    """Never anything else."""
    try:
        found = zone_of(name)
    except UsageFault:
        return
    assert found.key == name


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("daily", tuple(range(7))),
        ("mon-fri", (0, 1, 2, 3, 4)),
        ("sat,sun", (5, 6)),
        ("fri-mon", (0, 4, 5, 6)),
        ("tue", (1,)),
    ],
)
def test_days_are_read(text, days):
    """As a range, over the week's end too, or one by one."""
    assert days == parse_days(text)


@given(st.sets(st.integers(0, 6), min_size=1))
def test_days_are_read_as_they_are_told(days):
    """Whichever they are."""
    assert tuple(sorted(days)) == parse_days(days_text(sorted(days)))


@pytest.mark.parametrize("text", ["monday", "mon-", "-", "mon,,tue", "8", "mon-xyz"])
def test_other_days_are_refused(text):
    """With what can be given."""
    with pytest.raises(UsageFault, match="mon-fri"):
        parse_days(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"at": "24:00"},
        {"at": "6:00"},
        {"zone": "Mars/Base"},
        {"days": ()},
        {"days": (7,)},
        {"until": "0h"},
        {"until": "soon"},
    ],
)
def test_a_faulty_schedule_is_refused(fields):
    """Before it is kept."""
    with pytest.raises(ValidationError):
        a_schedule(**fields)


NOW = at("2026-11-23T20:00:00Z")


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("06:00", "UTC", "2026-11-24T06:00:00Z"),
        ("06:00", BERLIN, "2026-11-24T05:00:00Z"),
        ("20:00", "UTC", "2026-11-24T20:00:00Z"),
        ("20:01", "UTC", "2026-11-23T20:01:00Z"),
        ("+6h", BERLIN, "2026-11-24T02:00:00Z"),
        ("+1.5h", "UTC", "2026-11-23T21:30:00Z"),
        ("2026-11-25T06:00:00+02:00", BERLIN, "2026-11-25T04:00:00Z"),
        ("2026-11-25T06:00", BERLIN, "2026-11-25T05:00:00Z"),
    ],
)
def test_a_runs_deadline_is_read(text, zone, expected):
    """A time of day, hours from now, or a moment."""
    assert at(expected) == deadline_of(text, now=NOW, zone=ZoneInfo(zone))


@pytest.mark.parametrize("text", ["tomorrow", "25:00", "+0h", "+999h", "2026-11-23T20:00:00Z", "2026-11-23", "", "6h"])
def test_other_deadlines_are_refused(text):
    """Also one that has passed."""
    with pytest.raises(UsageFault, match="deadline"):
        deadline_of(text, now=NOW, zone=ZoneInfo("UTC"))
