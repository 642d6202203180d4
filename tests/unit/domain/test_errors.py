import pytest

from domain import errors
from domain.errors import InvalidInput, OpsloopError


def every(kind: type[OpsloopError]) -> list[type[OpsloopError]]:
    """The error and all below it that the domain defines; adapters may have refinements of their own."""
    below = [each for child in kind.__subclasses__() for each in every(child)]
    return [each for each in [kind, *below] if each.__module__ == errors.__name__]


CODES = {
    "InvalidInput": "input_invalid",
    "IllegalTransition": "transition_illegal",
    "NotFound": "not_found",
    "Conflict": "conflict",
    "NotPermitted": "not_permitted",
    "NoDecisionCode": "decision_code_invalid",
    "DefinitionError": "definition_invalid",
    "StepFailed": "step_failed",
    "AuthorisationRefused": "authorisation_refused",
    "OrderRefused": "order_refused",
    "OutcomeUnknown": "outcome_unknown",
    "BankUnavailable": "bank_unavailable",
    "ChannelFailed": "channel_failed",
    "ServiceUnavailable": "service_unavailable",
    "HandlerBroken": "handler_broken",
    "HandlerDegraded": "handler_degraded",
    "StoreUnavailable": "store_unavailable",
    "DefinitionsMissing": "definitions_missing",
}


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_codes_are_part_of_the_interface_and_never_change(name: str, code: str) -> None:
    assert getattr(errors, name).code == code


def test_every_error_has_a_code_of_its_own_and_is_in_the_tree_that_the_module_shows() -> None:
    kinds = every(OpsloopError)
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in kinds)


def test_only_what_may_pass_by_itself_is_retried() -> None:
    retried = {kind.__name__ for kind in every(OpsloopError) if kind.retryable}
    assert retried == {
        "DefinitionsMissing",
        "OutcomeUnknown",
        "BankUnavailable",
        "ChannelFailed",
        "ServiceUnavailable",
        "StoreUnavailable",
    }


def test_a_wrong_input_names_its_field() -> None:
    assert InvalidInput("amount: expected a number", field="amount").field == "amount"
