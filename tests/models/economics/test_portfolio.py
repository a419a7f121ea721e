"""Formulas 2.12 and 2.13 on portfolios small enough to check by hand, and 2.6's worked example on a shared pool."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.portfolio import SEED, organisation
from models.economics.portfolio.inputs import Gate, Platform, Pool, Portfolio, PortfolioWorkload
from models.economics.portfolio.optimum import FleetAtOptimum, PortfolioResult, Scenario, WorkloadInPortfolio, optimise

UNITS = Pool("llama", gpus_per_replica=1, gpus_per_instance=1, gpu_cost_monthly=2000, usable_seconds_per_hour=1000, spare_replicas=1)
NOBODY = Platform(0, 0, 0)


def workload(
    name: str, work: list[float], api: float | None, gate: Gate = "free", pool: str | None = "llama", may_split: bool = False
) -> PortfolioWorkload:
    return PortfolioWorkload(name, pool, np.array(work, dtype=float), api, gate=gate, may_split=may_split, api_model="openai/gpt-4o")


def solved(*workloads: PortfolioWorkload, pools: tuple[Pool, ...] = (UNITS,), platform: Platform = NOBODY, quantile: float = 1.0) -> PortfolioResult:
    return optimise(Portfolio(workloads, pools, platform, quantile), gap=0.0)


def scenario(result: PortfolioResult, name: str) -> Scenario:
    return next(each for each in result.scenarios if each.name == name)


def placed(result: PortfolioResult, name: str) -> WorkloadInPortfolio:
    return next(each for each in result.workloads if each.workload_id == name)


@pytest.mark.parametrize(
    ("added", "marginal", "average", "leaving_costs_others"),
    [(150, 0, 461.54, 461.54), (300, 2000, 1142.86, -857.14)],
)
def test_average_and_marginal_on_a_shared_pool(added: float, marginal: float, average: float, leaving_costs_others: float) -> None:
    # economics 2.6: replicas of 1,000 usable units at $2,000, N+1, fleet peak 1,800 (3 replicas, $6,000)
    result = solved(workload("fleet", [1800], 50_000), workload("one-more", [added], 5000))
    found = placed(result, "one-more")
    assert found.placement == "self_host"
    assert found.marginal_cost == pytest.approx(marginal)
    assert found.average_cost == pytest.approx(average, abs=0.005)
    assert found.leaving_costs_others == pytest.approx(leaving_costs_others, abs=0.005)
    assert found.saving_in_portfolio == pytest.approx(5000 - marginal)
    assert found.saving_alone == pytest.approx(5000 - 4000)  # 2 replicas of its own, the spare included


def test_pooling_pays_where_nobody_does_alone() -> None:
    # alone each takes 2 replicas and the team: 5,000 against 3,000 of API; together 3 replicas and one team: 7,000 against 9,000
    three = [workload(name, [600], 3000) for name in "abc"]
    result = solved(*three, platform=Platform(1000, 500, 0))
    costs = {each.name: (each.cost_monthly, each.self_hosted_workloads, each.gpus) for each in result.scenarios[1:]}
    assert costs == {"all_api": (9000, 0, 0), "all_self_hosted": (7000, 3, 3), "each_best": (9000, 0, 0), "optimum": (7000, 3, 3)}
    assert (result.status, result.gap) == ("optimal", pytest.approx(0, abs=1e-6))
    assert [each.saving_alone for each in result.workloads] == [-2000] * 3
    assert [each.saving_in_portfolio for each in result.workloads] == [3000] * 3  # the other two need 3 replicas just as well
    assert result.all_api_models == (("a", "openai/gpt-4o"), ("b", "openai/gpt-4o"), ("c", "openai/gpt-4o"))


def test_peaks_at_different_hours_share_replicas() -> None:
    result = solved(workload("day", [900, 0], 9000), workload("night", [0, 900], 9000))
    assert scenario(result, "optimum") == Scenario("optimum", 4000, 2, 2)
    assert scenario(result, "each_best") == Scenario("each_best", 8000, 2, 4)


def test_one_platform_team_and_one_set_of_overheads() -> None:
    pools = (UNITS, replace(UNITS, id="mistral"))
    both = (workload("a", [500], 50_000), workload("b", [500], 50_000, pool="mistral"))
    result = solved(*both, pools=pools, platform=Platform(1000, 300, 70))
    assert scenario(result, "optimum").cost_monthly == pytest.approx(2 * 4000 + 1000 + 300 + 70)


def test_people_who_look_after_apis_are_there_once_and_as_long_as_there_is_an_api() -> None:
    # two at 4,500 and 500 of API: the first for 4,000 of GPUs. Both on the same GPUs leave no API, and nobody to look after one
    both = [replace(workload("a", [400], 4500), api_operations_share_monthly=500.0), workload("b", [400], 500)]
    lone = replace(both[1], pool_id=None)
    once = Platform(0, 0, 0, api_operations_monthly=600)
    assert [each.placement for each in solved(*both, platform=once).workloads] == ["self_host", "self_host"]
    assert scenario(solved(*both, platform=once), "optimum").cost_monthly == 4000
    assert solved(*both, platform=once).lower_bound_monthly == pytest.approx(4000)
    assert scenario(solved(*both, platform=once), "all_api").cost_monthly == 4500 + 500 + 600
    result = solved(both[0], lone, platform=once)
    assert scenario(result, "optimum").cost_monthly == 4000 + 500 + 600
    assert placed(result, "a").saving_in_portfolio == 500  # the people stay with b
    assert placed(result, "a").saving_alone == 1000  # its part of them goes
    assert scenario(result, "each_best").cost_monthly == 4000 + 500 + 600


def test_gpus_come_in_whole_instances() -> None:
    pool = Pool("llama", gpus_per_replica=2, gpus_per_instance=8, gpu_cost_monthly=100, usable_seconds_per_hour=1000, spare_replicas=1)
    assert scenario(solved(workload("a", [2500], 50_000), pools=(pool,)), "optimum") == Scenario("optimum", 800, 1, 8)  # 4 replicas
    assert scenario(solved(workload("a", [3500], 50_000), pools=(pool,)), "optimum") == Scenario("optimum", 1600, 1, 16)  # 5 replicas


def test_the_quantile_of_a_workloads_own_hours_is_provisioned() -> None:
    hours = [100.0] * 99 + [5000.0, 5000.0]  # 101 hours: the 99th percentile is the second highest
    assert scenario(solved(workload("a", hours, 50_000), quantile=0.99), "optimum").gpus == 6
    hours = [100.0] * 100 + [5000.0]
    assert scenario(solved(workload("a", hours, 50_000), quantile=0.99), "optimum").gpus == 2
    assert scenario(solved(workload("a", hours, 50_000), quantile=1.0), "optimum").gpus == 6


def test_rare_bursts_of_several_do_not_add_up_to_a_frequent_one() -> None:
    # each by itself has one hour in 101 above its 400 units, which 2.1 does not provision; 3 x 400 need 2 replicas and the spare
    def bursting(name: str, hour: int) -> PortfolioWorkload:
        work = [400.0] * 101
        work[hour] = 5000.0
        return workload(name, work, 50_000)

    three = [bursting(name, hour) for name, hour in (("a", 3), ("b", 50), ("c", 51))]
    assert scenario(solved(*three, quantile=0.99), "optimum").gpus == 3
    assert scenario(solved(*three, quantile=1.0), "optimum").gpus == 7  # in the hour of any of the bursts 5,000 + 2 x 400


def test_a_base_load_with_the_rest_on_an_api() -> None:
    # 4 hours at 1,000 units and one at 5,000: 9,000 of API. One replica does 5,000 of 9,000 units; the 4,000 beyond cost 4,000.
    # 2.12: k = 0: 9,000; k = 1: 2,000 + 4,000; k = 2: 4,000 + 3,000; all of it takes 6 replicas: 12,000.
    result = solved(workload("a", [1000] * 4 + [5000], 9000, may_split=True))
    found = placed(result, "a")
    assert scenario(result, "optimum") == Scenario("optimum", pytest.approx(6000), 1, 1)
    assert (found.placement, found.self_host_share) == ("split", pytest.approx(5 / 9))
    # of 5 hours x 3,600 s of one replica 5,000 s are served
    assert result.fleets == (FleetAtOptimum("llama", 0, 1, 0, 1, 1, 2000, pytest.approx(5000 / 18_000)),)
    assert found.saving_in_portfolio == pytest.approx(3000)
    assert found.marginal_cost == found.average_cost == pytest.approx(2000)  # the replica; its own overflow is an API's bill
    assert scenario(solved(workload("a", [1000] * 4 + [5000], 9000)), "optimum").cost_monthly == 9000


def test_replicas_that_do_not_divide_an_instance_are_tried_one_by_one() -> None:
    # 3 GPUs a replica, 8 an instance: 8, 8, 16, 16, 16, 24 GPUs at 100 for 1 to 6 replicas; 4 hours at 3,000 and one at 6,000 units, 1.00 each
    pool = Pool("llama", gpus_per_replica=3, gpus_per_instance=8, gpu_cost_monthly=100, usable_seconds_per_hour=1000, spare_replicas=0)
    result = solved(workload("a", [3000] * 4 + [6000], 18_000, may_split=True, gate="free"), pools=(pool,))
    # as a whole: 6 replicas, 24 GPUs, 2,400. Split: 5 replicas, 16 GPUs for 1,600 and 1,000 units over, 2,600; 2 leave 8,000 over
    assert scenario(result, "optimum") == Scenario("optimum", pytest.approx(2400), 1, 24)
    steep = solved(workload("a", [3000] * 4 + [6000], 9000, may_split=True), pools=(pool,))
    assert scenario(steep, "optimum").cost_monthly == pytest.approx(1600 + 500)
    assert steep.fleets[0].base_load_replicas == 5


def test_the_gap_that_is_asked_for_is_proven_at_size() -> None:
    for splits in (False, True):
        assert optimise(organisation(60, SEED, splits, 0.99)).status == "optimal"


def test_an_optimum_is_never_dearer_than_all_on_apis() -> None:
    # alone, b would be rather on GPUs than pay its part of API people; beside c, who must be on an API, these stay anyway
    once = Platform(0, 0, 0, api_operations_monthly=2500)
    a = workload("a", [1000], None, gate="must_self_host")
    b = replace(workload("b", [1900], 3900), api_operations_share_monthly=2500.0)
    c = workload("c", [1], 1e5, gate="must_api")
    result = optimise(Portfolio((a, b, c), (UNITS,), once))
    assert scenario(result, "optimum").cost_monthly == scenario(result, "all_api").cost_monthly == 2 * 2000 + 3900 + 1e5 + 2500


def test_bursts_within_the_hour_are_provisioned_for_but_not_by_a_base_load() -> None:
    pool = replace(UNITS, burst_factor=1.5)
    assert scenario(solved(workload("a", [1000], 50_000), pools=(pool,)), "optimum").gpus == 3  # ceil(1.5) and the spare
    assert scenario(solved(workload("a", [1000], 50_000, may_split=True), pools=(pool,)), "optimum").gpus == 1


def test_the_cheapest_api_takes_what_is_beyond() -> None:
    work = [1000] * 4 + [2500]  # together 2,000 x 4 and 5,000
    result = solved(workload("dear", work, 65_000, may_split=True), workload("cheap", work, 6500, may_split=True))
    # units cost 10 and 1 on APIs: 3 replicas leave 2,000 units of the cheap one; a 4th costs 2,000 and saves 1,000, without the 3rd 500 dear
    # units go too
    assert scenario(result, "optimum").cost_monthly == pytest.approx(3 * 2000 + 2000)
    assert placed(result, "dear").self_host_share == pytest.approx(1)
    assert placed(result, "cheap").self_host_share == pytest.approx(1 - 2000 / 6500)


def test_gates_bind_whatever_it_costs() -> None:
    result = solved(workload("stays", [100], 1, gate="must_self_host"), workload("frontier", [100], 1e6, gate="must_api"))
    assert [each.placement for each in result.workloads] == ["api", "self_host"]
    assert scenario(result, "all_api") == Scenario("all_api", 1_004_000, 1, 2)
    for name in ("all_self_hosted", "optimum"):
        assert scenario(result, name) == Scenario(name, 1_004_000, 1, 2)
    assert placed(result, "stays").saving_in_portfolio is None


def test_who_can_be_nowhere_is_named() -> None:
    impossible = (workload("stays", [1], 5, gate="must_self_host", pool=None), workload("frontier", [1], None, gate="must_api"))
    result = solved(workload("fine", [1], 5), *impossible)
    assert result.status == "infeasible"
    assert result.conflicts == (("frontier", "no_price"), ("stays", "no_candidate"))
    assert (result.gap, result.workloads) == (None, ())
    assert all(each.cost_monthly is None for each in result.scenarios)


def test_without_a_price_it_is_self_hosted() -> None:
    result = solved(workload("a", [100], None))
    assert scenario(result, "optimum") == Scenario("optimum", 4000, 1, 2)
    assert result.all_api_models == ()


def test_today_is_told_where_it_is_known() -> None:
    known = replace(workload("a", [100], 10), today_cost_monthly=70, today_self_hosted=True, today_gpus=2)
    assert scenario(solved(known), "today") == Scenario("today", 70, 1, 2)
    assert scenario(solved(known, workload("b", [100], 10)), "today") == Scenario("today", None, None, None)


def test_no_workloads_cost_nothing() -> None:
    result = solved()
    assert (scenario(result, "optimum"), result.status) == (Scenario("optimum", 0, 0, 0), "optimal")


@pytest.mark.parametrize("amount", [math.nan, math.inf, -1.0])
def test_amounts_that_make_no_sense_are_refused(amount: float) -> None:
    with pytest.raises(ValueError, match="workload a"):
        Portfolio((workload("a", [100], amount),), (UNITS,), NOBODY)
    with pytest.raises(ValueError, match="workload a"):
        Portfolio((workload("a", [amount], 1),), (UNITS,), NOBODY)
    with pytest.raises(ValueError, match="pool llama"):
        Portfolio((), (replace(UNITS, gpu_cost_monthly=amount),), NOBODY)


def test_windows_and_names_must_agree() -> None:
    with pytest.raises(ValueError, match="one window"):
        Portfolio((workload("a", [1], 1), workload("b", [1, 2], 1)), (UNITS,), NOBODY)
    with pytest.raises(ValueError, match=r"once each.*'a'"):
        Portfolio((workload("a", [1], 1), workload("a", [1], 1)), (UNITS,), NOBODY)
    with pytest.raises(ValueError, match="found pool mistral"):
        Portfolio((workload("a", [1], 1, pool="mistral"),), (UNITS,), NOBODY)
