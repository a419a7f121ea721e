"""Which files of a cloud's bill are read: what manifests name, nothing twice, nothing that is not whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.cloud_exports.manifests import deliveries
from connectors.listings import IgnoredFile, Listing, Offer, OfferedFile
from models.errors import BrokenFile, CrossoverError, SourceUnreachable

# A file is its size, or its contents where it is a manifest.
Tree = Mapping[str, int | str | dict[str, Any]]
EXEC = "5f1b3d0e-0000-4000-8000-000000000001"
GUID_1, GUID_2, GUID_3 = (f"3a9f3d28-8f2f-4a1c-8a56-74000000000{n}" for n in (1, 2, 3))


def offer(tree: Tree, kind: str = "focus", ignored: tuple[IgnoredFile, ...] = ()) -> Offer:
    data = {name: value if isinstance(value, str) else json.dumps(value) for name, value in tree.items() if not isinstance(value, int)}
    files = [OfferedFile(name, value if isinstance(value, int) else len(data[name]), f"etag of {name}") for name, value in tree.items()]
    return deliveries(kind, Listing(tuple(files), ignored), lambda file: data[file.name].encode(), "source bill")


def read_files(found: Offer) -> dict[str, list[str]]:
    return {delivery.name: [file.name for file in delivery.files] for delivery in found.deliveries}


def reasons(found: Offer) -> dict[str, str]:
    return {ignored.name: ignored.reason for ignored in found.ignored}


def refusals(found: Offer) -> dict[str, CrossoverError]:
    return dict(found.refused)


def aws_manifest(*data_files: object, execution: str = EXEC) -> dict[str, Any]:
    return {
        "exportArn": "arn:aws:bcm-data-exports:us-east-1:123456789012:export/cur-1",
        "executionId": execution,
        "columns": [{"name": "line_item_unblended_cost", "type": "double"}],
        "dataFiles": list(data_files),
    }


def chunk(number: int, month: str = "2026-06", run: str = "", prefix: str = "s3://bills/prefix/cur/") -> str:
    return f"{prefix}data/BILLING_PERIOD={month}/{run}cur-{number:05}.csv.gz"


META = "metadata/BILLING_PERIOD=2026-06/cur-Manifest.json"
DATA = "data/BILLING_PERIOD=2026-06/cur-0000"
OVERWRITE: Tree = {META: aws_manifest(chunk(1), chunk(2)), f"{DATA}1.csv.gz": 10, f"{DATA}2.csv.gz": 20}
JUNE = "cur/BILLING_PERIOD=2026-06"


class TestAws:
    @pytest.mark.parametrize("kind", ["focus", "aws_cur2"])
    @pytest.mark.parametrize("root", ["", "cur/", "prefix/cur/", "bills/prefix/cur/", "local copy/cur/"])
    def test_a_manifest_s_files_are_one_delivery_wherever_the_path_begins(self, kind: str, root: str) -> None:
        found = offer({root + name: value for name, value in OVERWRITE.items()}, kind)
        assert read_files(found) == {JUNE: [f"{root}{DATA}1.csv.gz", f"{root}{DATA}2.csv.gz"]}
        assert (found.ignored, found.refused) == ((), ())

    @pytest.mark.parametrize(
        "named",
        [
            chunk(1),
            "prefix/cur/data/BILLING_PERIOD=2026-06/cur-00001.csv.gz",
            "data/BILLING_PERIOD=2026-06/cur-00001.csv.gz",
            {"s3Uri": chunk(1), "size": 10},
            {"s3uri": chunk(1), "size": "10"},
            {"s3Uri": chunk(1)},
            "s3://bills//cur//data/BILLING_PERIOD=2026-06/cur-00001.csv.gz",
        ],
    )
    def test_data_files_are_named_in_several_ways(self, named: object) -> None:
        assert read_files(offer({META: aws_manifest(named), f"{DATA}1.csv.gz": 10})) == {JUNE: [f"{DATA}1.csv.gz"]}

    @pytest.mark.parametrize("meta", ["BILLING_PERIOD", "billing_period"])
    @pytest.mark.parametrize("data", ["BILLING_PERIOD", "billing_period"])
    def test_the_partition_in_either_case(self, meta: str, data: str) -> None:
        found = offer({f"metadata/{meta}=2026-06/cur-Manifest.json": aws_manifest(chunk(1)), f"data/{data}=2026-06/cur-00001.csv.gz": 10})
        assert read_files(found) == {JUNE: [f"data/{data}=2026-06/cur-00001.csv.gz"]}

    def test_a_stale_chunk_is_never_read(self) -> None:
        found = offer(OVERWRITE | {f"{DATA}3.csv.gz": 30})
        assert read_files(found)[JUNE] == [f"{DATA}1.csv.gz", f"{DATA}2.csv.gz"]
        assert "no manifest of its export names it" in reasons(found)[f"{DATA}3.csv.gz"]

    def test_a_month_without_its_manifest_is_not_delivered_yet(self) -> None:
        found = offer(OVERWRITE | {"data/BILLING_PERIOD=2026-07/cur-00001.csv.gz": 5})
        assert list(read_files(found)) == [JUNE]
        assert list(reasons(found)) == ["data/BILLING_PERIOD=2026-07/cur-00001.csv.gz"]

    def test_months_are_deliveries_of_their_own(self) -> None:
        july = {
            "metadata/BILLING_PERIOD=2026-07/cur-Manifest.json": aws_manifest(chunk(1, "2026-07")),
            "data/BILLING_PERIOD=2026-07/cur-00001.csv.gz": 5,
        }
        assert list(read_files(offer(OVERWRITE | july))) == [JUNE, "cur/BILLING_PERIOD=2026-07"]

    def test_a_restated_month_is_another_version(self) -> None:
        """Overwrite mode: the same names, another run. The files' own fingerprints may be what they were."""
        (before,) = offer(OVERWRITE).deliveries
        (again,) = offer(OVERWRITE).deliveries
        (after,) = offer(OVERWRITE | {META: aws_manifest(chunk(1), chunk(2), execution="another")}).deliveries
        assert before == again
        assert before.fingerprint != after.fingerprint

    def test_create_new_reads_the_latest_run_only(self) -> None:
        runs = [f"20260610T0300{n}Z-{EXEC[:-1]}{n}/" for n in (1, 2, 3)]
        tree: dict[str, Any] = {META: aws_manifest(chunk(1, run=runs[1]))}
        for run in runs[:2]:
            tree[f"metadata/BILLING_PERIOD=2026-06/{run}cur-Manifest.json"] = aws_manifest(chunk(1, run=run))
        for run in runs:
            tree[f"data/BILLING_PERIOD=2026-06/{run}cur-00001.csv.gz"] = 10
        found = offer(tree)
        assert read_files(found) == {JUNE: [f"data/BILLING_PERIOD=2026-06/{runs[1]}cur-00001.csv.gz"]}
        assert list(reasons(found)) == [f"data/BILLING_PERIOD=2026-06/{runs[2]}cur-00001.csv.gz"], (
            "of a run that is on its way; earlier ones are known"
        )

    def test_several_exports_below_one_prefix(self) -> None:
        tree = {f"{export}/{name}".replace("cur-", f"{export}-"): value for export in ("cur", "focus") for name, value in OVERWRITE.items()}
        tree["focus/metadata/BILLING_PERIOD=2026-06/focus-Manifest.json"] = aws_manifest(
            *(f"s3://bills/focus/data/BILLING_PERIOD=2026-06/focus-0000{n}.csv.gz" for n in (1, 2))
        )
        found = offer(tree)
        assert list(read_files(found)) == [JUNE, "focus/BILLING_PERIOD=2026-06"]
        assert not found.refused

    def test_exports_of_one_name_in_two_folders_are_told_apart(self) -> None:
        tree = {f"{account}/cur/{name}": value for account in ("a", "b") for name, value in OVERWRITE.items()}
        assert list(read_files(offer(tree))) == [f"a/cur/{JUNE}", f"b/cur/{JUNE}"]

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({META: aws_manifest(chunk(1), chunk(2), chunk(3))}, "names 1 file that is not there"),
            ({META: aws_manifest({"s3Uri": chunk(1), "size": 11}, chunk(2))}, "another size"),
            ({META: aws_manifest({"s3Uri": chunk(1), "size": "many"})}, "no whole number"),
            ({META: aws_manifest()}, "names no data file"),
            ({META: aws_manifest({"size": 10})}, "without an address"),
            ({META: '{"dataFiles": ['}, "not valid JSON"),
            ({META: "\xff"}, "not valid JSON"),
            ({META: aws_manifest(chunk(1, "2026-05"))}, "outside its own export and period"),
            ({META: aws_manifest("s3://bills/prefix/cur/data/BILLING_PERIOD=2026-06/../../../secret.csv.gz")}, "outside its own export"),
            ({META: aws_manifest("/data/BILLING_PERIOD=2026-06/cur-00001.csv.gz")}, "outside its own export"),
            ({META: aws_manifest("data\\BILLING_PERIOD=2026-06\\cur-00001.csv.gz")}, "outside its own export"),
            ({META: aws_manifest("s3://bills/prefix/cur/metadata/BILLING_PERIOD=2026-06/cur-Manifest.json")}, "outside its own export"),
            ({META: aws_manifest(chunk(1), chunk(2, prefix="s3://elsewhere/prefix/cur/"))}, "outside its own export"),
            ({META: aws_manifest("https://bills.s3.amazonaws.com/x.csv.gz")}, "outside its own export"),
        ],
    )
    def test_what_is_not_whole_is_refused_under_its_own_name(self, change: Tree, what: str) -> None:
        found = offer(OVERWRITE | change)
        (error,) = refusals(found).values()
        assert list(refusals(found)) == [JUNE]
        assert isinstance(error, BrokenFile)
        assert what in error.what
        assert (found.deliveries, found.ignored) == ((), ()), "its files are not read in another way"

    def test_a_name_said_twice_is_read_once(self) -> None:
        assert read_files(offer({META: aws_manifest(chunk(1), chunk(1)), f"{DATA}1.csv.gz": 10})) == {JUNE: [f"{DATA}1.csv.gz"]}

    def test_two_names_of_one_file_are_refused(self) -> None:
        found = offer({META: aws_manifest(chunk(1), {"s3Uri": chunk(1), "size": 10}), f"{DATA}1.csv.gz": 10})
        assert "twice" in refusals(found)[JUNE].what

    def test_one_broken_month_leaves_the_others(self) -> None:
        july = {"metadata/BILLING_PERIOD=2026-07/cur-Manifest.json": aws_manifest(chunk(9, "2026-07"))}
        found = offer(OVERWRITE | july)
        assert (list(read_files(found)), list(refusals(found))) == ([JUNE], ["cur/BILLING_PERIOD=2026-07"])

    def test_a_manifest_that_can_t_be_read_is_refused(self) -> None:
        def unreachable(file: OfferedFile) -> bytes:
            raise SourceUnreachable("The file can't be read.")

        files = tuple(OfferedFile(name, 1, "x") for name in OVERWRITE)
        assert list(refusals(deliveries("focus", Listing(files, ()), unreachable, "source bill"))) == [JUNE]

    @pytest.mark.parametrize(
        ("contents", "reason"),
        [({"reportKeys": ["a"], "assemblyId": "1"}, "legacy Cost and Usage Report"), ({"name": "web app"}, "no dataFiles"), ([], "no dataFiles")],
    )
    def test_what_is_no_manifest_is_ignored(self, contents: Any, reason: str) -> None:
        assert reason in reasons(offer({META: contents}))[META]


