"""Runs a command line and turns every way it can end into an exit code and at most one line of complaint.

Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 130 interrupted.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Final

import typer
from pydantic import ValidationError
from typer._click.exceptions import ClickException, NoArgsIsHelpError, UsageError

from domain.errors import InvalidInput, OpsloopError
from workers.cli.session import ApiRefusedError, settings_fault
from workers.settings import Settings

PROGRAM: Final = "opsloop"
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130


def execute(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Runs the command that the arguments name and returns its exit code."""
    as_json = "--json" in arguments
    try:
        result = app(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except NoArgsIsHelpError as error:
        print(error.format_message())
        return USAGE
    except UsageError as error:
        command = error.ctx.command_path if error.ctx else PROGRAM
        return _complain(
            "usage", f"{error.format_message()} See `{command} --help`", as_json=as_json, exit_code=USAGE
        )
    except ClickException as error:
        return _complain("failed", error.format_message(), as_json=as_json)
    except ApiRefusedError as error:
        return _complain(error.refusal, str(error), error.field, as_json=as_json)
    except OpsloopError as error:
        field = error.field if isinstance(error, InvalidInput) else ""
        return _complain(error.code, str(error), field, as_json=as_json)
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        return _complain(InvalidInput.code, str(settings_fault(error)), as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return result if isinstance(result, int) else 0


def _complain(code: str, message: str, field: str = "", *, as_json: bool, exit_code: int = FAILED) -> int:
    where = f"{field}: " if field and not message.startswith(field) else ""
    line = " ".join(f"{where}{message}".split())
    print(f"{PROGRAM}: {line}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": {"code": code, "message": message, "field": field or None}}))
    return exit_code
