"""The bills of two clouds as FOCUS: an American one (1.2, CSV.gz, USD) that rents out the big pool, a European one (1.0, Parquet, EUR).

With what real bills hold: a savings plan and its unused part, untagged lines, shared observability, support, tax, credits, a refund as
negative usage, and a correction of an earlier month in a later billing period. Invoices of others are in invoices.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.sample_company.logs import generator
from pipelines.sample_company.months import add_months, each_day, last_day, name_of
from pipelines.sample_company.story import COMPANY
from pipelines.sample_company.writers import write_csv_gz, write_parquet

CENT = Decimal("0.01")
SAVINGS_PLAN = "arn:aws:savingsplans::210987654321:savingsplan/sp-core-70b"
COMMITTED_PER_HOUR = Decimal("42.00")
INSTANCE_LIST_PER_HOUR = Decimal("55.04")  # p5.48xlarge, 8 H100
INSTANCE_EFFECTIVE_PER_HOUR = Decimal("39.6288")  # 28 % below the list
SALES_TAX = Decimal("0.19")  # on what the marketplace sells and on support; the rest is reverse charge
VALUE_ADDED_TAX = Decimal("0.19")

FOCUS_1_2 = (
    *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingCurrency", "PricingCurrency"),
    *("BillingAccountId", "BillingAccountName", "BillingAccountType", "SubAccountId", "SubAccountName", "SubAccountType"),
    *("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"),
    *("ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency"),
    *("CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus", "CommitmentDiscountType"),
    *("ConsumedQuantity", "ConsumedUnit", "PricingCategory", "PricingQuantity", "PricingUnit", "ListUnitPrice", "ContractedUnitPrice"),
    *("InvoiceId", "InvoiceIssuerName", "ProviderName", "PublisherName", "RegionId", "RegionName"),
    *("ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "SkuId", "SkuPriceId", "Tags"),
)
NUMBERS_1_0 = (
    *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "ListUnitPrice", "ContractedUnitPrice"),
    *("ConsumedQuantity", "PricingQuantity"),
)
MOMENTS = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
TEXTS_1_0 = (
    *("BillingCurrency", "BillingAccountId", "BillingAccountName", "SubAccountId", "SubAccountName"),
    *("ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ConsumedUnit", "PricingCategory", "PricingUnit"),
    *("InvoiceIssuerName", "ProviderName", "PublisherName", "RegionId", "RegionName"),
    *("ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "SkuId", "SkuPriceId", "Tags", "x_Project"),
)
# This exporter writes money as DOUBLE, as many do: each number's shortest text is the amount.
FOCUS_1_0 = pa.schema(
    [
        *((name, pa.float64()) for name in NUMBERS_1_0),
        *((name, pa.timestamp("us", tz="UTC")) for name in MOMENTS),
        *((name, pa.string()) for name in TEXTS_1_0),
    ]
)

Line = dict[str, object]

_DOCUMENTS = {"workload": "document-extraction", "team": "claims"}


@dataclass(frozen=True)
class Product:
    """Something that is used every day: about `quantity_per_day` units (+-5 %) at a list price, on one resource with its tags."""

    service: str
    category: str
    description: str
    sku: str
    unit: str
    unit_price: Decimal
    quantity_per_day: float
    resource: str | None
    tags: Mapping[str, str]
    publisher: str | None = None


@dataclass(frozen=True)
class BillLine:
    """What truth needs of a written line, exact; `line` is the row itself."""

    source: str
    billing_month: date
    charge_day: date
    currency: str
    billed: Decimal
    effective: Decimal
    pool: str | None
    line: Line


AMERICAN = (
    Product("Amazon FSx", "Storage", "Lustre, 250 MB/s/TiB", "FSX-LUSTRE-250", "GB-Mo", Decimal("0.21"), 160, "fs-0weights", {"team": "ml-platform"}),
    Product("Amazon Simple Storage Service", "Storage", "S3 Standard", "S3-STD", "GB-Mo", Decimal("0.023"), 1_900, "claims-documents", _DOCUMENTS),
    Product(
        "Amazon Elastic Compute Cloud", "Compute", "c7i.8xlarge on demand", "EC2-C7I-8XL", "Hours", Decimal("1.428"), 96, "i-0preprocess", _DOCUMENTS
    ),
    Product("AWS Fargate", "Compute", "vCPU hours", "FARGATE-VCPU", "Hours", Decimal("0.04048"), 240, "service/chat", {"workload": "support-chat"}),
    Product("Amazon Virtual Private Cloud", "Networking", "NAT gateway", "VPC-NAT-GB", "GB", Decimal("0.052"), 310, "nat-0shared", {}),
    Product("Amazon Elastic Compute Cloud", "Compute", "t3.large on demand", "EC2-T3-L", "Hours", Decimal("0.096"), 48, "i-0test", {"owner": "?"}),
    Product("AmazonCloudWatch", "Management and Governance", "Metrics and logs", "CW-LOGS-GB", "GB", Decimal("0.63"), 21, None, {}),
    Product("Datadog Pro", "Management and Governance", "Hosts", "DD-PRO-HOST", "Host-Days", Decimal("0.78"), 24, None, {}, "Datadog, Inc."),
)
EUROPEAN = (
    Product("Managed PostgreSQL", "Databases", "HA, 8 vCPU", "PG-HA-8", "Hours", Decimal("0.612"), 24, "pg-claims", {"workload": "claims-files"}),
    Product("Object Storage", "Storage", "Three zones", "OBJ-3AZ", "GB-Mo", Decimal("0.0119"), 1_300, "bucket-claims", {"workload": "claims-files"}),
    Product("Managed Kubernetes", "Compute", "Gateway nodes", "K8S-NODE-8", "Hours", Decimal("0.2214"), 96, "k8s-gateway", {"team": "platform"}),
    Product("Load Balancer", "Networking", "Load balancer L", "LB-L", "Hours", Decimal("0.0415"), 24, "lb-gateway", {"team": "platform"}),
    Product("Block Storage", "Storage", "Volumes, high speed", "BS-HS", "GB-Mo", Decimal("0.084"), 55, "volume-old-test", {}),
)


def moment(day: date) -> datetime:
    """Midnight UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def cents(amount: Decimal) -> Decimal:
    """Rounded half-even to cents."""
    return amount.quantize(CENT, rounding=ROUND_HALF_EVEN)