def azure_manifest(folder: str, *blobs: tuple[str, int, int | None], **run: Any) -> dict[str, Any]:
    """A manifest of the improved exports, version 2024-04-01."""
    given = {"submitted": "2026-06-10T06:49:06.5756051Z", "start": "2026-06-01T00:00:00", "end": "2026-06-10T00:00:00Z", "export": "daily", **run}
    return {
        "manifestVersion": "2024-04-01",
        "byteCount": sum(size for _, size, _ in blobs),
        "blobCount": given.get("count", len(blobs)),
        "dataRowCount": given.get("rows", sum(rows or 0 for *_, rows in blobs)),
        "exportConfig": {
            "exportName": given["export"],
            "dataVersion": "1.2-preview",
            "type": given.get("type", "FocusCost"),
            "timeFrame": "MonthToDate",
        },
        "deliveryConfig": {"partitionData": True, "dataOverwriteBehavior": "OverwritePreviousReport", "fileFormat": "Csv", "compressionMode": "gzip"},
        "runInfo": {
            "executionType": "Scheduled",
            "submittedTime": given["submitted"],
            "runId": "1",
            "startDate": given["start"],
            "endDate": given["end"],
        },
        "blobs": [{"blobName": f"{folder}/{name}", "byteCount": size, "dataRowCount": rows} for name, size, rows in blobs],
    }


