"""What comes as a plain table: the invoices of a GPU rental and of an API provider, the owned machine, exchange rates, finance's control totals.

The two clouds' bills are in bills.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from pipelines.sample_company.bills import BillLine, cents
from pipelines.sample_company.logs import Usage, generator
from pipelines.sample_company.months import add_months, days_of, last_day, name_of
from pipelines.sample_company.story import OPENAI_PRICES
from pipelines.sample_company.writers import write_csv

RENTED_PER_GPU_HOUR = Decimal("3.99")
RENTED_GPUS = 2
BILLED_BY_OPENAI = ("gateway-openai", "summaries-log", "search-log")
INVOICE_COLUMNS = (
    *("invoice_id", "provider", "invoice_date", "start", "end", "sku", "resource", "charge_category"),
    *("quantity", "unit", "unit_price", "amount", "currency"),
)
LEDGER_ERROR = Decimal("119.00")  # a credit note that finance booked and the cloud never billed: one control total differs by it
LEDGER_ERROR_MONTH = 8


@dataclass(frozen=True)
class Invoice:
    """The head of a monthly invoice."""

    source: str
    invoice_id: str
    provider: str
    invoice_date: date
    month: date
    currency: str = "USD"


@dataclass(frozen=True)
class InvoiceLine:
    """One line of an invoice; its billing period is the invoice's month. `pool`: which pool it pays for (no column of the file)."""

    invoice: Invoice
    sku: str
    amount: Decimal
    quantity: Decimal | None = None
    unit: str | None = None
    unit_price: Decimal | None = None
    resource: str | None = None
    pool: str | None = None
    charge_category: str = "Usage"

    def row(self) -> dict[str, object]:
        """The line as the file has it; `end` is exclusive."""
        return {
            "invoice_id": self.invoice.invoice_id,
            "provider": self.invoice.provider,
            "invoice_date": self.invoice.invoice_date.isoformat(),
            "start": f"{self.invoice.month}T00:00:00Z",
            "end": f"{add_months(self.invoice.month, 1)}T00:00:00Z",
            "sku": self.sku,
            "resource": self.resource,
            "charge_category": self.charge_category,
            "quantity": self.quantity,
            "unit": self.unit,
            "unit_price": self.unit_price,
            "amount": self.amount,
            "currency": self.invoice.currency,
        }


@dataclass(frozen=True)
class Machine:
    """The owned server: bought in the second month, booked in a straight line, power by the hour."""

    asset_id: str
    pool: str
    gpus: int
    purchase_price: Decimal
    currency: str
    in_service: date
    life_months: int
    residual: Decimal
    power_kw: Decimal
    pue: Decimal
    price_per_kwh: Decimal
    rack_monthly: Decimal

    def cost_of(self, month: date) -> Decimal:
        """The month's depreciation, power and rack, in the machine's currency; a cut month counts its days."""
        covered = days_of(month) if month > self.in_service else days_of(month) - self.in_service.day + 1
        if add_months(month, 1) <= self.in_service:
            covered = 0
        monthly = (self.purchase_price - self.residual) / self.life_months + self.rack_monthly
        return monthly * covered / days_of(month) + self.power_kw * self.pue * self.price_per_kwh * 24 * covered


@dataclass(frozen=True)
class Control:
    """One line of finance's ledger and how it compares with the bill."""

    issuer: str
    invoice_id: str
    month: date
    amount: Decimal
    currency: str
    billed: Decimal

    @property
    def status(self) -> str:
        """`ties` or `differs`."""
        return "ties" if self.amount == self.billed else "differs"


def rental_invoices(months: Sequence[date]) -> tuple[InvoiceLine, ...]:
    """Two GPUs all month, every month, whether used or not, and a disk; the invoice is written on the month's last day."""
    lines = []
    for month in months:
        invoice = Invoice("lambda", f"LAM-{month:%Y%m}", "Lambda", last_day(month), month)
        hours = Decimal(days_of(month) * 24 * RENTED_GPUS)
        rent = cents(hours * RENTED_PER_GPU_HOUR)
        lines.append(InvoiceLine(invoice, "gpu_1x_h100_sxm5", rent, hours, "GPU-hours", RENTED_PER_GPU_HOUR, "tagger-8b", pool="tagger-8b"))
        lines.append(InvoiceLine(invoice, "persistent-storage", Decimal("80.00"), Decimal(400), "GB-months", Decimal("0.20"), "scratch"))
    return tuple(lines)


