"""M messages/s of every measured scenario, the peers and CppTrader as quoted: one picture, SVG."""

import math
from typing import Any

from bench.peers.quoted import CPPTRADER_HERE
from bench.sections import Sections
from config.errors import ConfigError

_LABELS, _PLOT, _MARGIN, _TOP, _ROW = 240, 560, 60, 40, 26  # pixels
_GRID = (0.01, 0.1, 1.0, 10.0, 100.0)
_OURS, _PEERS, _QUOTED = "#1f6feb", "#8b949e", "#d29922"


def bars(sections: Sections) -> list[tuple[str, float, str]]:
    """(label, M messages/s, colour), fastest first within ours, then CppTrader, then the peers."""

    def figures(name: str) -> dict[str, Any]:
        found: dict[str, Any] = sections.get(name, {}).get("figures", {})
        return found

    ours: list[tuple[str, float, str]] = []
    others: list[tuple[str, float, str]] = []
    for name in ("yardstick", "flows", "standing"):
        for scenario, found in figures(name).items():
            if "skipped" not in found:
                ours.append((scenario.replace("_", " "), found["messages_per_s"] / 1e6, _OURS))
    others.append(("CppTrader, worst of five (quoted)", CPPTRADER_HERE["messages_per_s"] / 1e6, _QUOTED))
    for name, found in figures("peers").items():
        if name != "matchline" and "skipped" not in found:
            others.append((name, found["messages_per_s"] / 1e6, _PEERS))
    return sorted(ours, key=lambda bar: -bar[1]) + sorted(others, key=lambda bar: -bar[1])


def svg(sections: Sections) -> str:
    """The picture: bars on a logarithmic scale. Raises ConfigError where drawsvg is not installed."""
    try:
        import drawsvg
    except ImportError as error:
        raise ConfigError("--docs", f"expected drawsvg, which the dev extra of pyproject.toml has ({error})") from error
    drawn = bars(sections)
    bottom = _TOP + _ROW * len(drawn)
    picture = drawsvg.Drawing(_LABELS + _PLOT + _MARGIN, bottom + _TOP, font_family="sans-serif")
    picture.append(drawsvg.Rectangle(0, 0, picture.width, picture.height, fill="#ffffff"))
    title = "Million messages a second, logarithmic: matchline blue, quoted amber, measured peers grey"
    picture.append(drawsvg.Text(title, 14, 12, 22, fill="#1f2328"))
    for rate in _GRID:
        at = _LABELS + _length(rate)
        picture.append(drawsvg.Line(at, _TOP, at, bottom, stroke="#d0d7de"))
        picture.append(drawsvg.Text(f"{rate:g}", 12, at, bottom + 18, text_anchor="middle", fill="#57606a"))
    for row, (label, rate, colour) in enumerate(drawn):
        top = _TOP + _ROW * row
        text = {"fill": "#1f2328", "dominant_baseline": "middle"}
        picture.append(drawsvg.Text(label, 13, _LABELS - 8, top + _ROW / 2, text_anchor="end", **text))
        picture.append(drawsvg.Rectangle(_LABELS, top + 3, max(1, _length(rate)), _ROW - 6, fill=colour))
        picture.append(drawsvg.Text(f"{rate:.3g}", 12, _LABELS + _length(rate) + 6, top + _ROW / 2, **text))
    return str(picture.as_svg())


def _length(rate: float) -> float:
    """Of a bar, in pixels."""
    least, most = _GRID[0], _GRID[-1]
    return _PLOT * math.log(min(max(rate, least), most) / least) / math.log(most / least)
