"""The payload format: pydantic JSON, with clear refusals of what people and services send wrongly.

A start, decision or command that does not fit its model fails at once with the field and what was expected.
Without this it would fail the workflow task again and again, and the ticket would hang.
"""

import dataclasses
from typing import Any

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
)
from temporalio.exceptions import ApplicationError

from activities import alert_messages
from domain.errors import InvalidInput
from domain.review import Decision
from domain.spot_check import CheckAnswer
from workflows.contract import Command, TicketInput
from workflows.page_contract import Acknowledgement, PageInput

_FROM_OUTSIDE = (
    TicketInput,
    Decision,
    Command,
    CheckAnswer,
    PageInput,
    Acknowledgement,
    alert_messages.DeskInput,
    alert_messages.Acknowledgement,
)


class _Json(PydanticJSONPlainPayloadConverter):
    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        try:
            return super().from_payload(payload, type_hint)
        except ValidationError as error:
            if type_hint in _FROM_OUTSIDE:
                raise ApplicationError(
                    refusal_of(error), type=InvalidInput.code, non_retryable=True
                ) from None
            raise


class OpsloopPayloadConverter(CompositePayloadConverter):
    """Temporal's default converter with our JSON in place of its own."""

    def __init__(self) -> None:
        super().__init__(
            *(
                _Json() if isinstance(each, JSONPlainPayloadConverter) else each
                for each in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )


data_converter = dataclasses.replace(DataConverter.default, payload_converter_class=OpsloopPayloadConverter)
"""What every client, worker and replayer of opsloop uses."""


def refusal_of(error: ValidationError) -> str:
    """What is wrong, field by field, without the values: they may be personal data."""
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc']) or error.title}: {each['msg']}"
        for each in error.errors(include_input=False, include_url=False)
    )