def openai_invoices(months: Sequence[date], usage: Iterable[Usage]) -> tuple[InvoiceLine, ...]:
    """What was logged, at the negotiated prices, by model; embeddings that no log knows; one credit. The last month's has not come yet."""
    amounts: dict[tuple[date, str], Decimal] = {}
    tokens: dict[tuple[date, str], int] = {}
    for row in usage:
        if row.stream.source not in BILLED_BY_OPENAI:
            continue
        model = row.stream.labels.get("model") or {"summaries-log": "gpt-4o", "search-log": "gpt-4o-mini"}[row.stream.source]
        key = (row.hour.date().replace(day=1), model)
        price_input, price_cached, price_output = OPENAI_PRICES[model]
        cost = (
            row.tokens.input_uncached_tokens * price_input + row.tokens.cache_read_tokens * price_cached + row.tokens.output_tokens * price_output
        ) / 1_000_000
        amounts[key] = amounts.get(key, Decimal(0)) + cost
        tokens[key] = tokens.get(key, 0) + row.tokens.input_tokens + row.tokens.output_tokens
    lines = []
    for number, month in enumerate(months[:-1]):
        invoice = Invoice("openai-invoice", f"OAI-{month:%Y%m}", "openai", add_months(month, 1) + timedelta(days=1), month)
        for model in OPENAI_PRICES:
            lines.append(InvoiceLine(invoice, model, cents(amounts[month, model]), Decimal(tokens[month, model]), "tokens"))
        millions, price = Decimal(292 + 3 * number), Decimal("0.13")
        lines.append(InvoiceLine(invoice, "text-embedding-3-large", millions * price, millions, "million tokens", price))
        if number == 5:
            lines.append(InvoiceLine(invoice, "service credit", Decimal("-1000.00"), charge_category="Credit"))
    return tuple(lines)


def owned_machine(months: Sequence[date]) -> Machine:
    """Four L40S, in service from the 15th of the second month."""
    return Machine(
        asset_id="m-vault-1",
        pool="vault-8b",
        gpus=4,
        purchase_price=Decimal(64_000),
        currency="EUR",
        in_service=months[1].replace(day=15),
        life_months=36,
        residual=Decimal(4_000),
        power_kw=Decimal("2.6"),
        pue=Decimal("1.4"),
        price_per_kwh=Decimal("0.21"),
        rack_monthly=Decimal(350),
    )


def control_totals(bills: Iterable[BillLine], invoices: Iterable[InvoiceLine], months: Sequence[date]) -> tuple[Control, ...]:
    """One line for each invoice of all months but the last, which finance has not booked yet. One of them differs from its bill."""
    billed: dict[tuple[str, str, date, str], Decimal] = {}
    for bill in bills:
        key = (str(bill.line["InvoiceIssuerName"]), str(bill.line.get("InvoiceId") or ""), bill.billing_month, bill.currency)
        billed[key] = billed.get(key, Decimal(0)) + bill.billed
    for line in invoices:
        key = (line.invoice.provider, line.invoice.invoice_id, line.invoice.month, line.invoice.currency)
        billed[key] = billed.get(key, Decimal(0)) + line.amount
    controls = []
    for (issuer, invoice_id, month, currency), amount in sorted(billed.items()):
        if month == months[-1]:
            continue
        error = LEDGER_ERROR if currency == "EUR" and month == months[LEDGER_ERROR_MONTH] else Decimal(0)
        controls.append(Control(issuer, invoice_id, month, cents(amount) - error, currency, cents(amount)))
    return tuple(controls)


def exchange_rates(months: Sequence[date], seed: int) -> tuple[dict[str, object], ...]:
    """Dollars for a euro, a pound and a franc on each month's first day."""
    random = generator(seed, "exchange-rates")
    rates = {"EUR": Decimal("1.1650"), "GBP": Decimal("1.3400"), "CHF": Decimal("1.2450")}
    rows: list[dict[str, object]] = []
    for month in months:
        for base in rates:
            rates[base] += Decimal(int(random.integers(-120, 121))) / 10_000
            rows.append({"date": month.isoformat(), "base": base, "quote": "USD", "rate": rates[base]})
    return tuple(rows)


def write_invoices(directory: Path, file_name: str, lines: Sequence[InvoiceLine]) -> None:
    """`invoices/<file_name>`, one file for all months."""
    write_csv(directory / "invoices" / file_name, INVOICE_COLUMNS, [line.row() for line in lines])


def write_machine(directory: Path, machine: Machine) -> None:
    """`machines.csv`."""
    row = dict(vars(machine))
    write_csv(directory / "machines.csv", tuple(row), [row])


def write_exchange_rates(directory: Path, rows: Sequence[dict[str, object]]) -> None:
    """`fx.csv`."""
    write_csv(directory / "fx.csv", ("date", "base", "quote", "rate"), rows)


def write_control_totals(directory: Path, controls: Sequence[Control]) -> None:
    """`ledger/control.csv`."""
    rows = [
        {
            "issuer": control.issuer,
            "invoice_id": control.invoice_id,
            "period": name_of(control.month),
            "amount": control.amount,
            "currency": control.currency,
        }
        for control in controls
    ]
    write_csv(directory / "ledger" / "control.csv", ("issuer", "invoice_id", "period", "amount", "currency"), rows)