class Bill:
    """The lines of one cloud's billing month while they are being written: what all of them have in common stands here once."""

    def __init__(self, source: str, month: date, common: Mapping[str, object], pool_of_commitment: str | None = None) -> None:
        self.source, self.month, self.pool_of_commitment = source, month, pool_of_commitment
        self.common = {**common, "BillingPeriodStart": moment(month), "BillingPeriodEnd": moment(add_months(month, 1))}
        self.lines: list[BillLine] = []

    def add(self, first: date, last: date, billed: Decimal, effective: Decimal, tags: Mapping[str, str], **columns: object) -> None:
        """One line from `first` to `last`, both included. List and contracted cost are the billed cost unless `columns` says otherwise."""
        line: Line = {
            **self.common,
            "ChargeCategory": "Usage",
            "ChargeFrequency": "Usage-Based",
            "PricingCategory": "Standard",
            "BilledCost": billed,
            "EffectiveCost": effective,
            "ListCost": billed,
            "ContractedCost": billed,
            "ChargePeriodStart": moment(first),
            "ChargePeriodEnd": moment(last + timedelta(days=1)),
            "Tags": json.dumps(dict(tags)) if tags else None,
            **columns,
        }
        pool = tags.get("pool") or (self.pool_of_commitment if line.get("CommitmentDiscountId") else None)
        self.lines.append(BillLine(self.source, self.month, first, str(line["BillingCurrency"]), billed, effective, pool, line))

    def add_product(self, day: date, product: Product, quantity: Decimal, charge_class: str | None = None, description: str | None = None) -> None:
        """A day of a product at its list price; a negative quantity gives money back."""
        cost = quantity * product.unit_price
        self.add(
            day,
            day,
            cost,
            cost,
            product.tags,
            ChargeClass=charge_class,
            ChargeDescription=description or product.description,
            **({"PublisherName": product.publisher} if product.publisher else {}),
            **_columns_of(product, quantity),
        )

    @property
    def billed(self) -> Decimal:
        """What the lines so far come to on the invoice."""
        return sum((line.billed for line in self.lines), Decimal(0))

    def billed_by(self, services: Sequence[str]) -> Decimal:
        """The same for some services."""
        return sum((line.billed for line in self.lines if line.line["ServiceName"] in services), Decimal(0))

    def add_tax(self, amount: Decimal) -> None:
        """The month's tax, with the fraction of a cent by which the invoice is rounded: the invoice is a whole number of cents."""
        tax = cents(self.billed + amount) - self.billed
        self.add(
            self.month,
            last_day(self.month),
            tax,
            tax,
            {},
            ChargeCategory="Tax",
            ChargeFrequency="Recurring",
            ChargeDescription="Value added tax",
            PricingCategory=None,
            ServiceName="Tax",
            ServiceCategory="Other",
        )


