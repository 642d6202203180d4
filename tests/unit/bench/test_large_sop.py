"""The large SOP is what it claims to be, and its figures are there."""

from bench.large_sop import STEPS, large_sop, load_ms, percentile, summed_up
from definitions.loader import parse_sop
from definitions.schema import all_steps


def test_it_has_a_thousand_steps_and_no_two_files_are_alike() -> None:
    first, second = (parse_sop(large_sop(number), None)[0] for number in (1, 2))
    assert first is not None and second is not None
    assert len(list(all_steps(first.steps))) == STEPS
    conditions = [{step.when for _, step in all_steps(sop.steps) if step.when} for sop in (first, second)]
    assert conditions[0].isdisjoint(conditions[1])


def test_a_load_is_checked_and_timed() -> None:
    [time] = load_ms(1)
    assert time > 0


def test_the_figures_add_up() -> None:
    figures = summed_up([10.0, 20.0, 30.0], [1.0, 2.0, 3.0])
    assert (figures["load_p50_ms"], figures["first_task_p50_ms"], figures["sum_p50_ms"]) == (20.0, 2.0, 22.0)
    assert figures["sum_p99_ms"] == round(
        percentile([10.0, 20.0, 30.0], 99) + percentile([1.0, 2.0, 3.0], 99), 1
    )
