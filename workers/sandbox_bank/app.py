"""The HTTP interface of the core-bank sandbox. Refusals are `{"code", "message"}` with 404, 409 or 422."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field

from domain.clock import BankClock
from domain.model import Model
from domain.orders import BankOrder, OrderReceipt
from workers.sandbox_bank.faults import Fault, FaultBoard, FaultError, FaultState, Operation
from workers.sandbox_bank.ledger import Ledger, LedgerRow
from workers.sandbox_bank.rules import Account, Customer, NewAccount, RefusedError

_Key = Annotated[str, Field(min_length=1, max_length=200)]


class Revocation(Model):
    """Names the key to settle."""

    key: _Key


def create_app(db_path: Path, clock: BankClock | None = None) -> FastAPI:
    """The application over one SQLite file, made and seeded when it is new.

    `clock` stamps the ledger with bank time; without one that is real time. The app needs the
    protocol class of `workers.sandbox_bank.server`, which hands it the connection for its faults.
    """
    map_ = clock or BankClock()
    ledger = Ledger(db_path, now=lambda: map_.to_bank(datetime.now(UTC)))
    faults = FaultBoard()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        ledger.close()

    app = FastAPI(title="Core-bank sandbox", version="1", lifespan=lifespan)
    _add_error_answers(app)
    _add_orders(app, ledger, faults)
    _add_books(app, ledger, faults)
    _add_switches(app, faults)
    return app


def _add_orders(app: FastAPI, ledger: Ledger, faults: FaultBoard) -> None:
    @app.post("/orders")
    async def place(
        order: BankOrder,
        request: Request,
        idempotency_key: Annotated[str, Header(min_length=1, max_length=200)],
    ) -> OrderReceipt:
        """Carries an order out at most once per key."""
        if idempotency_key != order.key:
            raise RefusedError(422, "key_mismatch", "Idempotency-Key: expected the key of the order")
        await run_in_threadpool(ledger.arrive, order)
        async with faults.around(request, Operation.PLACE, order):
            return await run_in_threadpool(ledger.place, order)

    @app.post("/orders/revoke")
    async def revoke(revocation: Revocation, request: Request) -> OrderReceipt:
        """Settles a key for good: the receipt if executed, else the key is fenced off."""
        async with faults.around(request, Operation.REVOKE):
            return await run_in_threadpool(ledger.revoke, revocation.key)

    @app.get("/orders/{key:path}")
    async def find(key: str, request: Request) -> OrderReceipt:
        """The receipt of a key, which may contain slashes."""
        async with faults.around(request, Operation.FIND):
            receipt = await run_in_threadpool(ledger.find, key)
        if receipt is None:
            raise RefusedError(404, "order_unknown", "no order with this key was carried out or revoked")
        return receipt


def _add_books(app: FastAPI, ledger: Ledger, faults: FaultBoard) -> None:
    @app.post("/accounts", status_code=201)
    def open_account(new: NewAccount, response: Response) -> Account:
        """Makes an account, and a new customer with it; an account that exists is left as it is."""
        account, made = ledger.open_account(new)
        response.status_code = 201 if made else 200
        return account

    @app.get("/accounts/{account_id}")
    def account(account_id: str) -> Account:
        """An account as it stands."""
        found = ledger.account(account_id)
        if found is None:
            raise RefusedError(404, "account_unknown", "the bank has no such account")
        return found

    @app.get("/customers/{ref}")
    async def customer(ref: str, request: Request) -> Customer:
        """A customer's addresses."""
        async with faults.around(request, Operation.CONTACT):
            found = await run_in_threadpool(ledger.customer, ref)
        if found is None:
            raise RefusedError(404, "customer_unknown", "the bank has no such customer")
        return found

    @app.get("/ledger")
    def rows() -> list[LedgerRow]:
        """The bank's own truth: attempts and effects of every key."""
        return ledger.rows()

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        """Answers while the process is up, also under the fault `down`."""
        return {"status": "ok"}


def _add_switches(app: FastAPI, faults: FaultBoard) -> None:
    @app.put("/faults")
    def switch(wanted: Annotated[list[Fault], Field(max_length=100)]) -> list[FaultState]:
        """Puts these faults in place of all others; counts begin anew."""
        return faults.switch(wanted)

    @app.get("/faults")
    def show() -> list[FaultState]:
        """The faults that are switched on and how often each has hit."""
        return faults.show()

    @app.delete("/faults", status_code=204)
    def clear() -> None:
        """Switches all faults off."""
        faults.switch([])


def _add_error_answers(app: FastAPI) -> None:
    @app.exception_handler(RefusedError)
    async def refused(_: Request, refusal: RefusedError) -> Response:
        return JSONResponse({"code": refusal.code, "message": refusal.message}, status_code=refusal.status)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        # The input itself is left out: it may hold account numbers.
        problems = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()
        )
        return JSONResponse({"code": "request_invalid", "message": problems}, status_code=422)

    @app.exception_handler(FaultError)
    async def struck(_: Request, fault: FaultError) -> Response:
        return fault.response