def azure_run(guid: str, *sizes: int, dates: str = "20260601-20260630", above: str = "costs/daily", time: str = "", **run: Any) -> dict[str, Any]:
    folder = f"{above}/{dates}/{time}{guid}"
    blobs = [(f"part_{n}_0001.csv.gz", size, size * 100) for n, size in enumerate(sizes)]
    return {f"{folder}/manifest.json": azure_manifest(folder, *blobs, **run), **{f"{folder}/{name}": size for name, size, _ in blobs}}


AZURE_JUNE = "daily/2026-06"


def parts(guid: str, count: int, dates: str = "20260601-20260630", above: str = "costs/daily") -> list[str]:
    return [f"{above}/{dates}/{guid}/part_{n}_0001.csv.gz" for n in range(count)]


class TestAzure:
    def test_a_run_is_a_month_with_its_rows(self) -> None:
        found = offer(azure_run(GUID_1, 3, 4))
        (delivery,) = found.deliveries
        assert (delivery.name, [file.name for file in delivery.files], delivery.rows) == (AZURE_JUNE, parts(GUID_1, 2), 700)
        assert (found.ignored, found.refused) == ((), ())

    @pytest.mark.parametrize("cut", [0, 1, 2, 3])
    def test_the_path_may_begin_anywhere(self, cut: int) -> None:
        tree = {"/".join(name.split("/")[cut:]): value for name, value in azure_run(GUID_1, 3).items()}
        assert read_files(offer(tree)) == {AZURE_JUNE: ["/".join(parts(GUID_1, 1)[0].split("/")[cut:])]}

    def test_the_run_s_own_folder_may_be_the_path(self) -> None:
        tree = {name.rsplit("/", 1)[1]: value for name, value in azure_run(GUID_1, 3).items()}
        assert read_files(offer(tree)) == {AZURE_JUNE: ["part_0_0001.csv.gz"]}

    def test_folders_drift_in_case(self) -> None:
        tree = azure_run(GUID_1.upper(), 3)
        tree = {name.replace("costs", "Costs").replace(GUID_1.upper(), GUID_1): value for name, value in tree.items()}
        assert list(read_files(offer(tree))) == [AZURE_JUNE]

    @pytest.mark.parametrize(
        ("earlier", "later"),
        [
            ("2026-06-10T06:49:06.5756051Z", "2026-06-10T06:49:06.5756052Z"),
            ("2026-06-10T06:49:06.5756051", "2026-06-10T06:49:07Z"),
            ("2026-06-10T06:49:06.9", "2026-06-10T06:49:06.95Z"),
            ("2026-06-09T23:59:59.9999999Z", "2026-06-10T00:00:00"),
            ("2026-06-10T06:49Z", "2026-06-10T06:49:00.0000001Z"),
        ],
    )
    @pytest.mark.parametrize("newest_first", [False, True])
    def test_the_newest_run_wins(self, earlier: str, later: str, newest_first: bool) -> None:
        old, new = (GUID_2, GUID_1) if newest_first else (GUID_1, GUID_2)
        found = offer(azure_run(old, 3, submitted=earlier) | azure_run(new, 4, submitted=later))
        assert read_files(found) == {AZURE_JUNE: parts(new, 1)}
        assert found.ignored == (), "an earlier run is known, and no finding"

    def test_a_run_s_time_may_be_a_folder(self) -> None:
        assert list(read_files(offer(azure_run(GUID_1, 3, time="202606100649/")))) == [AZURE_JUNE]

    def test_the_first_days_of_a_month_restate_the_month_before(self) -> None:
        july = azure_run(
            GUID_3, 9, dates="20260701-20260731", start="2026-07-01T00:00:00Z", end="2026-07-02T00:00:00Z", submitted="2026-07-02T06:00:00Z"
        )
        restated = azure_run(GUID_2, 5, submitted="2026-07-02T05:00:00.0000000Z", end="2026-06-30T00:00:00Z")
        found = offer(azure_run(GUID_1, 3) | restated | july)
        assert read_files(found) == {AZURE_JUNE: parts(GUID_2, 1), "daily/2026-07": parts(GUID_3, 1, "20260701-20260731")}

    def test_another_run_is_another_version(self) -> None:
        (before,) = offer(azure_run(GUID_1, 3)).deliveries
        (after,) = offer(azure_run(GUID_1, 3, submitted="2026-06-11T06:00:00Z")).deliveries
        assert before.fingerprint != after.fingerprint

    def test_two_exports_below_one_path_are_refused_as_a_whole(self) -> None:
        other = azure_run(GUID_2, 3, above="costs/hourly", export="hourly")
        with pytest.raises(BrokenFile) as refusal:
            offer(azure_run(GUID_1, 3) | other)
        assert refusal.value.found == "exports daily, hourly"

    def test_an_export_s_name_may_drift_in_case(self) -> None:
        found = offer(azure_run(GUID_1, 3) | azure_run(GUID_2, 3, export="Daily", submitted="2026-06-11T06:00:00Z"))
        assert list(read_files(found)) == ["Daily/2026-06"]

    def test_a_run_without_a_manifest_is_not_committed(self) -> None:
        late = {name: value for name, value in azure_run(GUID_2, 5).items() if not name.endswith(".json")}
        found = offer(azure_run(GUID_1, 3) | late)
        assert read_files(found) == {AZURE_JUNE: parts(GUID_1, 1)}
        assert reasons(found) == {parts(GUID_2, 1)[0]: "its run has no manifest yet, so it may not be whole"}

    def test_a_file_that_the_run_s_manifest_does_not_name_is_ignored(self) -> None:
        stray = f"costs/daily/20260601-20260630/{GUID_1}/part_9_0001.csv.gz"
        assert reasons(offer(azure_run(GUID_1, 3) | {stray: 1})) == {stray: "its run's manifest doesn't name it"}

    @pytest.mark.parametrize(("rows", "expected"), [(None, 700), (0, 0), (650, 650)])
    def test_the_rows_are_the_manifest_s(self, rows: int | None, expected: int) -> None:
        (delivery,) = offer(azure_run(GUID_1, 3, 4, rows=rows)).deliveries
        assert delivery.rows == expected

    def test_rows_may_be_unknown(self) -> None:
        run = azure_run(GUID_1, 3)
        run[f"costs/daily/20260601-20260630/{GUID_1}/manifest.json"] = azure_manifest(
            f"costs/daily/20260601-20260630/{GUID_1}", ("part_0_0001.csv.gz", 3, None), rows=None
        )
        (delivery,) = offer(run).deliveries
        assert delivery.rows is None

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({parts(GUID_1, 1)[0]: 2}, "another size"),
            ({parts(GUID_1, 1)[0]: None}, "names 1 file that is not there"),
            ({"blobCount": 2}, "another number of blobs"),
            ({"runInfo": {"startDate": "2026-06-01"}}, "doesn't say which run"),
            ({"runInfo": {"startDate": "2026-04-01", "endDate": "2026-06-30", "submittedTime": "2026-07-01T00:00:00Z"}}, "more than one month"),
            ({"blobs": [{"blobName": f"costs/daily/20260601-20260630/{GUID_1}/../../x.csv.gz", "byteCount": 3}]}, "outside its own export"),
            ({"blobs": [{"blobName": f"costs/daily/20260601-20260630/{GUID_2}/part_0_0001.csv.gz", "byteCount": 3}]}, "outside its own export"),
            ({"blobs": [{"byteCount": 3}]}, "without a name"),
        ],
    )
    def test_what_is_not_whole_is_refused_and_no_earlier_run_steps_in(self, change: dict[str, Any], what: str) -> None:
        tree = azure_run(GUID_1, 3)
        name = f"costs/daily/20260601-20260630/{GUID_1}/manifest.json"
        for key, value in change.items():
            if value is None:
                del tree[key]
            elif key in tree:
                tree[key] = value
            else:
                tree[name] = tree[name] | {key: value}
        found = offer(tree | azure_run(GUID_2, 3, submitted="2026-06-09T06:00:00Z"))
        assert found.deliveries == ()
        (error,) = refusals(found).values()
        assert what in error.what
        assert list(refusals(found)) == [AZURE_JUNE]

    def test_a_manifest_on_its_way_refuses_its_month(self) -> None:
        tree = azure_run(GUID_1, 3) | azure_run(GUID_2, 5)
        tree[f"costs/daily/20260601-20260630/{GUID_2}/manifest.json"] = '{"blobs": ['
        found = offer(tree)
        assert (found.deliveries, list(refusals(found))) == ((), [AZURE_JUNE])

    @pytest.mark.parametrize("blobs", [[], None])
    def test_an_empty_run_is_nothing_yet(self, blobs: list[object] | None) -> None:
        name = f"costs/daily/20260601-20260630/{GUID_1}/manifest.json"
        empty = azure_run(GUID_1)[name] | {"blobs": blobs, "blobCount": 0 if blobs == [] else None}
        assert reasons(offer({name: empty})) == {name: "its run holds no file"}

    def test_an_empty_run_does_not_replace_a_full_one(self) -> None:
        found = offer(azure_run(GUID_1, 3) | azure_run(GUID_2, submitted="2026-06-11T06:00:00Z"))
        assert (found.deliveries, list(refusals(found))) == ((), [AZURE_JUNE])

    def test_other_datasets_are_no_bill(self) -> None:
        prices = azure_run(GUID_2, 3, above="prices/sheet", export="sheet", type="PriceSheet")
        found = offer(azure_run(GUID_1, 3) | prices)
        assert list(read_files(found)) == [AZURE_JUNE]
        assert reasons(found) == {f"prices/sheet/20260601-20260630/{GUID_2}/manifest.json": "its export is PriceSheet, not FocusCost"}

    @pytest.mark.parametrize("contents", ["no json", {"name": "web app"}, [1]])
    def test_any_other_manifest_json_is_ignored_and_the_files_beside_it_are_read(self, contents: Any) -> None:
        found = offer({"manifest.json": contents, "bill.csv": 1})
        assert read_files(found) == {"bill.csv": ["bill.csv"]}
        assert list(reasons(found)) == ["manifest.json"]


