#!/usr/bin/env python3
"""How the cost of a message grows: with rules, with the payload, with how many messages match. As SVG, and as a table.

usage: bench/plots.py WEIR FOLDER

Runs `weir bench` for each point, and writes the medians of five rounds into rules.svg, payload.svg and selectivity.svg in FOLDER.
Floors are in bench/micro/evaluate, which scans the same bytes and makes jansson's tree of them.
"""
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 320, 64, 24, 34, 48
RULES = [1, 10, 100, 1000, 10000, 100000]
FIELDS = [4, 16, 64, 256, 1024]
PASSES = [0, 1, 10, 25, 50, 100]  # per cent


def bench(weir, *arguments):
    run = subprocess.run([weir, "bench", "--rounds", "5", "--json", *arguments], capture_output=True, text=True,
                         timeout=300, check=False)
    if run.returncode != 0:
        sys.exit(f"plots.py: weir bench {' '.join(arguments)}: {run.stderr.strip()}")
    return json.loads(run.stdout)


def files(folder, sql, payloads):
    rules = Path(folder, "rules")
    rules.mkdir()
    rule = {"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": [{"null": {}}]}
    Path(rules, "rule.json").write_text(json.dumps(rule), encoding="utf-8")
    lines = (json.dumps({"topic": "plot/data", "payload": p}) for p in payloads)
    Path(folder, "messages.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ["--rules", str(rules), "--messages", str(Path(folder, "messages.jsonl"))]


def payload(fields, i):
    body = {"device": f"sensor-{i:04}", "temp": i % 100}
    for k in range(fields - 2):
        body[f"field_{k:03}"] = (i * 7 + k) % 1000 if k % 2 else f"a text of number {(i + k) % 1000:03}"
    return body


def points_of_rules(weir):
    for kind in ("many", "fan-in"):
        yield kind, [(n, bench(weir, "--generate", kind, "--generate-rules", str(n))["ns_per_message"]) for n in RULES]


def points_of_payload(weir):
    points = []
    for fields in FIELDS:
        with tempfile.TemporaryDirectory() as folder:
            arguments = files(folder, "SELECT device, temp FROM 'plot/data' WHERE temp > 89",
                              [payload(fields, i) for i in range(500)])
            r = bench(weir, *arguments)
            points.append((round(r["bytes_per_message"]), r["ns_per_message"]))
    yield "weir", points


def points_of_selectivity(weir):
    points = []
    for share in PASSES:
        with tempfile.TemporaryDirectory() as folder:
            arguments = files(folder, f"SELECT device, temp, field_000 AS t FROM 'plot/data' WHERE temp < {share}",
                              [payload(10, i) for i in range(1000)])
            points.append((share, bench(weir, *arguments)["ns_per_message"]))
    yield "weir", points


def ticks(low, high, log):
    if log:
        return [10**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    step = 10 ** math.floor(math.log10(high or 1))
    step = next(step * f for f in (0.1, 0.2, 0.25, 0.5, 1, 2) if high / (step * f) <= 6)
    return [i * step for i in range(math.ceil(high / step) + 1)]


def svg(title, across, series, log):
    xs = [x for _, points in series for x, _ in points]
    ys = [y for _, points in series for _, y in points]
    x_ticks, y_ticks = ticks(min(xs), max(xs), log), ticks(min(ys), max(ys), log)

    def scale(value, marks, begin, end):
        if log:
            value, low, high = math.log10(value), math.log10(marks[0]), math.log10(marks[-1])
        else:
            low, high = marks[0], marks[-1]
        return begin + (value - low) / ((high - low) or 1) * (end - begin)

    def x_at(x):
        return scale(x, x_ticks, LEFT, WIDTH - RIGHT)

    def y_at(y):
        return scale(y, y_ticks, HEIGHT - BOTTOM, TOP)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', f'<text x="{LEFT}" y="20" font-size="14">{title}</text>']
    for x in x_ticks:
        out.append(f'<path d="M{x_at(x):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>'
                   f'<text x="{x_at(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:,.0f}</text>')
    for y in y_ticks:
        out.append(f'<path d="M{LEFT} {y_at(y):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{y_at(y) + 4:.1f}" text-anchor="end">{y:,.0f}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{across}</text>')
    for (name, points), colour in zip(series, ("#0b62a4", "#c0392b", "#2e7d32")):
        path = "L".join(f"{x_at(x):.1f} {y_at(y):.1f}" for x, y in points)
        x, y = points[-1]
        out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.extend(f'<circle cx="{x_at(a):.1f}" cy="{y_at(b):.1f}" r="3" fill="{colour}"/>' for a, b in points)
        if len(series) > 1:
            out.append(f'<text x="{x_at(x) - 6:.1f}" y="{y_at(y) - 8:.1f}" text-anchor="end" fill="{colour}">{name}</text>')
    return "\n".join([*out, "</svg>", ""])


PLOTS = {
    "rules": ("CPU ns a message, by the number of rules", "rules", points_of_rules, True),
    "payload": ("CPU ns a message, by the payload; three members are read", "bytes", points_of_payload, True),
    "selectivity": ("CPU ns a message, by how many pass WHERE", "per cent that pass", points_of_selectivity, False),
}


def main(arguments):
    if len(arguments) != 2 or arguments[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    weir, folder = arguments[0], Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, (title, across, measure, log) in PLOTS.items():
        series = list(measure(weir))
        Path(folder, f"{name}.svg").write_text(svg(title, across, series, log), encoding="utf-8")
        for label, points in series:
            print(f"{name:12} {label:8} " + "  ".join(f"{x:,}: {y:,.0f}" for x, y in points), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
