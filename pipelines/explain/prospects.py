"""What a change would be worth, in plain sentences: alone, beside all others, and what else speaks for or against it.

Not here: what is recommended, where it stands today and why (sentences), words for single values (words).
"""

from __future__ import annotations

from decimal import Decimal

from models.economics.demand import COMPLETE_MONTHS
from pipelines.explain.evidence import Evidence
from pipelines.explain.sentences import why_no_alternative
from pipelines.explain.words import ALTERNATIVES, INDICATORS, listed, odds_text, reason_text, share_text, word


def worth(found: Evidence) -> list[str]:
    """Saving, odds, range, one-off cost, payback and present value of the best alternative."""
    row = found.decision
    if row["alternative"] is None:
        return [f"What a change would be worth is unknown, because {why_no_alternative(found)}."]
    is_recommended = row["recommendation"] in ("move_to_api", "move_to_self_host", "split", "switch_api_model")
    alternative, saving = ALTERNATIVES[row["alternative"]], row["saving_monthly"]
    told = f"{alternative[0].upper()}{alternative[1:]}" if is_recommended else f"The best alternative, {alternative},"
    effect = f"would save {found.amount(saving)} a month" if saving > 0 else f"would cost {found.amount(-saving)} a month more"
    lines = [f"{told} {effect}: it comes to {found.amount(row['alternative_cost_monthly'])} a month.", *_compared_with(found)]
    p5, p50, p95 = (found.amount(row[f"saving_monthly_{each}"]) for each in ("p5", "p50", "p95"))
    minus = "; below zero it costs more" if row["saving_monthly_p5"] < 0 else ""
    lines.append(
        f"The odds that it saves anything are {odds_text(row['probability'])}. The saving a month: {p50} in the middle (p50), "
        f"nine times in ten between {p5} (p5) and {p95} (p95){minus}."
    )
    lines.append(_paid_back(found))
    if row["npv"] is not None:
        horizon = found.assumptions.get("horizon_months")
        over = f"{float(horizon):g} months, or its planned life if that is shorter" if horizon else "its planned life"
        lines.append(f"Net present value over {over}: {found.amount(row['npv'])}{_with_assumptions(found)}.")
    if row["alternative"] == "switch_api_model" and not is_recommended:
        lines.append(_switch_margin(found))
    if row["recommendation"].startswith("stay"):
        lines.append("Nothing is to move, so there is no date.")
    return lines


def _compared_with(found: Evidence) -> list[str]:
    """Where the tested saving is not by how much today's bill falls: what it is then."""
    row = found.decision
    current, other, saving = row["current_cost_monthly"], row["alternative_cost_monthly"], row["saving_monthly"]
    alone = row["saving_alone_monthly"]
    lines = []
    if row["alternative"] == "self_host" and row["saving_basis"] == "in_portfolio":
        by_itself = "" if alone is None else f" With a fleet of its own {_effect(found, alone)}."
        lines.append(f"That is what a fleet that others share costs more with it: its people and overheads are there already.{by_itself}")
    if current is None or other is None or abs(current - other - saving) < 1:
        return lines
    avoided = f"Leaving avoids only {found.amount(saving + other)} of today's {found.amount(current)} a month"
    if row["saving_basis"] == "in_portfolio" and row["alternative"] in ("api", "split") and saving + other < current:
        stays = ["what others on its pools need", "what commitments still hold", *(["its people"] if row["alternative"] == "split" else [])]
        return [*lines, f"{avoided}: {listed(stays)} goes on being paid."]
    falls = "falls" if current > other else "rises"
    if row["alternative"] in ("self_host", "split", "api"):
        against = "the cheapest API that is good enough" if row["alternative"] != "api" else "what a decision counts of today's hardware"
        return [*lines, f"That is against {against}; today's bill {falls} by {found.amount(abs(current - other))}."]
    return [*lines, "That is what its tokens would cost less; people stay the same."]


def _effect(found: Evidence, saving: Decimal) -> str:
    return f"it would save {found.amount(saving)} a month" if saving > 0 else f"it would cost {found.amount(-saving)} a month more"


def _switch_margin(found: Evidence) -> str:
    """Why a cheaper API model is not recommended, though it is the best alternative."""
    margin = share_text(float(found.assumptions.get("decision.switch_margin", 0)))
    frontier = " and is marked as a frontier model" if found.decision["binding_gate"] == "frontier" else ""
    return f"It is recommended only where it saves more than {margin} of the tokens' cost in each of {COMPLETE_MONTHS} months{frontier}."


def _paid_back(found: Evidence) -> str:
    row = found.decision
    once, simple, discounted = row["migration_cost"], row["payback_months"], row["payback_months_discounted"]
    if not once:
        return "Nothing is to be paid once."
    if simple is None:
        return f"It costs {found.amount(once)} once, which is never paid back, because nothing is saved."
    interest = "never, once interest is counted" if discounted is None else f"{discounted:.1f} with interest"
    return f"It costs {found.amount(once)} once, paid back after {simple:.1f} months ({interest})."


def _with_assumptions(found: Evidence) -> str:
    rate, apis, gpus = (float(found.assumptions.get(name, 0)) for name in ("discount_rate", "api_price_erosion", "gpu_price_erosion"))
    falls = [f"{what} by {share_text(erosion)} a year" for what, erosion in (("those of APIs", apis), ("those of rented GPUs", gpus)) if erosion]
    falling = f"; prices fall over time: {' and '.join(falls)}" if falls else ""
    return f", discounted at {share_text(rate)} a year{falling}"


def portfolio(found: Evidence) -> list[str]:
    """Where it would be if all workloads were placed together as cheaply as possible."""
    row, cost = found.portfolio, found.portfolio_costs
    if row is None:
        return []
    if row["left_out"] is not None:
        return [f"It is left out of the portfolio's optimum, because {reason_text(row['left_out'])}."]
    share = f" with {share_text(row['self_host_share'])} of its work on GPUs of one's own" if row["placement"] == "split" else ""
    where = {"api": "on an API", "self_host": "self-hosted", "split": f"split{share}"}[row["placement"]]
    lines = [f"If all workloads were placed anew, together and as cheaply as their gates allow, it would be {where}."]
    savings = [row["saving_in_portfolio_monthly"], row["saving_alone_monthly"]]
    if None not in savings:
        beside, alone = (_effect(found, saving) for saving in savings)
        lines.append(f"Self-hosted beside the others there {beside} against its API, with a fleet of its own {alone}.")
    if cost.get("today") is not None and cost.get("optimum") is not None:
        gap = _gap_text(found.portfolio_gap)
        lines.append(f"All workloads together cost {found.amount(cost['today'])} a month today and {found.amount(cost['optimum'])} placed so{gap}.")
        lines.append("That leaves out what moving costs once and what is committed, and assumes a platform team: the recommendation goes before it.")
    return lines


def _gap_text(gap: float | None) -> str:
    if gap is None:
        return ""
    return " (no other placement is cheaper)" if gap < 1e-6 else f" (proven to be within {share_text(gap)} of the cheapest)"


def indicators(found: Evidence) -> list[str]:
    """What speaks for and against self-hosting beside the rules, and what nobody has said."""
    lines = []
    for direction in ("for", "against"):
        said = [word(INDICATORS, row["indicator"]) for row in found.indicators if row["direction"] == direction and row["holds"]]
        if said:
            lines.append(f"{direction.capitalize()} self-hosting: {listed(said)}.")
    unknown = [word(INDICATORS, row["indicator"]) for row in found.indicators if row["holds"] is None]
    if unknown:
        lines.append(f"Nobody knows or has said: {listed(unknown)}.")
    return lines
