"""The kind of back end that is replaced, for `PEERS=1 make bench`: FastAPI and SQLModel on asyncpg, on Lambda with Mangum.

It is written as the documentation of these libraries recommends, and does the same as the functions for the same table.
"""

import os
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from mangum import Mangum
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlmodel import DateTime, Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

SECRET = os.environ["BETTER_AUTH_SECRET"]

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=5, pool_pre_ping=True, pool_recycle=300)
new_session = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)


def now() -> datetime:
    return datetime.now(timezone.utc)


class Task(SQLModel, table=True):
    __tablename__ = "tasks"

    id: int | None = Field(default=None, primary_key=True)
    user_id: str = Field(index=True)
    title: str = Field(max_length=255)
    description: str | None = Field(default=None, max_length=1000)
    completed: bool = False
    priority: str | None = None
    due_date: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    created_at: datetime = Field(default_factory=now, sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(default_factory=now, sa_type=DateTime(timezone=True))


class TaskCreate(SQLModel):
    title: str = Field(min_length=1, max_length=255)
    description: str | None = Field(default=None, max_length=1000)
    priority: str | None = None
    due_date: datetime | None = None


class TaskUpdate(SQLModel):
    title: str | None = Field(default=None, min_length=1, max_length=255)
    description: str | None = Field(default=None, max_length=1000)
    completed: bool | None = None
    priority: str | None = None
    due_date: datetime | None = None


class TaskRead(SQLModel):
    id: int
    title: str
    description: str | None
    completed: bool
    priority: str | None
    due_date: datetime | None
    created_at: datetime
    updated_at: datetime


async def get_session() -> AsyncIterator[AsyncSession]:
    async with new_session() as session:
        yield session


def get_user_id(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    try:
        claims = jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"])
        return claims["sub"]
    except (jwt.InvalidTokenError, KeyError) as error:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Invalid token") from error


Session = Annotated[AsyncSession, Depends(get_session)]
UserId = Annotated[str, Depends(get_user_id)]


async def get_own_task(id: int, user_id: UserId, session: Session) -> Task:
    found = await session.exec(select(Task).where(Task.id == id, Task.user_id == user_id))
    task = found.first()
    if task is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Task not found")
    return task


OwnTask = Annotated[Task, Depends(get_own_task)]

app = FastAPI()
app.add_middleware(
    CORSMiddleware,
    allow_origins=["http://localhost:3000"],
    allow_credentials=True,
    allow_methods=["*"],
    allow_headers=["*"],
)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/api/tasks", response_model=list[TaskRead])
async def list_tasks(user_id: UserId, session: Session):
    newest_first = select(Task).where(Task.user_id == user_id).order_by(Task.created_at.desc()).limit(100)
    return (await session.exec(newest_first)).all()


@app.post("/api/tasks", response_model=TaskRead, status_code=status.HTTP_201_CREATED)
async def create_task(new_task: TaskCreate, user_id: UserId, session: Session):
    task = Task(**new_task.model_dump(), user_id=user_id)
    session.add(task)
    await session.commit()
    await session.refresh(task)
    return task


@app.get("/api/tasks/{id}", response_model=TaskRead)
async def get_task(task: OwnTask):
    return task


@app.patch("/api/tasks/{id}", response_model=TaskRead)
async def update_task(change: TaskUpdate, task: OwnTask, session: Session):
    task.sqlmodel_update(change.model_dump(exclude_unset=True))
    task.updated_at = now()
    session.add(task)
    await session.commit()
    await session.refresh(task)
    return task


@app.patch("/api/tasks/{id}/complete", response_model=TaskRead)
async def complete_task(task: OwnTask, session: Session):
    task.completed = not task.completed
    task.updated_at = now()
    session.add(task)
    await session.commit()
    await session.refresh(task)
    return task


@app.delete("/api/tasks/{id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_task(task: OwnTask, session: Session) -> None:
    await session.delete(task)
    await session.commit()


handler = Mangum(app, lifespan="off")
