"""What the evidence means, in plain sentences: one function a section.

What is not known is said with its reason. Not here: what a change would be worth (prospects), tables (page), words for single values (words).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from models.economics.demand import COMPLETE_MONTHS
from models.economics.periods import month_end
from models.reference import cost_categories
from pipelines.explain.evidence import Evidence, Row, is_zero
from pipelines.explain.words import (
    DECIDED,
    FLAGS,
    NEVER_PAID_BACK,
    PLACES,
    PRICES,
    QUESTIONS,
    RECOMMENDATIONS,
    count_text,
    day_text,
    label_text,
    listed,
    quantity_text,
    reason_text,
    share_text,
    span_text,
    word,
)
from pipelines.report import money


def recommended(found: Evidence) -> list[str]:
    """What should happen, why, and which rule decided."""
    decision = found.decision
    what, reason, gate = decision["recommendation"], decision["reason"], decision["binding_gate"]
    place = PLACES[decision["placement"]]
    said = {
        "insufficient_data": f"There is no recommendation for {found.name} yet. It runs {place}.",
        "escalate": f"Where {found.name} belongs is for people to decide. Today it runs {place}.",
        "switch_api_model": f"{found.name} runs {place} and should stay there, but on another model.",
    }.get(what)
    if said is None:
        moves = what.startswith("move") or what == "split"
        said = f"{found.name} runs {place} and should {word(RECOMMENDATIONS, what) if moves else 'stay there'}."
    if what == "switch_api_model" and gate != "frontier" and found.newest and found.newest["best_api_model"]:
        said = said.removesuffix(".") + f": {best_api_text(found.newest)} is the cheapest that is good enough."
    lines = [said, f"Why: {_why(found, what, reason)}."]
    if what.startswith(("move", "switch", "split")):
        lines.append(_bottom_line(found))
    position = next((row["position"] for row in found.rules if row["outcome"] == "decides"), None)
    decided = f"Decided by rule {position} of {len(found.rules)}, {gate}" if position else f"Decided by the rule {gate}"
    would = decision["would_have_been"]
    if gate == "cost":
        lines.append(f"{decided}: no rule before it had anything to say.")
    elif would is None:
        lines.append(f"{decided}. What cost alone would say is unknown, because {why_no_alternative(found)}.")
    elif would == what:
        lines.append(f"{decided}. Cost alone would say the same.")
    else:
        lines.append(f"{decided}; cost never overrides it. Cost alone would say: {word(RECOMMENDATIONS, would)}.")
    if decision["state"] == "provisional":
        lines.append("The quarter is not over: this is provisional and can still change with the data.")
    lines += [_boards_word(row) for row in found.board]
    if found.is_configuration_changed:
        lines.append("The configuration has changed since this was computed: `crossover run` computes it anew.")
    return lines


def _boards_word(row: Row) -> str:
    """What was decided on a recommendation, by whom and why."""
    note = f": {row['note']}" if row["note"] else ""
    said = f'On {row["quarter"]}\'s "{word(RECOMMENDATIONS, row["recommendation"])}" the board said: {DECIDED[row["decision"]]}'
    return f"{said} by {row['decided_by']} on {day_text(row['decided_at'])}{note}."


def _bottom_line(found: Evidence) -> str:
    """What a change that is recommended means in money and time, in one sentence."""
    row = found.decision
    saving, once, payback = row["saving_monthly"], row["migration_cost"], row["payback_months"]
    if saving is None:
        return f"What it saves is unknown, because {why_no_alternative(found)}."
    effect = f"saves {found.amount(saving)} a month" if saving > 0 else f"costs {found.amount(-saving)} a month more"
    outlay = f", for {found.amount(once)} once" + (f" (paid back after {payback:.1f} months)" if payback is not None else "") if once else ""
    day = f", and can be in force on {day_text(row['effective_date'])}" if row["effective_date"] else ""
    return f"It {effect}{outlay}{day}."


def _why(found: Evidence, what: str, reason: str) -> str:
    """The reason as a clause, with the threshold that it speaks of."""
    tests = found.assumptions

    def limit(name: str) -> str:
        value = tests.get(f"decision.{name}")
        return "the limit" if value is None else f"{float(value):g}"

    if what == "switch_api_model":
        other = "the other side does not pay" if reason == "cost" else f"it stays on an API, because {_why(found, 'stay_on_api', reason)}"
        return f"{other}, but another API model that is good enough costs less by more than the margin asked for"
    if reason == "cost":
        if what.startswith("move") or what == "split":
            return "the other side is cheaper, and the saving passes every test (size, persistence, odds, payback, net present value, capacity)"
        return "the other side would cost more"
    said = reason_text(reason)
    against = [f"{word(QUESTIONS, row['question'])} {row['answer']}" for row in found.questions if row["outcome"] == "binds"]
    return {
        "conflict": f"{said} ({'; '.join(against)})" if against else said,
        "days": f"{said}: a decision asks for {limit('min_days')} days and {COMPLETE_MONTHS} complete months of usage",
        "payback": f"{said}: with interest more than {limit('max_payback_months')} months",
        "probability": f"{said}: less than {float(tests.get('decision.min_probability', 0)):.0%}",
        "persistence": f"{said}: {limit('persistence_months')} complete months are asked for",
        "quality": f"{said}: {limit('min_quality')} is asked for, where 1 is today's model",
    }.get(reason, said)


def why_no_alternative(found: Evidence) -> str:
    """Why nobody knows what the other side would cost."""
    said = next((row["reason"] for row in found.rules if row["rule"] == "cost" and row["recommendation"] == "insufficient_data"), None)
    return found.why_unknown(found.newest) if said is None or found.newest is None else reason_text(said)


def today(found: Evidence) -> list[str]:
    """Where it runs and what that costs."""
    current = found.decision["current_cost_monthly"]
    newest = found.newest
    if newest is None:
        return [f"What it costs a month is unknown for this decision, because {found.why_unknown(None)}."]
    lines = []
    if not found.is_complete:
        lines.append(f"It has no complete month of use yet: the figures below are those of {found.span}.")
    elif current is None:
        lines.append(f"What it costs a month is unknown, because {found.why_unknown(newest)}.")
    else:
        lines.append(f"It costs {found.amount(current)} a month, people included ({found.span}).")
    tokens = sum(row["tokens"] for row in found.models)
    used = [
        f"{' '.join(filter(None, (row['provider'], row['model']))) or 'an unnamed model'} ({share_text(row['tokens'] / tokens)} of the tokens)"
        for row in found.models
        if row["side"] == "api" and tokens
    ]
    if used:
        more = f" and {len(used) - 3} more" if len(used) > 3 else ""
        lines.append(f"On the API it used {', '.join(used[:3]) + more if more else listed(used)}.")
    if "self_host" in found.sides_paid:
        pools = f"{'pools' if len(found.pools) > 1 else 'pool'} {listed(found.pools)}" if found.pools else "GPUs without a pool"
        shared = f", shared with {listed(found.neighbours)}" if found.neighbours else ", which nobody else uses"
        if newest["placement"] == "self_host" and newest["replicas"] is not None:
            busy = f" Of that capacity {share_text(newest['token_utilisation'])} does work." if newest["token_utilisation"] is not None else ""
            lines.append(f"It runs on {pools}: {fleet_text(newest)}{shared}.{busy}")
        else:
            lines.append(f"It runs on {pools}{shared}.")
    people = _people_sum(found, found.sides_paid)
    if people is not None and newest["people_basis"] == "allocated":
        lines.append(f"Of it {found.amount(people)} are people, as the people data allocates them to it or to what it runs on.")
    elif people is not None:
        assumed = f"{found.amount(people)} {found.per}" if people else "none"
        lines.append(f"The people data allocates nobody to running it, so these people are an assumption: {assumed}.")
    return lines


def _people_sum(found: Evidence, sides: Iterable[str]) -> Decimal | None:
    category = {"api": "api_operations", "self_host": "engineering_operations"}
    known = [row[side] for side in sides for row in found.costs if row["cost_category"] == category[side] and row[side] is not None]
    return sum(known, Decimal(0)) if known else None


def other(found: Evidence) -> list[str]:
    """What it would cost on the side on which it does not run, or on either side alone."""
    newest = found.newest
    if newest is None:
        return []
    lines = []
    if newest["placement"] != "self_host":
        cost = found.mean("self_host_cost_monthly")
        if cost is None:
            lines.append(f"What self-hosting would cost is unknown, because {found.why_unknown(newest)}.")
        else:
            lines.append(f"Self-hosted, all its tokens would cost {found.amount(cost)} {found.per}: {fleet_text(newest)}{_candidate(found)}.")
            if newest["token_utilisation"] is not None:
                busy = share_text(newest["token_utilisation"])
                lines.append(f"They are sized for its busiest hours; on average {busy} of their capacity would do work, the rest is idle.")
            lines.append(f"Its people are assumed{_staffing(found)}; so are its overheads.")
    best = found.mean("best_api_cost_monthly")
    if best is None:
        lines.append(f"What the best API would cost is unknown, because {found.why_unknown(newest)}.")
    elif any((row["provider"], row["model"]) == (newest["best_api_provider"], newest["best_api_model"]) for row in found.models):
        lines.append(f"The API that it uses, {best_api_text(newest)}, is the cheapest that is good enough for it.")
    else:
        lines.append(
            f"The cheapest API that is good enough, {best_api_text(newest)}, would take {found.amount(best)} {found.per} for all of it, "
            f"people included, at {word(PRICES, newest['price_basis'])}."
        )
    if newest["placement"] == "self_host" and best is not None:
        fte, annual = (found.assumptions.get(f"api_operations.{name}", Decimal(0)) for name in ("fte", "loaded_annual"))
        assumed = f"its part of {float(fte):g} FTE at {found.amount(annual)} a year for all API use" if fte and annual else "none"
        lines.append(f"The people in that are assumed: {assumed}.")
    return lines


def _candidate(found: Evidence) -> str:
    """Which model on which GPUs, while the configuration still is the one that was computed with."""
    candidate = found.configured.candidates.self_host
    if candidate is None or found.is_configuration_changed:
        return ""
    price = next((each for each in found.company.assumptions.gpu_prices if each.id == candidate.gpu_price), None)
    rented = f" ({price.gpu} at {price.price_per_gpu_hour.normalize():f} {price.currency} an hour{' to own' if price.owned else ''})" if price else ""
    return f"{rented} that serve {candidate.model}"


def _staffing(found: Evidence) -> str:
    """How many people self-hosting is assumed to take, while the configuration still is the one that was computed with."""
    if found.is_configuration_changed:
        return ""
    fte, annual, preset = found.company.assumptions.staffing_for(bool(found.company.pools))
    return f": {float(fte):g} FTE at {found.amount(annual)} a year" + (f" (the preset {preset})" if preset else "")


def cost_notes(found: Evidence) -> list[str]:
    """What the table of costs leaves out, and where it differs from the figures of the decision."""
    zero = [label_text(row["cost_category"]) for row in found.costs if is_zero(row)]
    missing = [label_text(row["cost_category"]) for row in found.costs if row["api"] is None and row["self_host"] is None]
    lines = []
    if zero:
        lines.append(f"Zero, as assumed or paid: {listed(zero)}.")
    if missing:
        lines.append(f"Without data and therefore not counted, which is not the same as zero: {listed(missing)}.")
    current = found.decision["current_cost_monthly"]
    paid = [row[side] for side in found.sides_paid for row in found.costs if row[side] is not None]
    if found.costs and current is not None and abs(sum(paid) - current) > 1:
        lines.append(
            f"The sides on which it ran come to {found.amount(sum(paid))} here, today's cost to {found.amount(current)}: see crossover_monthly."
        )
    return lines


def break_even(found: Evidence) -> list[Row]:
    """The newest month's figures beside those at which both sides would cost the same; None where there is none."""
    month = found.newest
    if month is None:
        return []
    millions, best = month["tokens_per_day"] * month["days_covered"] / 1e6, month["best_api_cost_monthly"]
    price = None if best is None or not millions else float(best - found.api_people_newest) / millions
    return [
        {"measure": "tokens_per_day", "now": month["tokens_per_day"], "break_even": month["break_even_tokens_per_day"]},
        {"measure": "token_utilisation", "now": month["token_utilisation"], "break_even": month["break_even_utilisation"]},
        {"measure": "api_price_per_million", "now": price, "break_even": month["break_even_api_price_per_million"]},
    ]