def _columns_of(product: Product, quantity: Decimal) -> dict[str, object]:
    return {
        "ConsumedQuantity": quantity,
        "ConsumedUnit": product.unit,
        "PricingQuantity": quantity,
        "PricingUnit": product.unit,
        "ListUnitPrice": product.unit_price,
        "ContractedUnitPrice": product.unit_price,
        "ResourceId": product.resource,
        "ResourceName": product.resource,
        "ServiceName": product.service,
        "ServiceCategory": product.category,
        "SkuId": product.sku,
        "SkuPriceId": f"{product.sku}.1",
    }


def _quantity(random: np.random.Generator, product: Product) -> Decimal:
    return Decimal(str(round(product.quantity_per_day * float(random.uniform(0.95, 1.05)), 3)))


def _add_pool_instance(bill: Bill, day: date) -> None:
    """The savings plan: bought by the hour, mostly used by the GPU instance, the rest unused. Effective costs add up to what was paid."""
    plan = {
        "CommitmentDiscountCategory": "Spend",
        "CommitmentDiscountId": SAVINGS_PLAN,
        "CommitmentDiscountName": "core-70b",
        "CommitmentDiscountType": "Compute Savings Plan",
        "PricingCategory": "Committed",
    }
    instance = {"ServiceName": "Amazon Elastic Compute Cloud", "ServiceCategory": "Compute"}
    fee = {"ServiceName": "Savings Plans for AWS Compute usage", "ServiceCategory": "Compute"}
    hours, committed = Decimal(24), 24 * COMMITTED_PER_HOUR
    effective = hours * INSTANCE_EFFECTIVE_PER_HOUR
    bill.add(
        day,
        day,
        committed,
        Decimal(0),
        {},
        ChargeCategory="Purchase",
        ChargeFrequency="Recurring",
        ChargeDescription="Compute savings plan, 1 year, no upfront",
        SkuId="SP-COMPUTE-1Y",
        SkuPriceId="SP-COMPUTE-1Y.1",
        PricingQuantity=hours,
        PricingUnit="Hours",
        ListUnitPrice=COMMITTED_PER_HOUR,
        ContractedUnitPrice=COMMITTED_PER_HOUR,
        **{**plan, **fee, "PricingCategory": "Standard"},
    )
    bill.add(
        day,
        day,
        Decimal(0),
        effective,
        {"pool": "core-70b", "team": "ml-platform"},
        ListCost=hours * INSTANCE_LIST_PER_HOUR,
        ContractedCost=hours * INSTANCE_LIST_PER_HOUR,
        ChargeDescription="p5.48xlarge Linux, covered by a savings plan",
        CommitmentDiscountStatus="Used",
        ConsumedQuantity=hours,
        ConsumedUnit="Hours",
        PricingQuantity=hours,
        PricingUnit="Hours",
        ListUnitPrice=INSTANCE_LIST_PER_HOUR,
        ContractedUnitPrice=INSTANCE_LIST_PER_HOUR,
        ResourceId="i-0core70b",
        ResourceName="core-70b",
        ResourceType="Instance",
        SkuId="EC2-P5-48XL",
        SkuPriceId="EC2-P5-48XL.1",
        **plan,
        **instance,
    )
    bill.add(
        day,
        day,
        Decimal(0),
        committed - effective,
        {},
        ListCost=Decimal(0),
        ContractedCost=Decimal(0),
        ChargeDescription="Compute savings plan, unused",
        CommitmentDiscountStatus="Unused",
        SkuId="SP-COMPUTE-1Y",
        SkuPriceId="SP-COMPUTE-1Y.1",
        **plan,
        **fee,
    )


