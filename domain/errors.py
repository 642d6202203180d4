"""The exceptions of opsloop, each with a stable code.

    OpsloopError
    ├── InvalidInput             input_invalid          a request or file is wrong; names the field
    ├── IllegalTransition        transition_illegal     the life cycle forbids this move
    ├── NotFound                 not_found              no such ticket, review, account …
    ├── Conflict                 conflict               same key, other content; or already decided
    ├── NotPermitted             not_permitted          the principal may not do this
    ├── NoDecisionCode           decision_code_invalid  missing, expired or foreign decision code
    ├── DefinitionError          definition_invalid     an SOP or policy cannot be used
    ├── DefinitionsMissing       definitions_missing    nothing was released yet that could be served
    ├── ExpressionFailed         expression_failed      a CEL expression of an SOP gave no usable value
    ├── StepFailed
    │   ├── AuthorisationRefused authorisation_refused  the order's papers do not suffice
    │   ├── OrderRefused         order_refused          the bank said no, definitely
    │   ├── OutcomeUnknown       outcome_unknown        sent, and no answer: ask again by key
    │   ├── BankUnavailable      bank_unavailable       not sent, or answered "try later"
    │   ├── ChannelFailed        channel_failed         a notification was not taken
    │   ├── ServiceUnavailable   service_unavailable    an allow-listed service took no call
    │   ├── HandlerBroken        handler_broken         a handler's answer is not what it declares
    │   └── HandlerDegraded      handler_degraded       failed too often in a row: not tried at all
    ├── StoreUnavailable         store_unavailable      the database does not answer
    └── in workers/, where they arise:
        NotSignedIn              not_signed_in          a request without a valid sign-in token
        EngineUnavailable        engine_unavailable     Temporal or its workers do not answer
        MessageRefused           message_refused        a workflow did not take a message
        AlreadyRunning           already_running        two embedded runs on one data folder
        ChildFailed              child_failed           a process of the embedded run keeps dying
        TemporalNotInstalled     temporal_not_installed the `temporal` command is absent
        SearchAttributesNotReady search_attributes_not_ready  a search attribute has another type

Codes are part of the interface: SOPs match them, clients read them, and they never change.
Activities translate these once into Temporal's failures; workflows see codes only.
"""

from typing import ClassVar


class OpsloopError(Exception):
    """Base of all errors that opsloop raises on purpose."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False


class InvalidInput(OpsloopError):
    """What somebody handed in is wrong. `field` says where."""

    code = "input_invalid"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class IllegalTransition(OpsloopError):
    """The ticket's life cycle has no such move."""

    code = "transition_illegal"


class NotFound(OpsloopError):
    """The thing that was asked for does not exist."""

    code = "not_found"


class Conflict(OpsloopError):
    """The request contradicts what is already there."""

    code = "conflict"


class NotPermitted(OpsloopError):
    """The principal lacks the role, the group or the independence that this needs."""

    code = "not_permitted"


class NoDecisionCode(OpsloopError):
    """A command came without a valid code that binds it to a signed-in person."""

    code = "decision_code_invalid"


class DefinitionError(OpsloopError):
    """An SOP or a policy cannot be used as it stands."""

    code = "definition_invalid"


class DefinitionsMissing(OpsloopError):
    """No definitions are in force yet: none were released, or those that were cannot be served here."""

    code = "definitions_missing"
    retryable = True


class ExpressionFailed(OpsloopError):
    """An expression cannot be compiled, costs too much, or fails on the ticket's facts."""

    code = "expression_failed"


class StepFailed(OpsloopError):
    """A handler could not do its step."""

    code = "step_failed"


class AuthorisationRefused(StepFailed):
    """The papers of the order do not cover what it asks for."""

    code = "authorisation_refused"


class OrderRefused(StepFailed):
    """The core bank refused the order; nothing was changed and asking again will not help."""

    code = "order_refused"


class OutcomeUnknown(StepFailed):
    """The order was sent and no answer came back: it may or may not have been carried out."""

    code = "outcome_unknown"
    retryable = True


class BankUnavailable(StepFailed):
    """The core bank did not take the order; nothing was changed."""

    code = "bank_unavailable"
    retryable = True


class ChannelFailed(StepFailed):
    """A notification channel did not take the message."""

    code = "channel_failed"
    retryable = True


class ServiceUnavailable(StepFailed):
    """A service that is called by HTTP did not take the call; nothing was changed."""

    code = "service_unavailable"
    retryable = True


class HandlerBroken(StepFailed):
    """A handler answered what its entry in the catalogue does not allow: its code has to be mended."""

    code = "handler_broken"


class HandlerDegraded(StepFailed):
    """The handler failed too often in a row: it was not tried, so that the step's fallback runs at once."""

    code = "handler_degraded"


class StoreUnavailable(OpsloopError):
    """The database does not answer."""

    code = "store_unavailable"
    retryable = True