def break_even_notes(found: Evidence) -> list[str]:
    """Where both sides meet, or why they do not."""
    month = found.newest
    if month is None:
        return []
    lines = []
    volume, is_known = month["break_even_tokens_per_day"], month["cost_ratio"] is not None
    if not is_known:
        return [f"There is no break-even, because {found.why_unknown(month)}."]
    if volume is None:
        lines.append(
            "At no volume does self-hosting become and stay the cheaper side: at this mix a further GPU costs more than the tokens that it serves."
        )
    elif volume == 0:
        lines.append("Self-hosting is the cheaper side at any volume.")
    elif month["tokens_per_day"]:
        times = month["tokens_per_day"] / volume
        compared = f"{times:,.1f} times" if times >= 1 else f"{share_text(times)} of"
        lines.append(f"Self-hosting is and stays the cheaper side from {quantity_text(volume)} tokens a day; today's volume is {compared} that.")
    if month["break_even_utilisation"] is None:
        unknown = month["token_utilisation"] is None
        lines.append(
            "How well its GPUs are used is unknown, so there is no break-even of it."
            if unknown
            else "No utilisation would make both sides equal: even fully used GPUs would cost more than the API."
        )
    price = month["break_even_api_price_per_million"]
    if price is not None and price < 0:
        lines.append("No price of tokens would make the API the cheaper side: its people alone cost more than self-hosting.")
    return lines


