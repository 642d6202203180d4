"""The supervisor: children come up, come back, and never stay behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from workers import supervisor as module
from workers.supervisor import (
    ChildFailed,
    ChildSpec,
    Supervisor,
    free_port,
    http_ready,
    port_is_free,
    tcp_ready,
)

_SLEEPS = "import time; time.sleep(600)"


def python(code: str) -> Sequence[str]:
    return (sys.executable, "-c", textwrap.dedent(code))


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.strip().startswith("Z")


async def gone(pid: int) -> None:
    while alive(pid):
        await asyncio.sleep(0.02)


async def written(path: Path) -> str:
    """The content of a file that a child writes in one go."""
    while not (path.exists() and path.read_text()):
        await asyncio.sleep(0.02)
    return path.read_text()


async def restarted(supervisor: Supervisor, name: str, times: int) -> None:
    while supervisor.restarts(name) < times:
        await asyncio.sleep(0.02)
    await supervisor.ready(name)


async def test_start_returns_when_the_child_is_ready(tmp_path: Path) -> None:
    port = free_port()
    server = python(
        f"import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')"
    )
    async with Supervisor(tmp_path / "logs") as supervisor:
        await supervisor.start(
            ChildSpec("web", server, ready=http_ready(f"http://127.0.0.1:{port}/"), cwd=tmp_path)
        )
        assert await tcp_ready("127.0.0.1", port)()
        assert not port_is_free(port)
    assert not await tcp_ready("127.0.0.1", port)()


async def test_a_child_gets_its_environment_and_its_log(tmp_path: Path) -> None:
    code = "import os, time; print(os.environ['OPSLOOP_X'], flush=True); time.sleep(600)"
    async with Supervisor(tmp_path / "logs") as supervisor:
        await supervisor.start(ChildSpec("echo", python(code), environment={"OPSLOOP_X": "hello"}))
        assert await written(tmp_path / "logs" / "echo.log") == "hello\n"


async def test_a_killed_child_comes_back_as_another_process(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(ChildSpec("worker", python(_SLEEPS)))
        first = supervisor.pid("worker")
        os.kill(first, signal.SIGKILL)
        await restarted(supervisor, "worker", 1)
        assert supervisor.pid("worker") != first
        assert alive(supervisor.pid("worker"))


async def test_a_child_can_be_started_anew_with_more_in_its_environment(tmp_path: Path) -> None:
    tells = python(
        f"""
        import os, time
        open(r"{tmp_path}/" + os.environ["NAME"], "w").write(os.environ["ALWAYS"])
        time.sleep(600)
        """
    )
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(ChildSpec("teller", tells, environment={"NAME": "first", "ALWAYS": "yes"}))
        assert await written(tmp_path / "first") == "yes"
        before = supervisor.pid("teller")
        await supervisor.restart("teller", {"NAME": "second"})
        assert await written(tmp_path / "second") == "yes"
        assert not alive(before)
        assert supervisor.restarts("teller") == 1


async def test_a_child_is_not_ready_between_its_death_and_its_return(tmp_path: Path) -> None:
    open_for_business = True

    async def ready() -> bool:
        return open_for_business

    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(ChildSpec("worker", python(_SLEEPS), ready=ready))
        open_for_business = False
        os.kill(supervisor.pid("worker"), signal.SIGKILL)
        while supervisor.restarts("worker") == 0:
            await asyncio.sleep(0.02)
        waiting = asyncio.create_task(supervisor.ready("worker"))
        await asyncio.sleep(0)
        assert not waiting.done()
        open_for_business = True
        await waiting


async def test_a_child_that_ends_before_it_is_ready_fails_with_its_last_lines(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    code = "import sys; print('the port is taken', file=sys.stderr); sys.exit(3)"
    async with Supervisor(tmp_path) as supervisor:
        with pytest.raises(ChildFailed, match=r"api ended before .* \(exit code 3\)[^$]*port is taken"):
            await supervisor.start(ChildSpec("api", python(code), ready=never))


async def test_a_child_that_is_never_ready_fails_and_is_ended(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    code = f"import os; print(os.getpid(), flush=True); {_SLEEPS}"
    async with Supervisor(tmp_path) as supervisor:
        spec = ChildSpec("api", python(code), ready=never, ready_timeout_s=1.0)
        with pytest.raises(ChildFailed, match="api was not ready after 1 s"):
            await supervisor.start(spec)
        assert not alive(int((tmp_path / "api.log").read_text()))


async def test_a_command_that_does_not_exist_fails_by_name(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        with pytest.raises(ChildFailed, match=r"ghost cannot be started.*no-such-command"):
            await supervisor.start(ChildSpec("ghost", ["no-such-command"]))


async def test_two_children_of_one_name_are_refused(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(ChildSpec("worker", python(_SLEEPS)))
        with pytest.raises(ValueError, match="worker already"):
            await supervisor.start(ChildSpec("worker", python(_SLEEPS)))


async def test_a_child_that_keeps_dying_ends_the_run_with_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BACK_OFF_S", (0.0, 0.0))
    bystander = 0
    with pytest.raises(ChildFailed, match=r"bank died 3 times[^$]*no such table"):
        async with Supervisor(tmp_path) as supervisor:
            await supervisor.start(ChildSpec("bystander", python(_SLEEPS)))
            bystander = supervisor.pid("bystander")
            await supervisor.start(ChildSpec("bank", python("raise SystemExit('no such table')")))
            await supervisor.forever()
    assert not alive(bystander)


async def test_children_end_in_the_reverse_of_their_order(tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    code = f"""
        import signal, sys
        name = sys.argv[1]
        def end(*_):
            with open({str(ends)!r}, "a") as file:
                file.write(name + " ")
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("up", flush=True)
        signal.pause()
        """
    async with Supervisor(tmp_path / "logs") as supervisor:
        for name in ("temporal", "worker", "api"):
            await supervisor.start(ChildSpec(name, [*python(code), name]))
            await written(tmp_path / "logs" / f"{name}.log")
    assert ends.read_text() == "api worker temporal "


async def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); {_SLEEPS}"
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(ChildSpec("deaf", python(code), grace_s=0.2))
        await written(tmp_path / "deaf.log")
        pid = supervisor.pid("deaf")
    assert not alive(pid)


async def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    code = f"""
        import subprocess, sys, time
        print(subprocess.Popen([sys.executable, "-c", {_SLEEPS!r}]).pid, flush=True)
        time.sleep(600)
        """
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(ChildSpec("parent", python(code)))
        grandchild = int(await written(tmp_path / "parent.log"))
        assert alive(grandchild)
    await gone(grandchild)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_block_and_the_children_without_an_error(
    tmp_path: Path, number: signal.Signals
) -> None:
    pid = 0
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(ChildSpec("worker", python(_SLEEPS)))
        pid = supervisor.pid("worker")
        os.kill(os.getpid(), number)
        await supervisor.forever()
    assert not alive(pid)


async def test_a_signal_during_the_start_ends_the_start(tmp_path: Path) -> None:
    async def never() -> bool:
        os.kill(os.getpid(), signal.SIGTERM)
        return False

    reached = False
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(ChildSpec("slow", python(_SLEEPS), ready=never))
        reached = True
    assert not reached


async def test_an_error_inside_the_block_stops_the_children_and_goes_on(tmp_path: Path) -> None:
    pid = 0
    with pytest.raises(LookupError, match="ours"):
        async with Supervisor(tmp_path) as supervisor:
            await supervisor.start(ChildSpec("worker", python(_SLEEPS)))
            pid = supervisor.pid("worker")
            raise LookupError("ours")
    assert not alive(pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="parent-death signals are Linux")
async def test_nothing_is_left_behind_when_the_supervisor_itself_is_killed(tmp_path: Path) -> None:
    code = f"""
        import asyncio, pathlib
        from workers.supervisor import ChildSpec, Supervisor

        async def main():
            async with Supervisor(pathlib.Path({str(tmp_path)!r})) as supervisor:
                await supervisor.start(ChildSpec("child", {python(_SLEEPS)!r}))
                print(supervisor.pid("child"), flush=True)
                await supervisor.forever()

        asyncio.run(main())
        """
    parent = await asyncio.create_subprocess_exec(
        *python(code), stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert alive(child)
    parent.kill()
    await parent.wait()
    await gone(child)


def test_a_free_port_can_be_taken_and_a_taken_one_is_not_free() -> None:
    port = free_port()
    assert port_is_free(port)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        assert not port_is_free(port)
