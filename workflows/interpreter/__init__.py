"""The SOP interpreter: runs a pinned SOP's steps as its language defines.

It knows the language and nothing of Temporal: what a step needs of the world it asks of its `Runtime`.
Semantics: DESIGN, "SOPs", and docs/sop-language.md. Read `sequence` (routes) and `steps` (one step) first;
`handlers`, `people`, `waits` and `blocks` are the kinds of steps.
"""

from workflows.interpreter.compensation import Undone
from workflows.interpreter.interpreter import Interpreter
from workflows.interpreter.journal import Journal
from workflows.interpreter.runtime import (
    EffectsAhead,
    PlannedCall,
    Question,
    Runtime,
    StepFailure,
    TicketEnded,
)
from workflows.interpreter.steps import FAILED, SKIPPED

__all__ = [
    "FAILED",
    "SKIPPED",
    "EffectsAhead",
    "Interpreter",
    "Journal",
    "PlannedCall",
    "Question",
    "Runtime",
    "StepFailure",
    "TicketEnded",
    "Undone",
]
