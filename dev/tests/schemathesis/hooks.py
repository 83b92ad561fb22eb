"""What Schemathesis must know about this API beyond its document: values of its formats, and what no schema can say."""

import base64
import hashlib
import hmac
import json
import os
import random
import time
import uuid
from urllib.parse import parse_qs, urlsplit

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

FORMATS = {
    # TASK_PRIORITIES sets the words.
    "priority": ["low", "medium", "high", "LOW", "High"],
    "time-zone": ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "Pacific/Chatham", "Etc/GMT-5"],
    "recurrence-rule": [
        "FREQ=DAILY",
        "RRULE:FREQ=DAILY;INTERVAL=999;COUNT=999",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE",
        "FREQ=MONTHLY;BYMONTHDAY=-1;UNTIL=20301231",
        "freq=yearly;until=20281231T235959Z",
    ],
    "entity-tags": ["*", '"1"', 'W/"1"', '"1", "2"', '""', '"9223372036854775807"'],
    "local-date-time": [
        "2026-11-21T17:30",
        "2026-11-21T17:30:15",
        "0001-01-01T00:00:00.123456",
        "9999-12-31T23:59:59.999999",
    ],
}
for name, values in FORMATS.items():
    schemathesis.openapi.format(name, st.sampled_from(values))

# Valid requests that are refused because of what is stored, or because of what only the API can make.
CODES = {
    "idempotency_key_reused",  # another request had this key
    "bulk_refused",  # one of the tasks does not exist
    "invalid_cursor",
    "invalid_sync_token",
}

# Rules about several members or parameters, each of which has several spellings.
RULES = {
    "page must be 1 or absent if there is an offset",
    "completed contradicts status",
    "due contradicts overdue",
    "recurrence_pattern must be given if is_recurring is true",
    "recurrence_interval must have a recurrence_pattern",
    "recurrence_end_date must have a recurrence_pattern",
    "tag must be at most 20 names of at most 200 characters, and not U+0000",  # of both parameters together
    "tags must have at most 20 names",  # with those that the task has
    "id is assigned by the server, and must be absent",  # where ids are numbers
}

# As RULES, of which the document cannot know all: how many bytes a password may have, and which are too common.
RULES |= {
    "password must have at most 72 bytes",
    "password is among the most common passwords",
    "new_password must have at most 72 bytes",
    "new_password is among the most common passwords",
}

# What counts as a parameter without a value. A schema with these words would be a worse description of each parameter.
ABSENT = {"", "null", "undefined"}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes each valid request one of its own. Otherwise most writes would repeat the key of the example."""
    if case.meta.generation.mode.is_positive and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    # Attempts to sign in are counted for each address.
    case.headers["X-Forwarded-For"] = f"198.18.{random.randrange(256)}.{random.randrange(256)}"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether the failure is one."""
    if response.status_code in (414, 431):
        # The gateway refuses what is larger than 10 KB, whatever the operation.
        return False
    if isinstance(failure, AcceptedNegativeData):
        return not (negated_parameters_are_absent(case, response) or has_refused_operation(response))
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = problem_of(response)
    if problem.get("code") in CODES:
        return False
    errors = {error["detail"] for error in problem.get("errors", [])}
    return not errors or not errors <= RULES


def problem_of(response):
    """The problem document of a response, or nothing."""
    content_types = response.headers.get("content-type", [])
    return response.json() if "application/problem+json" in content_types else {}


def has_refused_operation(response):
    """Whether what is invalid is one of several operations, which was refused on its own."""
    body = response.json() if response.content else None
    results = body.get("results", []) if isinstance(body, dict) else []
    return any(result["status"] == 422 for result in results)


def negated_parameters_are_absent(case, response):
    """Whether the parameters that make the request invalid count as absent, so that it is valid."""
    data = case.meta.phase.data
    negated = {mutation.parameter for mutation in data.mutations} or {data.parameter}
    sent = parse_qs(urlsplit(response.request.url).query, keep_blank_values=True)
    return any(negated) and all(name in sent and sent[name][-1] in ABSENT for name in negated if name)


if "SCHEMATHESIS_SECRET" in os.environ:

    @schemathesis.auth(refresh_interval=None)
    class Token:
        """A token for each request, because operations revoke it."""

        def get(self, case, context):
            now = int(time.time())
            header = {"alg": "HS256", "typ": "JWT"}
            claims = {"sub": os.environ["SCHEMATHESIS_USER_ID"], "iat": now, "exp": now + 3600, "ver": 0}
            claims["jti"] = os.urandom(16).hex()
            message = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
            secret = os.environ["SCHEMATHESIS_SECRET"].encode()
            return f"{message}.{base64url(hmac.digest(secret, message.encode(), hashlib.sha256))}"

        def set(self, case, data, context):
            case.headers["Authorization"] = f"Bearer {data}"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