def red_flags(found: Evidence) -> list[str]:
    """One sentence a flag."""
    lines = []
    for row in found.flags:
        text = NEVER_PAID_BACK if row["value"] is None else word(FLAGS, row["flag"])
        subject = f"Pool {row['subject_id']}" if row["subject_kind"] == "pool" else found.name
        said = text.format(value=row["value"], threshold=row["threshold"], share=share_text(row["value"] or 0))
        before = f"; raised in {row['months'] - 1} of the months before, too" if row["months"] > 1 else ""
        lines.append(f"{subject}, {span_text([row['month']])}: {said}{before}.")
    return lines


def trail_notes(found: Evidence) -> list[str]:
    """What the sources hold for the month that the trail is of."""
    if not found.trail or found.trail_month is None:
        return ["Nothing was paid for it up to this quarter's end, as far as the sources tell."]
    compared = {each.category for each in cost_categories() if each.side != "neutral" and each.in_unit_cost}
    total = sum((row["effective_cost"] for row in found.trail), Decimal(0))
    neutral = sum((row["effective_cost"] for row in found.trail if row["cost_category"] not in compared), Decimal(0))
    lines = [f"In {span_text([found.trail_month])} the sources hold {money(total, 2)} {found.company.currency} for it:"]
    if neutral:
        lines[0] = lines[0].removesuffix(":") + f"; {money(neutral, 2)} of it is the same on either side and in no comparison:"
    return lines


def queries(found: Evidence) -> list[str]:
    """Statements to paste into any DuckDB client, from the cost to the files."""
    if found.trail_month is None:
        return []
    workload, month = _quoted(found.workload["workload_id"]), found.trail_month
    return [
        f"SELECT * FROM cost_trail WHERE workload_id = {workload} AND month = DATE '{month}' ORDER BY effective_cost DESC;",
        f"SELECT * FROM usage_daily WHERE workload_id = {workload} AND usage_date BETWEEN DATE '{month}' AND DATE '{month_end(month)}';",
        f"SELECT * FROM ingestions WHERE source_id IN ({', '.join(_quoted(name) for name in sorted({row['source_id'] for row in found.trail}))});",
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def best_api_text(month: Row) -> str:
    """The cheapest API that is good enough."""
    return f"{month['best_api_provider']} {month['best_api_model']}"


def fleet_text(month: Row) -> str:
    """The GPUs behind the self-hosted side."""
    return f"{count_text(month['replicas'], 'replica')} on {count_text(month['gpus'], 'GPU')}"
