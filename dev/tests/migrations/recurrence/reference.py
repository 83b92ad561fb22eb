"""Computes next dates with python-dateutil, as docs/decisions/ describes them.

Reads one JSON object per line and prints one line for each: the next due date as UTC shows it, or null.
"""

import json
import sys
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr


def instant(wall, zone):
    """Of two instants the later, and what the clock skips is as much later, as PostgreSQL has it."""
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return max(first.astimezone(timezone.utc), second.astimezone(timezone.utc))


def series(rule, start):
    """Plain monthly and yearly rules have an occurrence at the end of a month that is too short."""
    parts = dict(part.split("=") for part in rule.split(";"))
    parts.pop("COUNT", None)
    until = parts.pop("UNTIL", None)
    if "BYMONTHDAY" not in parts and start.day > 28:
        days = ",".join(str(day) for day in range(28, start.day + 1))
        if parts["FREQ"] == "MONTHLY":
            parts |= {"BYMONTHDAY": days, "BYSETPOS": "-1"}
        if parts["FREQ"] == "YEARLY":
            parts |= {"BYMONTH": str(start.month), "BYMONTHDAY": days, "BYSETPOS": "-1"}
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    return rrulestr(text, dtstart=start), until


def is_within(until, wall, zone):
    if until is None:
        return True
    if until.endswith("Z"):
        return instant(wall, zone) <= datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    if "T" in until:
        return wall <= datetime.strptime(until, "%Y%m%dT%H%M%S")
    return wall.date() <= datetime.strptime(until, "%Y%m%d").date()


def next_due(case):
    zone = ZoneInfo(case["zone"])
    start, due = (datetime.fromisoformat(case[name]) for name in ("start", "due"))
    moment = datetime.fromisoformat(case["moment"]).replace(tzinfo=timezone.utc)
    today = moment.astimezone(zone).date()
    is_floating = case["is_floating"]
    is_date = is_floating and due.time() == time() and case["is_date"] is not False
    if "COUNT=1" in case["rule"].split(";"):
        return None
    if not is_floating:
        due = due.replace(tzinfo=timezone.utc).astimezone(zone).replace(tzinfo=None, fold=0)
    occurrences, until = series(case["rule"], start)
    # Nothing that is more than two days before the moment can come after it.
    begin = max(due, datetime.combine(today, time()) - timedelta(days=2))
    for wall in occurrences.xafter(begin):
        is_over = wall.date() < today if is_date else instant(wall, zone) <= moment
        if wall > due and not is_over:
            if not is_within(until, wall, zone):
                return None
            return (wall if is_floating else instant(wall, zone).replace(tzinfo=None)).isoformat()


for line in sys.stdin:
    print(json.dumps(next_due(json.loads(line))))