class TestPlain:
    @pytest.mark.parametrize("kind", ["focus", "aws_cur2", "gcp_billing"])
    def test_without_a_manifest_a_file_is_a_delivery(self, kind: str) -> None:
        found = offer({"a.csv": 1, "2026/b.parquet": 2, "c.json": 3}, kind)
        assert read_files(found) == {name: [name] for name in ("2026/b.parquet", "a.csv", "c.json")}
        assert {delivery.fingerprint for delivery in found.deliveries} == {f"etag of {name}" for name in ("2026/b.parquet", "a.csv", "c.json")}

    def test_other_kinds_know_no_manifests(self) -> None:
        assert list(read_files(offer({"x/invoice_month=202606/a.csv": 1, "manifest.json": "{}"}, "request_log"))) == [
            "x/invoice_month=202606/a.csv",
            "manifest.json",
        ]

    @pytest.mark.parametrize(
        ("names", "partitions"),
        [
            (["invoice_month=202606/x-000000000000.json", "invoice_month=202606/x-000000000001.json", "invoice_month=202607/x-000000000000.json"],
             {"invoice_month=202606": 2, "invoice_month=202607": 1}),
            (["BILLING_PERIOD=2026-06/a.csv.gz", "billing_period=2026-06/b.csv.gz"], {"billing_period=2026-06": 2}),
            (["cur/data/BILLING_PERIOD=2026-06/a.csv.gz"], {"cur/data/billing_period=2026-06": 1}),
            (["BillingPeriodStart=2026-06-01/a.parquet"], {"billingperiodstart=2026-06-01": 1}),
            (["year=2026/month=6/a.parquet", "year=2026/month=6/deep/b.parquet", "year=2026/month=7/a.parquet"],
             {"year=2026/month=6": 2, "year=2026/month=7": 1}),
            (["a=b.csv"], {"a=b.csv": 1}),
        ],
    )  # fmt: skip
    def test_a_hive_partition_is_one_delivery(self, names: list[str], partitions: dict[str, int]) -> None:
        found = offer(dict.fromkeys(names, 1), "gcp_billing")
        assert {delivery.name: len(delivery.files) for delivery in found.deliveries} == partitions

    def test_a_partition_changes_with_any_of_its_files(self) -> None:
        one, two = (offer(dict.fromkeys(names, 1), "gcp_billing").deliveries[0].fingerprint for names in (["m=1/a.csv"], ["m=1/a.csv", "m=1/b.csv"]))
        assert one != two

    def test_plain_files_beside_exports_are_deliveries(self) -> None:
        tree = (
            {f"cur/{name}": value for name, value in OVERWRITE.items()} | azure_run(GUID_1, 3) | {"vendor/bill.csv": 1, "readme-manifest.json": "{}"}
        )
        found = offer(tree)
        assert list(read_files(found)) == [JUNE, AZURE_JUNE, "vendor/bill.csv"]
        assert list(reasons(found)) == ["readme-manifest.json"]

    def test_what_the_store_ignored_stays_said(self) -> None:
        assert reasons(offer({"a.csv": 1}, ignored=(IgnoredFile("b.txt", "its ending"),))) == {"b.txt": "its ending"}


