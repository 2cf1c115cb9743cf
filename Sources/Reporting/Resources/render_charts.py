"""Renders DIR/<name>.vl.json to DIR/<name>.svg and DIR/<name>.png: render_charts.py DIR NAME..."""

import json
import pathlib
import sys

try:
    import vl_convert
except ImportError:
    sys.exit("no vl_convert in " + sys.executable)

CONFIG = {
    "font": "DejaVu Sans, Arial, sans-serif",
    "view": {"stroke": None},
    "axisY": {"domain": False, "ticks": False},
    "axis": {"gridColor": "#e5e2db", "titleFontWeight": "normal"},
    "legend": {"titleFontWeight": "normal"},
}

folder = pathlib.Path(sys.argv[1])
for name in sys.argv[2:]:
    spec = json.loads((folder / f"{name}.vl.json").read_text(encoding="utf-8"))
    spec["width"] = 560
    spec["background"] = "white"
    spec["padding"] = 12
    spec["config"] = CONFIG
    (folder / f"{name}.svg").write_text(vl_convert.vegalite_to_svg(spec), encoding="utf-8")
    (folder / f"{name}.png").write_bytes(vl_convert.vegalite_to_png(spec, scale=2))
