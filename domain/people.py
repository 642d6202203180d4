"""Principals: who may do what. Names in policies, signatures in tokens."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from domain.model import Model


class Role(StrEnum):
    """What a person or service may do."""

    INTAKE = "intake"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    ONCALL = "oncall"
    AUDITOR = "auditor"
    AUTHOR = "author"
    RELEASER = "releaser"
    ADMIN = "admin"


class Principal(Model):
    """A signed-in person or service."""

    id: str = Field(pattern=r"^[a-z][a-z0-9._-]{0,63}$")
    name: str = Field(min_length=1, max_length=100)
    roles: frozenset[Role] = Field(min_length=1)
    groups: frozenset[str] = frozenset()
    email: str = ""
    phone: str = ""
    wecom: str = ""

    def may(self, role: Role) -> bool:
        """Whether the principal holds the role."""
        return role in self.roles


class Group(Model):
    """An operations group and how it is reached."""

    name: str = Field(min_length=1, max_length=100)
    lead: str = ""
    """The principal who is told of red alerts."""
    email: str = ""
    wecom: str = ""


class Directory(Model):
    """Who there is: principals, groups, and who is on call, in the order they are called."""

    principals: tuple[Principal, ...] = Field(min_length=1)
    groups: tuple[Group, ...] = ()
    on_call: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        for what, names in (
            ("principal", [each.id for each in self.principals]),
            ("group", [each.name for each in self.groups]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} {', '.join(twice)} is listed more than once")
        return self

    def principal(self, principal_id: str) -> Principal | None:
        """The principal with this id."""
        return next((each for each in self.principals if each.id == principal_id), None)

    def group(self, name: str) -> Group | None:
        """The group with this name."""
        return next((each for each in self.groups if each.name == name), None)