def american_bill(months: Sequence[date], seed: int) -> tuple[BillLine, ...]:
    """The American cloud's twelve billing months. The last one is still open: it has no invoice number yet."""
    random = generator(seed, "american-bill")
    lines: list[BillLine] = []
    for number, month in enumerate(months):
        common = {
            "BillingCurrency": "USD",
            "PricingCurrency": "USD",
            "BillingAccountId": "210987654321",
            "BillingAccountName": COMPANY,
            "BillingAccountType": "Organization",
            "SubAccountId": "210987650001",
            "SubAccountName": "ai-production",
            "SubAccountType": "Account",
            "InvoiceId": None if number == len(months) - 1 else f"AWS-{month:%Y%m}",
            "InvoiceIssuerName": "Amazon Web Services EMEA SARL",
            "ProviderName": "AWS",
            "PublisherName": "Amazon Web Services, Inc.",
            "RegionId": "eu-central-1",
            "RegionName": "Europe (Frankfurt)",
        }
        bill = Bill("aws", month, common, pool_of_commitment="core-70b")
        for day in each_day(month):
            _add_pool_instance(bill, day)
            for product in AMERICAN:
                bill.add_product(day, product, _quantity(random, product))
        if number == 4:  # a refund the exporter shows as plain negative usage
            bill.add_product(month + timedelta(days=9), AMERICAN[1], Decimal(-540), description="S3 Standard storage, billing adjustment")
        if number == 8:  # three days of the month before were billed for four machines where one ran
            for day in each_day(months[7])[10:13]:
                bill.add_product(day, AMERICAN[2], Decimal(-96), "Correction", "c7i.8xlarge Linux on demand, negation")
                bill.add_product(day, AMERICAN[2], Decimal(24), "Correction", "c7i.8xlarge Linux on demand, rebilled")
        support = cents(bill.billed * Decimal("0.01"))
        bill.add(
            month,
            last_day(month),
            support,
            support,
            {},
            ChargeCategory="Purchase",
            ChargeFrequency="Recurring",
            ChargeDescription="AWS Support (Business)",
            ServiceName="AWS Support (Business)",
            ServiceCategory="Other",
            SkuId="SUPPORT-BUSINESS",
        )
        if number < 3:
            bill.add(
                last_day(month),
                last_day(month),
                Decimal(-500),
                Decimal(-500),
                {},
                ChargeCategory="Credit",
                ChargeFrequency="One-Time",
                ChargeDescription="Promotional credit: machine learning start",
                PricingCategory=None,
                ServiceName="Amazon Elastic Compute Cloud",
                ServiceCategory="Compute",
            )
        bill.add_tax(SALES_TAX * bill.billed_by(("Datadog Pro", "AWS Support (Business)")))
        lines += bill.lines
    return tuple(lines)


def european_bill(months: Sequence[date], seed: int) -> tuple[BillLine, ...]:
    """The European cloud's twelve billing months, in euro; a credit note in the sixth."""
    random = generator(seed, "european-bill")
    lines: list[BillLine] = []
    for number, month in enumerate(months):
        common = {
            "BillingCurrency": "EUR",
            "BillingAccountId": "nm-77120",
            "BillingAccountName": COMPANY,
            "SubAccountId": "project-claims",
            "SubAccountName": "claims",
            "InvoiceIssuerName": "Nordmeer Cloud GmbH",
            "ProviderName": "Nordmeer Cloud",
            "PublisherName": "Nordmeer Cloud",
            "RegionId": "ham-1",
            "RegionName": "Hamburg 1",
            "x_Project": "claims",
        }
        bill = Bill("nordmeer", month, common)
        for day in each_day(month):
            for product in EUROPEAN:
                bill.add_product(day, product, _quantity(random, product))
        if number == 5:
            bill.add(
                month,
                month,
                Decimal("-150.00"),
                Decimal("-150.00"),
                {},
                ChargeCategory="Credit",
                ChargeFrequency="One-Time",
                ChargeDescription="Credit note: outage",
                PricingCategory=None,
                ServiceName="Managed Kubernetes",
                ServiceCategory="Compute",
            )
        bill.add_tax(VALUE_ADDED_TAX * bill.billed)
        lines += bill.lines
    return tuple(lines)


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return f"{value:f}" if isinstance(value, Decimal) else value


def write_american_bill(directory: Path, lines: Sequence[BillLine]) -> None:
    """`billing/aws/`, one CSV.gz a billing month."""
    for month in sorted({line.billing_month for line in lines}):
        rows = [{name: _text(value) for name, value in line.line.items()} for line in lines if line.billing_month == month]
        write_csv_gz(directory / "billing" / "aws" / f"focus-{name_of(month)}.csv.gz", FOCUS_1_2, rows)


def write_european_bill(directory: Path, lines: Sequence[BillLine]) -> None:
    """`billing/nordmeer/`, one Parquet file a billing month, money as DOUBLE."""
    for month in sorted({line.billing_month for line in lines}):
        rows = [
            {name: float(value) if isinstance(value, Decimal) else value for name, value in line.line.items()}
            for line in lines
            if line.billing_month == month
        ]
        write_parquet(directory / "billing" / "nordmeer" / f"focus-{name_of(month)}.parquet", FOCUS_1_0, rows)
