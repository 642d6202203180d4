"""The activity that copies a ticket's progress into the store."""

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.catalogue import activities_of
from activities.messages import Progress
from activities.record import RecordActivities
from domain.errors import InvalidInput, OpsloopError, StoreUnavailable
from tests.support.tickets import sample_event, sample_view

PROGRESS = Progress(events=(sample_event(1),), view=sample_view())


class Memory:
    """A store in memory that can be broken."""

    def __init__(self, error: OpsloopError | None = None) -> None:
        self.recorded: list[Progress] = []
        self._error = error

    def record(self, progress: Progress) -> None:
        if self._error:
            raise self._error
        self.recorded.append(progress)


def test_progress_reaches_the_store() -> None:
    store = Memory()
    ActivityEnvironment().run(RecordActivities(store).record_progress, PROGRESS)
    assert store.recorded == [PROGRESS]


@pytest.mark.parametrize(
    ("error", "code", "final"),
    [
        (StoreUnavailable("locked"), "store_unavailable", False),
        (InvalidInput("no review"), "input_invalid", True),
    ],
)
def test_errors_arrive_as_codes_and_only_an_absent_store_is_tried_again(
    error: OpsloopError, code: str, final: bool
) -> None:
    with pytest.raises(ApplicationError) as failed:
        ActivityEnvironment().run(RecordActivities(Memory(error)).record_progress, PROGRESS)
    assert failed.value.type == code
    assert failed.value.non_retryable is final


def test_the_worker_finds_one_synchronous_activity_that_takes_progress() -> None:
    [found] = activities_of(RecordActivities(Memory()))
    definition = activity._Definition.must_from_callable(found)
    assert definition.name == "record_progress"
    assert definition.arg_types == [Progress]
    assert not definition.is_async
