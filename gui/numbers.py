"""Numbers as they are written on screen: one format for each kind, everywhere.

A unit never parts from its number: the space between them does not break. Minus is "−".
"""

from __future__ import annotations

import time

from PySide6.QtCore import QCoreApplication

from engine.run import RAW_METRICS, Difference

MEGABYTE = 1_000_000
NO_BREAK = "\u00a0"
PERPLEXITY = "perplexity"
NOISE = 0.05
"""A difference with a p-value from here on is called noise."""


def megabytes(size: float) -> str:
    """Bytes as "23.7 MB", "418 MB" or "1.42 GB"."""
    value = size / MEGABYTE
    if value >= 1000:
        return f"{value / 1000:.2f}{NO_BREAK}GB"
    return f"{value:.0f}{NO_BREAK}MB" if value >= 100 else f"{value:.1f}{NO_BREAK}MB"


def ratio(value: float) -> str:
    """How many times: "3.9×", and "12×" from ten on."""
    return f"{value:.0f}×" if value >= 9.95 else f"{value:.1f}×"


def ratio_range(low: float, high: float) -> str:
    """A range of times: "2.5–4.0×"."""
    return f"{ratio(low)[:-1]}–{ratio(high)}" if ratio(low) != ratio(high) else ratio(low)


def percent(share: float, decimals: int = 1) -> str:
    """A share as "91.2 %"."""
    return f"{_minus(f'{share * 100:.{decimals}f}')}{NO_BREAK}%"


def quality(metric: str, value: float) -> str:
    """A metric's value: percent for shares of answers, the bare number for others."""
    return f"{value:.2f}" if metric in RAW_METRICS else percent(value)


def signed(metric: str, value: float) -> str:
    """A difference of a metric with its sign, without its unit: "−0.3" points of accuracy.

    A perplexity's difference is the share by which it fell; it is written as the percent by which the
    perplexity itself moved: −0.01 is "+1.0".
    """
    written = f"{-100 * value if metric == PERPLEXITY else 100 * value:+.1f}"
    return _minus("0.0" if written in ("+0.0", "-0.0") else written)


def points(metric: str, value: float) -> str:
    """A difference of a metric with sign and unit: "−0.3 points", "+1.0 %" of a perplexity."""
    unit = "%" if metric == PERPLEXITY else QCoreApplication.translate("numbers", "points")
    return signed(metric, value) + NO_BREAK + unit


def spread(metric: str, difference: Difference) -> str:
    """A difference with its 95 % interval: "−0.3 (−0.9 to +0.3)", "+1.0 % (+0.4 to +1.6)"."""
    template = QCoreApplication.translate("numbers", "{0} ({1} to {2})")
    value = points(metric, difference.value) if metric == PERPLEXITY else signed(metric, difference.value)
    return template.format(value, *interval(metric, difference))


def interval(metric: str, difference: Difference) -> tuple[str, str]:
    """The ends of a difference's 95 % interval as they are written, the lower one first."""
    ends = signed(metric, difference.low), signed(metric, difference.high)
    return (ends[1], ends[0]) if metric == PERPLEXITY else ends


def moved_by(metric: str, value: float, difference: float) -> float:
    """A metric's value after a difference from it."""
    return value * (1.0 - difference) if metric == PERPLEXITY else value + difference


def meaning(difference: Difference) -> str:
    """What a difference means: noise unless it is significant at 5 %, as the engine's verdict says it."""
    if difference.p_value >= NOISE:
        return QCoreApplication.translate("numbers", "within noise")
    if difference.value < 0:
        return QCoreApplication.translate("numbers", "a real loss")
    return QCoreApplication.translate("numbers", "a real gain")


def milliseconds(value: float) -> str:
    """A short time: "2.2 ms", "140 ms", "1.4 s"."""
    if value >= 1000:
        return f"{value / 1000:.1f}{NO_BREAK}s"
    return f"{value:.0f}{NO_BREAK}ms" if value >= 100 else f"{value:.1f}{NO_BREAK}ms"


def duration(seconds: float) -> str:
    """A long time: "41 s", "2 min 05 s", "1 h 04 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{NO_BREAK}s"
    if whole < 3600:
        return f"{whole // 60}{NO_BREAK}min{NO_BREAK}{whole % 60:02}{NO_BREAK}s"
    return f"{whole // 3600}{NO_BREAK}h{NO_BREAK}{whole % 3600 // 60:02}{NO_BREAK}min"


def clock(seconds: float) -> str:
    """A running time: "0:41", "12:05", "1:04:09"."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    if hours:
        return f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return f"{rest // 60}:{rest % 60:02}"


def count(value: float) -> str:
    """A count: "1,000"."""
    return f"{value:,.0f}"


def moment(timestamp: float) -> str:
    """When something happened, in local time: "today 14:05", "2025-11-21 14:05"."""
    day, hour = time.strftime("%Y-%m-%d %H:%M", time.localtime(timestamp)).split()
    if day == time.strftime("%Y-%m-%d"):
        return QCoreApplication.translate("numbers", "today {0}").format(hour)
    return f"{day} {hour}"


def plain(value: float) -> str:
    """A number on an axis: no exponent, no needless zeros."""
    return _minus(f"{value:,.4f}".rstrip("0").rstrip("."))


def _minus(text: str) -> str:
    return text.replace("-", "−")
