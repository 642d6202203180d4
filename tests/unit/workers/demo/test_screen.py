"""The demo's screen: a scene fits every terminal, and plain lines carry bank time."""

import io
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.support.tickets import NIGHT
from workers.demo.chronicle import Chronicle, Line
from workers.demo.screen import PlainScreen, Scene, counted, rendered, screen_for
from workers.demo.watch import Counts, Waiting

ZONE = ZoneInfo("Asia/Shanghai")
COMMAND = ("opsloop review approve \\", "  R1-T --as wang.fang")


def scene(
    lines: int = 5, waits: int = 1, title: str = "银行卡遗失，请冻结账户资金", **changes: object
) -> Scene:
    told = [Line(NIGHT, f"what happened {n}", f"#{n:02d} {title}", headline=n % 3 == 0) for n in range(lines)]
    people = [
        Waiting(f"#{n} {title}", "Li Wei, Account Operations", NIGHT, "orange", n == 0) for n in range(waits)
    ]
    values: dict[str, object] = {
        "now": NIGHT,
        "begins_at": NIGHT - timedelta(minutes=5),
        "ends_at": NIGHT + timedelta(hours=12),
        "duty": "night duty",
        "counts": Counts(handed_in=48),
        "waiting": people,
        "lines": told,
        "command": COMMAND if waits else (),
    }
    return Scene(**(values | changes))  # type: ignore[arg-type]


def drawn(what: Scene, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(rendered(what, ZONE, width, height))
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue().splitlines()


@given(
    lines=st.integers(0, 60),
    waits=st.integers(0, 20),
    width=st.integers(60, 200),
    height=st.integers(16, 60),
    title=st.text(max_size=80),
)
def test_a_scene_never_has_more_lines_than_the_terminal(
    lines: int, waits: int, width: int, height: int, title: str
) -> None:
    assert len(drawn(scene(lines, waits, title), width, height)) <= height


def test_a_scene_on_a_small_terminal_has_clock_counts_story_waits_and_events() -> None:
    text = drawn(scene(40, 6), 80, 24)
    assert len(text) == 24
    assert "20:00:00" in text[0]
    assert "night duty" in text[0]
    assert "48 tickets" in text[2]
    whole = "\n".join(text)
    assert "what happened 39" in whole
    assert "what happened 38" in whole
    assert "YOU" in whole
    assert "and 4 more" in whole
    assert all(line in text for line in COMMAND)


def test_the_counts_of_a_whole_night_fit_a_narrow_terminal() -> None:
    full = Counts(handed_in=48, running=12, waiting=12, by_itself=28, with_people=13, rejected=5)
    assert len(counted(full)) <= 80


@pytest.mark.parametrize("gone", [timedelta(hours=-1), timedelta(0), timedelta(hours=30)])
def test_the_clock_may_be_outside_the_night(gone: timedelta) -> None:
    assert len(drawn(scene(now=NIGHT + gone), 80, 24)) == 24


def test_without_a_terminal_each_event_is_one_line_with_bank_time() -> None:
    file = io.StringIO()
    screen = screen_for(Console(file=file, width=40), ZONE)
    assert isinstance(screen, PlainScreen)
    chronicle = Chronicle()
    chronicle.listen(screen.tell)
    chronicle.tell(NIGHT, "closed by itself, and a sentence that is longer than the line", "#07 冻结")
    chronicle.headline(NIGHT, "Night duty")
    assert file.getvalue().splitlines() == [
        "20:00    #07 冻结: closed by itself, and a sentence that is longer than the line",
        "20:00 == Night duty",
    ]


def test_without_a_terminal_the_counts_come_hourly_and_the_command_once() -> None:
    file = io.StringIO()
    screen = PlainScreen(Console(file=file), ZONE)
    for minutes in range(0, 120, 10):
        screen.show(scene(now=NIGHT + timedelta(minutes=minutes)))
    text = file.getvalue()
    assert text.count("48 tickets") == 2
    assert text.count(COMMAND[0]) == 1


def test_control_characters_of_a_title_do_not_reach_the_terminal() -> None:
    file = io.StringIO()
    PlainScreen(Console(file=file), ZONE).tell(Line(NIGHT, "x", "#01 \x1b[2J\x07"))
    assert "\x1b" not in file.getvalue()
