"""The users of an old back end: SQLModel and passlib. Reads a command as JSON from each line of standard input, and prints what
it did as JSON."""

import json
import os
import sys
import uuid
from datetime import datetime, timezone
from typing import Optional

from passlib.context import CryptContext
from sqlmodel import Field, Session, SQLModel, create_engine, select

ID = {"uuid": uuid.UUID, "integer": Optional[int], "text": str}[os.environ["ID"]]
pwd_context = CryptContext(schemes=[os.environ["SCHEME"]], deprecated="auto")


def now():
    return datetime.now(timezone.utc)


class User(SQLModel, table=True):
    __tablename__ = os.environ["TABLE"]
    id: ID = Field(default_factory={uuid.UUID: uuid.uuid4, str: lambda: str(uuid.uuid4())}.get(ID), primary_key=True)
    email: str = Field(unique=True, index=True)
    hashed_password: str
    full_name: Optional[str] = None
    is_active: bool = Field(default=True)
    created_at: datetime = Field(default_factory=now)


class Task(SQLModel, table=True):
    __tablename__ = "tasks"
    id: Optional[int] = Field(default=None, primary_key=True)
    user_id: ID = Field(foreign_key=os.environ["TABLE"] + ".id", index=True)
    title: str
    description: Optional[str] = None
    completed: bool = Field(default=False)
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)


engine = create_engine(os.environ["URL"])


def user_of(session, email):
    return session.exec(select(User).where(User.email == email)).first()


def make_tables(session):
    SQLModel.metadata.create_all(engine)


def register(session, email, password):
    if user_of(session, email):
        return False
    session.add(User(email=email, hashed_password=pwd_context.hash(password)))
    session.commit()
    return True


def login(session, email, password):
    user = user_of(session, email)
    return bool(user and user.is_active and pwd_context.verify(password, user.hashed_password))


def change_password(session, email, password):
    user = user_of(session, email)
    user.hashed_password = pwd_context.hash(password)
    session.add(user)
    session.commit()


def deactivate(session, email):
    user = user_of(session, email)
    user.is_active = False
    session.add(user)
    session.commit()


for line in sys.stdin:
    command, *arguments = json.loads(line)
    with Session(engine) as session:
        print(json.dumps(globals()[command](session, *arguments)), flush=True)
