"""The search attributes of a ticket: one list, from which they are registered and written.

They are never encrypted: nothing here may name a person, an account or an amount.
"""

from temporalio.common import SearchAttributeKey

CATEGORY = SearchAttributeKey.for_keyword("OpsCategory")
ACTION = SearchAttributeKey.for_keyword("OpsAction")
GROUP = SearchAttributeKey.for_keyword("OpsGroup")
RISK = SearchAttributeKey.for_keyword("OpsRisk")
PRIORITY = SearchAttributeKey.for_keyword("OpsPriority")
STATE = SearchAttributeKey.for_keyword("OpsState")
SOP = SearchAttributeKey.for_keyword("OpsSop")
WAITING_FOR = SearchAttributeKey.for_keyword("OpsWaitingFor")
SLA_LEVEL = SearchAttributeKey.for_keyword("OpsSlaLevel")
DEADLINE = SearchAttributeKey.for_datetime("OpsDeadline")
HELD = SearchAttributeKey.for_bool("OpsHeld")

ALL: tuple[SearchAttributeKey, ...] = (  # type: ignore[type-arg]  # keys of three value types
    CATEGORY,
    ACTION,
    GROUP,
    RISK,
    PRIORITY,
    STATE,
    SOP,
    WAITING_FOR,
    SLA_LEVEL,
    DEADLINE,
    HELD,
)
