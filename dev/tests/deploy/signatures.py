"""Whether requests are signed as AWS's own library signs them: JSON lines on standard input, {url, headers, body, service}.

Prints a line for each that is not.
"""

import json
import sys

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

for line in sys.stdin:
    sent = json.loads(line)
    headers = sent["headers"]
    scheme, credential, signed, signature = headers["authorization"].replace(",", "").split(" ")
    key, date, region, service, end = credential.removeprefix("Credential=").split("/")
    names = signed.removeprefix("SignedHeaders=").split(";")
    request = AWSRequest("POST", sent["url"], {name: headers[name] for name in names}, sent["body"])
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(sent["key"], sent["secret"], sent["token"]), sent["service"], sent["region"])
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    problems = [
        scheme != "AWS4-HMAC-SHA256" and "the scheme",
        (key, region, service, end) != (sent["key"], sent["region"], sent["service"], "aws4_request") and "the scope",
        not headers["x-amz-date"].startswith(date) and "the date",
        headers["x-amz-security-token"] != sent["token"] and "the session",
        not {"host", "x-amz-date", "x-amz-security-token"} <= set(names) and "the signed headers",
        not all(name in names for name in headers if name == "x-amz-target") and "the target",
        signature != f"Signature={expected}" and "the signature",
    ]
    if any(problems):
        print(sent["url"], headers, list(filter(None, problems)))
