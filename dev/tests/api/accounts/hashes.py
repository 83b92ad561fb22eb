"""Reads {"password", "hashes"} from standard input, and prints what the libraries of back ends make of the password: a hash by
each, and whether each of the given hashes is one of the password."""

import hashlib
import json
import logging
import sys

# passlib looks for a version of bcrypt where it is not any more.
logging.getLogger("passlib").setLevel(logging.ERROR)

import argon2
import bcrypt
from passlib.context import CryptContext

request = json.load(sys.stdin)
password = request["password"]
cut = password.encode()[:72]

by_passlib = CryptContext(schemes=["bcrypt", "argon2", "pbkdf2_sha256"])
made = {
    "passlib bcrypt": by_passlib.hash(cut, scheme="bcrypt"),
    "passlib bcrypt 2a": by_passlib.hash(cut, scheme="bcrypt", ident="2a", rounds=10),
    "passlib bcrypt 2y": by_passlib.hash(cut, scheme="bcrypt", ident="2y", rounds=11),
    "passlib argon2": by_passlib.hash(password, scheme="argon2"),
    "passlib pbkdf2_sha256": by_passlib.hash(password, scheme="pbkdf2_sha256"),
    "bcrypt": bcrypt.hashpw(password.encode(), bcrypt.gensalt()).decode(),
    "bcrypt of cost 4": bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode(),
    "argon2-cffi": argon2.PasswordHasher().hash(password),
    "argon2-cffi, cheap": argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(password),
}
checked = [
    by_passlib.verify(cut, hash) and (not hash.startswith("$2") or bcrypt.checkpw(password.encode(), hash.encode()))
    for hash in request["hashes"]
]
print(json.dumps({"made": made, "checked": checked, "sha256": hashlib.sha256(password.encode()).hexdigest()}))
