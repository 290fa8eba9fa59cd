#!/usr/bin/env python3
"""The files of the console as C source: its page with the style in it, its modules as one script, and the icon.

usage: embed.py OUT FILE...
"""
import base64
import hashlib
import os
import sys

from bundle import Refused, bundle

TYPES = {".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
# Lines of index.html and what they become: as they stand there the page works from its folder too.
STYLE = '<link rel="stylesheet" href="app.css">\n'
SCRIPT = '<script type="module" src="app.js"></script>\n'
ICON = '<link rel="icon" href="icon.svg" type="image/svg+xml">\n'
HEAD = "</head>\n"


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def put(page, line, instead):
    if page.count(line) != 1:
        sys.exit(f"embed.py: index.html must have this line once: {line.strip()}")
    return page.replace(line, instead)


def literal(name, data):
    lines = [",".join(str(b) for b in data[i:i + 32]) for i in range(0, len(data), 32)]
    return f"static const unsigned char {name}[] = {{\n" + ",\n".join(lines or ["0"]) + "};\n"


def main(out, *paths):
    files = {}
    for path in paths:
        with open(path, "rb") as f:
            files[os.path.basename(path)] = f.read()
    try:
        script = bundle([p for p in paths if p.endswith(".js")]).encode()
    except Refused as error:
        sys.exit(f"embed.py: {error}")
    style, icon = files["app.css"].decode(), files["icon.svg"]
    if "<" in style or "\r" in style:
        sys.exit("embed.py: app.css stands in the page: no < and no carriage returns in it")
    page = files["index.html"].decode()
    page = put(page, STYLE, f"<style>{style}</style>\n")
    page = put(page, SCRIPT, f'<script defer src="app.js?v={digest(script)}"></script>\n')
    page = put(page, ICON, f'<link rel="icon" href="data:image/svg+xml;base64,{base64.b64encode(icon).decode()}" type="image/svg+xml">\n')
    if page.count(HEAD) != 1:
        sys.exit("embed.py: index.html must have the end of its head on a line of its own")
    before, after = page.split(HEAD)
    served = {"app.js": script, "icon.svg": icon}
    parts, rows = ['#include "engine/admin/console.h"\n'], []
    for n, (name, data) in enumerate(served.items()):
        parts.append(literal(f"file_{n}", data))
        rows.append(f'    {{"{name}", "{TYPES[os.path.splitext(name)[1]]}", "{digest(data)}", "\\"{digest(data)}\\"", (const char *)file_{n}, {len(data)}}},\n')
    parts.append("const struct wr_console_file wr_console_files[] = {\n" + "".join(rows) + "};\n")
    parts.append(f"const size_t wr_console_file_count = {len(rows)};\n")
    before, after = before.encode(), (HEAD + after).encode()
    parts += [literal("before", before), literal("after", after)]
    parts.append("const struct wr_console_page wr_console_page = {\n"
                 f'    "\'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}\'",\n'
                 f"    {{(const char *)before, {len(before)}}},\n    {{(const char *)after, {len(after)}}},\n}};\n")
    with open(out, "w") as f:
        f.write("\n".join(parts))


if __name__ == "__main__":
    main(*sys.argv[1:])
