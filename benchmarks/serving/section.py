"""What was measured as a section of ``docs/benchmarks.md``."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.serving.measure import OpenLoop, Rounds, Spread

CPU_MS, TIMES_CONSTANT, P99_MS, RATE = 0.25, 3.0, 25.0, 500
OWN_TIMES, WITH_OURS_TIMES = 25.0, 3.0
BASKETS_PER_SECOND, BATCH = 20_000, 1_000
READY_SECONDS, MEMORY_MB = 3.0, 150.0


@dataclass(frozen=True)
class Alone:
    """The service by itself, and against the constant answer (``ratio`` there is constant ÷ ours)."""

    constant: Rounds
    loads: Sequence[OpenLoop]
    constant_loads: Sequence[OpenLoop]
    batch: Spread
    ready_seconds: Spread
    resident_mb: float
    proportional_mb: float


@dataclass(frozen=True)
class Peer:
    """A peer's server: what it runs on, its rounds against ours, start in seconds, PSS in MB; or why there are none."""

    title: str
    versions: str
    rounds: Rounds | None = None
    ready_seconds: float = 0.0
    proportional_mb: float = 0.0
    failure: str = ""


def section(*, about: str, alone: Alone, own_way: Sequence[Peer], with_ours: Sequence[Peer]) -> str:
    """Return the section's Markdown."""
    parts = [
        "## Serving",
        "",
        about,
        "",
        *_alone(alone),
        "",
        f"The same model in each peer's own recommended way, bar: at least {OWN_TIMES:g}× our CPU per request.",
        "",
        *_peers(own_way, OWN_TIMES),
        "",
        f"The same servers around our encoder and ONNX Runtime, bar: at least {WITH_OURS_TIMES:g}×.",
        "",
        *_peers(with_ours, WITH_OURS_TIMES),
    ]
    return "\n".join(parts)


def _alone(alone: Alone) -> list[str]:
    ours, constant = alone.constant.ours, alone.constant.other
    # The rounds hold constant ÷ ours; the bar is the other way round.
    ratio = alone.constant.ratio
    times = Spread(1 / ratio.median, 1 / ratio.most, 1 / ratio.least)
    p99 = Spread.of([each.p99 for each in alone.loads])
    failed, due = sum(each.failed for each in alone.loads), sum(each.due for each in alone.loads)
    constant_p99 = Spread.of([each.p99 for each in alone.constant_loads])
    bars = [
        ("CPU per request, one 6-line basket", f"{_shown(ours, 3)} ms", f"≤ {CPU_MS} ms", ours.median <= CPU_MS),
        (
            "the same ÷ constant answer",
            f"{_shown(times, 2)}× (of {_shown(constant, 3)} ms)",
            f"≤ {TIMES_CONSTANT:g}×",
            times.median <= TIMES_CONSTANT,
        ),
        (
            f"p99 at {RATE} requests/s, open loop",
            f"{_shown(p99, 1)} ms, {failed} of {due:,} failed (constant answer: {_shown(constant_p99, 1)} ms)",
            f"≤ {P99_MS:g} ms, 0 failed",
            p99.median <= P99_MS and not failed,
        ),
        (
            f"baskets/s per core in batches of {BATCH:,}",
            _shown(alone.batch, 0),
            f"≥ {BASKETS_PER_SECOND:,}",
            alone.batch.median >= BASKETS_PER_SECOND,
        ),
        (
            "start of the process to ready",
            f"{_shown(alone.ready_seconds, 2)} s",
            f"≤ {READY_SECONDS:g} s",
            alone.ready_seconds.median <= READY_SECONDS,
        ),
        (
            "memory of the worker after all this, resident",
            f"{alone.resident_mb:,.0f} MB ({alone.proportional_mb:,.0f} MB proportional)",
            f"≤ {MEMORY_MB:g} MB",
            alone.resident_mb <= MEMORY_MB,
        ),
    ]
    return [
        "| the service | measured | bar | |",
        "|---|---:|---:|---|",
        *(f"| {title} | {shown} | {bar} | {_met(met)} |" for title, shown, bar, met in bars),
    ]


def _peers(peers: Sequence[Peer], times: float) -> list[str]:
    rows = [
        "| server | on | CPU per request, ms | ÷ ours | start, s | PSS, MB | |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for peer in peers:
        if peer.rounds is None:
            rows.append(f"| {peer.title} | {peer.versions} | not measured: {peer.failure} | | | | |")
            continue
        rows.append(
            f"| {peer.title} | {peer.versions} | {_shown(peer.rounds.other, 2)} | {_shown(peer.rounds.ratio, 1)}× "
            f"| {peer.ready_seconds:.1f} | {peer.proportional_mb:,.0f} | {_met(peer.rounds.ratio.median >= times)} |"
        )
    measured = [peer.rounds.ours for peer in peers if peer.rounds is not None]
    if measured:
        ours = Spread.of([each.median for each in measured])
        rows.append(f"| **ours**, in turn with each | | {_shown(ours, 3)} | 1× | | | |")
    return rows


def _shown(spread: Spread, digits: int) -> str:
    """Return a median with the least and greatest in brackets."""
    return f"{spread.median:,.{digits}f} ({spread.least:,.{digits}f}–{spread.most:,.{digits}f})"


def _met(met: bool) -> str:
    return "met" if met else "**missed**"