NAMES = st.sampled_from([*OVERWRITE, f"{DATA}3.csv.gz", *azure_run(GUID_1, 3), *azure_run(GUID_2, 4), "plain.csv", "m=1/a.csv", "notes.json"])
CONTENTS: dict[str, Any] = {**OVERWRITE, **azure_run(GUID_1, 3), **azure_run(GUID_2, 4)}


@given(st.lists(NAMES, unique=True), st.randoms())
def test_no_file_is_read_twice_and_order_says_nothing(names: list[str], random: Any) -> None:
    tree = {name: CONTENTS.get(name, 1) for name in names}
    found = offer(tree)
    read = [file.name for delivery in found.deliveries for file in delivery.files]
    assert len(read) == len(set(read))
    assert set(read).isdisjoint(reasons(found))
    random.shuffle(names)
    shuffled = offer({name: tree[name] for name in names})
    assert (shuffled.deliveries, shuffled.ignored) == (found.deliveries, found.ignored)
    assert [(name, error.one_line) for name, error in shuffled.refused] == [(name, error.one_line) for name, error in found.refused]


@given(st.text(max_size=60))
def test_no_name_in_a_manifest_picks_a_file_outside_its_partition(name: str) -> None:
    tree: dict[str, Any] = {META: aws_manifest(name), f"{DATA}1.csv.gz": 10, "secret.csv": 1}
    assert all(file.name == f"{DATA}1.csv.gz" for d in offer(tree).deliveries if d.name == JUNE for file in d.files)
