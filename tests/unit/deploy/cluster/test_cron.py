"""Which minutes a schedule means."""

from datetime import UTC, datetime, timedelta

import pytest

from deploy.playground.cluster.cron import parse

SUNDAY = datetime(2026, 3, 1, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "moment", "matches"),
    [
        ("* * * * *", SUNDAY, True),
        ("*/15 * * * *", SUNDAY + timedelta(minutes=45), True),
        ("*/15 * * * *", SUNDAY + timedelta(minutes=46), False),
        ("5-10/5,30 2 * * *", SUNDAY + timedelta(hours=2, minutes=10), True),
        ("5-10/5,30 2 * * *", SUNDAY + timedelta(hours=2, minutes=15), False),
        ("0 0 * * 0", SUNDAY, True),
        ("0 0 * * 1-5", SUNDAY, False),
        ("0 0 13 * 0", SUNDAY, True),  # a day of the month or of the week
        ("0 0 13 * 1", SUNDAY, False),
        ("@monthly", SUNDAY, True),
        ("@hourly", SUNDAY + timedelta(minutes=1), False),
    ],
)
def test_minutes(schedule: str, moment: datetime, matches: bool) -> None:
    assert parse(schedule).matches(moment) == matches


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("9-3 * * * *", "beginning of range (9) beyond end of range (3): 9-3"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@sometimes", "unrecognized descriptor: @sometimes"),
    ],
)
def test_what_is_no_schedule(schedule: str, words: str) -> None:
    with pytest.raises(ValueError) as wrong:
        parse(schedule)
    assert str(wrong.value) == words


def test_the_latest_minute_that_was_missed() -> None:
    schedule = parse("*/10 * * * *")
    assert schedule.latest(SUNDAY, SUNDAY + timedelta(minutes=9, seconds=59)) is None
    assert schedule.latest(SUNDAY, SUNDAY + timedelta(minutes=10)) == SUNDAY + timedelta(minutes=10)
    assert schedule.latest(SUNDAY, SUNDAY + timedelta(minutes=35)) == SUNDAY + timedelta(minutes=30)
