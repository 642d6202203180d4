"""Settings: one typed place, from environment variables with the prefix `OPSLOOP_`.

Every setting has a description; `opsloop settings` prints them all, and a test holds the documentation
against them.
"""

import os
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.clock import BankClock

PROJECT = Path(__file__).resolve().parent.parent


def http_secret(name: str) -> SecretStr | None:
    """The secret that `policies/http.yaml` calls this: `OPSLOOP_HTTP_SECRET_<name>`, or None when unset."""
    value = os.environ.get(f"OPSLOOP_HTTP_SECRET_{name}")
    return SecretStr(value) if value else None


class Settings(BaseSettings):
    """How one installation of opsloop runs."""

    model_config = SettingsConfigDict(env_prefix="OPSLOOP_", extra="ignore", frozen=True)

    environment: Literal["embedded", "production"] = Field(
        default="embedded", description="embedded: one machine, one data folder; production: strict checks"
    )
    data_dir: Path = Field(
        default=Path(".opsloop"), description="everything that the embedded run keeps: databases, keys, logs"
    )
    definitions_dir: Path = Field(
        default=PROJECT / "definitions", description="the bank's definitions: sops/ and policies/"
    )
    definitions_source: Literal["folder", "library"] | None = Field(
        default=None,
        description=(
            "what tickets are served by: `folder`, as it is edited, or `library`, what two people released "
            "in the store; default: folder when embedded, library in production, which takes nothing else"
        ),
    )

    temporal_address: str = Field(default="127.0.0.1:7233", description="host:port of the Temporal frontend")
    temporal_namespace: str = Field(default="default", description="Temporal namespace of all tickets")
    temporal_ui_url: str = Field(
        default="http://127.0.0.1:8233", description="Temporal Web UI that links to runs point at"
    )

    database_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of the store; default: SQLite in the data folder"
    )

    api_host: str = Field(default="127.0.0.1", description="address the API listens on")
    api_port: int = Field(default=8480, ge=0, le=65535, description="port of the API; 0 takes a free one")
    api_url: str = Field(
        default="",
        description="where CLI and links find the API; default: host and port of this installation",
    )
    public_url: str = Field(
        default="",
        description=(
            "base of the acknowledgement links in pages, as a phone reaches the API; "
            "default: the API's own URL when embedded, no links in production"
        ),
    )
    page_link_ttl_s: int = Field(
        default=3_600, ge=60, le=86_400, description="seconds for which an acknowledgement link is good"
    )
    max_body_bytes: int = Field(
        default=1_000_000, ge=1_000, description="largest request body that the API reads, in bytes"
    )

    core_bank_url: str = Field(default="http://127.0.0.1:8490", description="base URL of the core bank")
    core_bank_secondary_url: str = Field(
        default="",
        description="base URL of a second endpoint of the same ledger, for when the first does not answer",
    )
    core_bank_cool_down_s: float = Field(
        default=30.0,
        gt=0,
        description="seconds for which an endpoint of the core bank that failed is asked second",
    )
    core_bank_timeout_s: float = Field(
        default=5.0,
        gt=0,
        description="seconds to wait for the core bank's answer before the outcome is unknown",
    )
    core_bank_rate: float = Field(
        default=20.0,
        gt=0,
        description="most calls a second to the core bank: orders over all workers, all calls in each worker",
    )

    email_url: SecretStr | None = Field(
        default=None,
        description="SMTP servers, the first choice first: smtp://[user:password@]host:port or smtps://…",
    )
    email_from: str = Field(default="opsloop@bank.example", description="sender of e-mails")
    sms_url: SecretStr | None = Field(
        default=None,
        description=(
            "SMS gateways, blanks between them, the first choice first: https://…#expect=… or Apprise URLs "
            "with {address} for the number"
        ),
    )
    wecom_url: SecretStr | None = Field(
        default=None,
        description=(
            "WeCom robots and applications, blanks between them: wecombot://KEY#for=GROUP, "
            "wechat://CORPID:SECRET@AGENT/{address}, or Apprise URLs"
        ),
    )
    webhook_url: SecretStr | None = Field(
        default=None, description="receivers of signed JSON, the first choice first: https://host/path"
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="signs webhooks: whsec_ and the base64 of at least 24 random bytes"
    )
    channel_timeout_s: float = Field(
        default=5.0, gt=0, le=15, description="seconds to connect to a provider, and to wait for its answer"
    )

    identity_key: SecretStr | None = Field(
        default=None,
        description="signs sign-in tokens, at least 32 characters; default: a key file in the data folder",
    )
    decision_key: SecretStr | None = Field(
        default=None, description="signs decision codes, at least 32 characters; default: a key file"
    )
    decision_code_ttl_s: int = Field(
        default=300, ge=10, le=3600, description="seconds for which a decision code is good"
    )
    session_ttl_s: int = Field(
        default=28_800, ge=60, le=86_400, description="seconds for which a sign-in token is good"
    )

    worker_threads: int = Field(
        default=16, ge=1, le=500, description="threads for the activities of each queue in one worker"
    )
    max_workflow_tasks: int = Field(
        default=50, ge=2, le=1000, description="workflow tasks that one worker runs at once"
    )
    drain_s: float = Field(
        default=10.0, ge=0, description="seconds a stopping worker gives its running activities"
    )

    clock_factor: float = Field(
        default=1.0, gt=0, le=10_000, description="bank seconds in a real second; production allows 1 only"
    )
    clock_real_origin: datetime | None = Field(
        default=None, description="real instant at which the accelerated clock began (ISO, with zone)"
    )
    clock_bank_origin: datetime | None = Field(
        default=None, description="bank time at that instant (ISO, with zone)"
    )

    rollout_shadow_runs: int = Field(
        default=20, ge=0, description="shadow runs of a candidate before it may serve tickets"
    )
    rollout_agreement: float = Field(
        default=0.95, ge=0, le=1, description="share of them that must agree with what was done"
    )

    heartbeat_url: SecretStr | None = Field(
        default=None,
        description="asked with GET after each patrol that found nothing; silence there means trouble",
    )
    metrics_address: str = Field(
        default="", description="host:port at which a worker serves Prometheus metrics; default: nowhere"
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description=(
            "what a scraper sends the API's /metrics as its bearer token, at least 32 characters; default: "
            "sign-in tokens of staff only, and in the embedded run this machine"
        ),
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="least severity that is logged"
    )

    @field_validator("metrics_token", "heartbeat_url", mode="before")
    @classmethod
    def _empty_is_none(cls, token: object) -> object:
        return token or None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        origins = (self.clock_real_origin, self.clock_bank_origin)
        for name in ("identity_key", "decision_key", "metrics_token"):
            key = getattr(self, name)
            if key is not None and len(key.get_secret_value()) < 32:
                raise ValueError(f"OPSLOOP_{name.upper()} must have at least 32 characters")
        if (origins[0] is None) != (origins[1] is None):
            raise ValueError("set both OPSLOOP_CLOCK_REAL_ORIGIN and OPSLOOP_CLOCK_BANK_ORIGIN, or neither")
        if any(origin and origin.tzinfo is None for origin in origins):
            raise ValueError("clock origins need a time zone, e.g. 2026-11-23T19:55:00+08:00")
        if self.clock_factor != 1.0 and origins[0] is None:
            raise ValueError("an accelerated clock needs OPSLOOP_CLOCK_REAL_ORIGIN and _BANK_ORIGIN")
        if self.public_url and not self.public_url.startswith(("https://", "http://")):
            raise ValueError("OPSLOOP_PUBLIC_URL is no address; expected https://…")
        if self.environment == "production":
            if self.public_url.startswith("http://"):
                raise ValueError("OPSLOOP_PUBLIC_URL must be https in production: its links act for people")
            missing = [
                f"OPSLOOP_{name.upper()}"
                for name in ("database_url", "identity_key", "decision_key")
                if getattr(self, name) is None
            ]
            if missing:
                raise ValueError(f"production needs {', '.join(missing)}")
            if self.definitions_source == "folder":
                raise ValueError(
                    "production serves released definitions only: unset OPSLOOP_DEFINITIONS_SOURCE"
                )
            if self.clock_factor != 1.0 or origins[0] is not None:
                raise ValueError("production runs on real time: unset the OPSLOOP_CLOCK_ settings")
        return self

    @cached_property
    def clock(self) -> BankClock:
        """The map from real to bank time."""
        if self.clock_real_origin is None or self.clock_bank_origin is None:
            return BankClock()
        return BankClock(
            real_origin=self.clock_real_origin,
            bank_origin=self.clock_bank_origin,
            factor=self.clock_factor,
        )

    @property
    def serves_library(self) -> bool:
        """Whether tickets are served by what was released in the rules library."""
        return self.environment == "production" or self.definitions_source == "library"

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL in force."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.data_dir / 'opsloop.db').resolve()}"

    @property
    def link_base(self) -> str:
        """What acknowledgement links begin with; empty: pages carry none."""
        if self.public_url or self.environment == "production":
            return self.public_url
        return self.api_url or f"http://{self.api_host}:{self.api_port}"

    @property
    def decision_code_ttl(self) -> timedelta:
        """How long a decision code is good."""
        return timedelta(seconds=self.decision_code_ttl_s)
