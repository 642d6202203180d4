"""What the checks take as inputs, and what later steps find in their data.

An input stands before the ticket's field of the same name. `domain/authority.py`, `domain/settlement.py`,
`domain/screening.py` and `domain/breaks.py` say what each means.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import Field

from domain.model import Model


class OrderPapers(Model):
    """Of `auth_validator`: the papers of an order, such as a form that a person filled in has them."""

    account_ref: str | None = Field(default=None, description="the account, where it is not the ticket's")
    authority: str | None = Field(default=None, description="who orders: police, court, tax, customer …")
    measure: str | None = Field(default=None, description="freeze, stop, renewal; release, expiry")
    document_no: str | None = Field(default=None, description="number of the notice, ruling or decision")
    officers: Any = Field(default=None, description="ids of the officers who came, or how many")
    amount: Decimal | None = Field(default=None, description="in currency units")
    scope: str | None = Field(default=None, description="`full`: the whole account")
    period: str | None = Field(default=None, description="48h, 30d, 6 months, 1 year")
    asset: str | None = Field(default=None, description="deposit, securities, other")
    name_match: bool | None = Field(default=None, description="the holder's name agrees with the order's")
    transfer_at: datetime | None = Field(default=None, description="of a stop: when the money moved")
    stop_no: int | None = Field(default=None, description="of a stop: the first or the second")
    major_case: bool | None = Field(default=None, description="for the longer police period")
    issuer_level: str | None = Field(default=None, description="city, province, national")
    account_type: str | None = Field(default=None, description="of accounts that the law protects")
    expires_at: datetime | None = Field(default=None, description="end of the freeze in force")
    renewed: bool | None = Field(default=None, description="whether the freeze was renewed")
    frozen_by: str | None = Field(default=None, description="of a release: who ordered the freeze")
    freeze_document_no: str | None = Field(default=None, description="of a release: the freeze's document")
    release_of: str | None = Field(default=None, description="the document that the release names")
    identity_verified: bool | None = Field(default=None, description="of a customer's own request")
    appeal_passed: bool | None = Field(default=None, description="of the bank's own limit")
    reason: str | None = Field(default=None, description="of the bank's own limit")


class Cover(Model):
    """Of `auth_validator`: what the papers cover."""

    authority: str
    measure: str
    document_no: str = Field(description="as far as it holds no account or identity number")
    law: str


class RiskFacts(Model):
    """Of `risk_assessor`."""

    facts: dict[str, Any] = Field(
        default_factory=dict, description="what criteria find in `fields`, before the ticket's own"
    )


class RiskReasons(Model):
    """Of `risk_assessor`."""

    reasons: list[str]


class PaymentFacts(Model):
    """Of `settlement_validator`: a payment order."""

    bic: str | None = Field(default=None, description="of the beneficiary's bank")
    iban: str | None = None
    beneficiary_account: str | None = Field(default=None, description="for countries without IBANs")
    currency: str | None = Field(default=None, description="three letters")
    amount: Decimal | None = Field(default=None, description="in currency units")
    purpose_code: str | None = Field(default=None, description="ISO 20022, or a SAFE transaction code")
    value_date: date | None = None


class PaymentProblems(Model):
    """Of `settlement_validator`."""

    problems: list[str] = Field(description="what is missing or wrong, by field; empty when valid")


class Parties(Model):
    """Of `sanctions_screener`: the names to compare."""

    beneficiary: str | None = None
    counterparty: str | None = None
    ordering_party: str | None = None


class ScreeningEvidence(Model):
    """Of `sanctions_screener`: which list the names were compared with."""

    list_digest: str
    list_size: int


class BreakFacts(Model):
    """Of `break_classifier`: the two sides."""

    our_amount: Decimal | None = Field(default=None, description="left out where we have no entry")
    their_amount: Decimal | None = Field(default=None, description="left out where they have no entry")
    our_entries: int | None = Field(default=None, description="how many of ours carry the reference")
    their_entries: int | None = Field(default=None, description="how many of theirs carry the reference")
    our_date: date | None = Field(default=None, description="booking date")
    their_date: date | None = Field(default=None, description="booking date")
    age_days: int | None = Field(default=None, description="business days, where there are no dates")


class BreakDifference(Model):
    """Of `break_classifier`."""

    difference: Decimal | None = Field(default=None, description="ours less theirs; left out: one-sided")
