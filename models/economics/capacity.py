"""Work, replicas and utilisation of self-hosted serving.

Here: formulas 2.1 and 2.2: replica-seconds of work, the replicas and GPUs that a peak needs, what utilisation makes of a price, and the
avoidable part of a fleet (2.6). Not here: money over a whole volume range (crossover) and shared pools' bookkeeping (SQL).
Work is in replica-seconds; capacity is additive in prefill and decode work, so one "tokens per second" never stands for both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WEIGHTS_HEADROOM = 1.2
"""Weights and what serving needs around them, per byte of weights (economics 2.1)."""

_BYTES = {"FP32": 4.0, "FP16": 2.0, "BF16": 2.0, "FP8": 1.0, "INT8": 1.0, "FP4": 0.5, "INT4": 0.5}
"""Bytes of one parameter by precision."""

_ROUNDING = 1e-9
"""A need this little above a whole number is that number: binary floats, not a replica."""


@dataclass(frozen=True)
class ReplicaRate:
    """How fast one replica works: prefill Tp and decode Td in tokens per second, c in seconds per token of context and output."""

    prefill_tokens_per_second: float
    decode_tokens_per_second: float
    context_seconds: float = 0.0

    @property
    def is_usable(self) -> bool:
        """Whether it serves anything at all."""
        speeds = (self.prefill_tokens_per_second, self.decode_tokens_per_second)
        return all(math.isfinite(speed) and speed > 0 for speed in speeds) and math.isfinite(self.context_seconds) and self.context_seconds >= 0

    def work_seconds(self, prefill_tokens: float, output_tokens: float, attention_tokens: float) -> float:
        """Replica-seconds of a sum of requests: input not served from cache / Tp + O / Td + c x the sum of O (I + O/2)."""
        return (
            prefill_tokens / self.prefill_tokens_per_second + output_tokens / self.decode_tokens_per_second + self.context_seconds * attention_tokens
        )

    def request_seconds(self, input_tokens: float, output_tokens: float, cache_hit_share: float = 0.0) -> float:
        """Replica-seconds of one request: s = (1-h) I/Tp + O/Td + c O (I + O/2) (2.1)."""
        return self.work_seconds((1 - cache_hit_share) * input_tokens, output_tokens, output_tokens * (input_tokens + output_tokens / 2))

    def output_tokens_per_second(self, input_tokens: float, output_tokens: float) -> float:
        """Output of a saturated replica: 1/out = (I/O)/Tp + 1/Td + c (I + O/2)."""
        return output_tokens / self.request_seconds(input_tokens, output_tokens)


def whole(need: float) -> int:
    """Rounded up to whole units, forgiving binary dust."""
    return math.ceil(need - _ROUNDING)


def whole_array(need: Floats) -> Floats:
    """`whole`, element by element."""
    return np.ceil(need - _ROUNDING)


def load_replicas(peak_work_seconds: float, burst_factor: float, utilisation_target: float) -> float:
    """What the peak hour needs, before rounding: its replica-seconds / 3,600, times the burst within the hour, over the usable share u_max."""
    return peak_work_seconds / 3600 * burst_factor / utilisation_target


def replicas_needed(load: float, spare_replicas: int) -> int:
    """Replicas = max(1, ceil(load)) + spare (2.1)."""
    return max(1, whole(load)) + spare_replicas


def gpus_bought(replicas: float, gpus_per_replica: int, gpus_per_instance: int) -> int:
    """GPUs come in whole instances (2.1)."""
    return whole(replicas * gpus_per_replica / gpus_per_instance) * gpus_per_instance


def weights_gb(parameters_billions: float | None, precision: str | None) -> float | None:
    """Parameters x bytes (2.1), of a mixture of experts all of them; None where either is unknown."""
    size = _BYTES.get((precision or "").upper())
    return parameters_billions * size if parameters_billions is not None and size is not None else None


def weights_fit(weights_gb: float | None, gpu_memory_gb: float | None, gpus_per_replica: int) -> bool:
    """Whether the weights, with headroom, fit a replica's memory. What nobody knows is not held against it."""
    if weights_gb is None or gpu_memory_gb is None:
        return True
    return weights_gb * WEIGHTS_HEADROOM <= gpu_memory_gb * gpus_per_replica


def peak_of_hours(work_seconds: Floats, hours: int, quantile: float) -> float:
    """The quantile (linear) of hourly work over `hours` hours, of which `work_seconds` lists those with usage; the others count as zero."""
    if hours <= 0 or work_seconds.size == 0:
        return 0.0
    position = quantile * (max(hours, work_seconds.size) - 1)
    empty, low = max(hours - work_seconds.size, 0), math.floor(position)
    places = [min(max(index - empty, 0), work_seconds.size - 1) for index in (low, low + 1)]
    ordered = np.partition(work_seconds, sorted(set(places)))

    def at(index: int) -> float:
        return float(ordered[places[index - low]]) if index >= empty else 0.0

    return at(low) + (at(low + 1) - at(low)) * (position - low)


def within_quota(work_seconds: Floats, hours: int, quantile: float) -> Floats:
    """Hourly work as it counts in a fleet that is shared: never more than a fleet for it alone would be provisioned for (2.1), its quota.

    Quantiles don't add up: rare bursts of several workloads, each left out alone, are together not rare. Under quotas a shared fleet is never
    larger than those of its members together.
    """
    return np.minimum(work_seconds, peak_of_hours(work_seconds, hours, quantile))


def token_utilisation(work_seconds: float, replicas: float, hours: float) -> float | None:
    """U_token = work served / (provisioned replicas x 3,600 x hours); None where nothing was provisioned (2.2)."""
    provisioned = replicas * 3600 * hours
    return work_seconds / provisioned if provisioned > 0 else None


def cost_per_million_tokens(hourly_cost: float, tokens_per_second: float, utilisation: float = 1.0) -> float:
    """Effective price: the full price per million / U_token (2.2)."""
    return hourly_cost / (tokens_per_second * 3600) * 1e6 / utilisation


def avoidable_replicas(provisioned: float, load_of_the_rest: float | None, spare_replicas: int) -> float:
    """Replicas that leaving saves: the provisioned ones less what the rest of the fleet needs (2.6). None as the rest: the pool empties.

    The rest is never given more than is provisioned today: leaving can't buy replicas.
    """
    if load_of_the_rest is None:
        return provisioned
    return provisioned - min(provisioned, replicas_needed(load_of_the_rest, spare_replicas))
