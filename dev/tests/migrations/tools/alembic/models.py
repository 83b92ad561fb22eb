"""The models of the layout sqlmodel_with_asyncpg."""

from datetime import datetime
from typing import Optional

from sqlalchemy import Column, DateTime, Index, func
from sqlmodel import Field, SQLModel


class User(SQLModel, table=True):
    __tablename__ = "users"

    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    name: Optional[str] = None


class Task(SQLModel, table=True):
    __tablename__ = "tasks"
    __table_args__ = (Index("idx_tasks_user_completed", "user_id", "completed"),)

    id: Optional[int] = Field(default=None, primary_key=True)
    user_id: str = Field(foreign_key="users.id", index=True)
    title: str = Field(max_length=200)
    description: Optional[str] = Field(default=None, max_length=1000)
    completed: bool = False
    created_at: Optional[datetime] = Field(default=None, sa_column=Column(DateTime, server_default=func.now()))
    updated_at: Optional[datetime] = Field(default=None, sa_column=Column(DateTime))
