#!/usr/bin/env python3
"""The files of the console as C source. usage: embed.py OUT FILE..."""
import hashlib
import os
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def main(out, *files):
    parts = ['#include "engine/admin/console.h"\n']
    rows = []
    for n, path in enumerate(sorted(files, key=os.path.basename)):
        with open(path, "rb") as f:
            data = f.read()
        name = os.path.basename(path)
        etag = hashlib.sha256(data).hexdigest()[:16]
        lines = [",".join(str(b) for b in data[i:i + 32]) for i in range(0, len(data), 32)]
        parts.append(f"static const unsigned char file_{n}[] = {{\n" + ",\n".join(lines or ["0"]) + "};\n")
        rows.append(f'    {{"{name}", "{TYPES[os.path.splitext(name)[1]]}", "\\"{etag}\\"", '
                    f'(const char *)file_{n}, {len(data)}}},\n')
    parts.append("const struct wr_console_file wr_console_files[] = {\n" + "".join(rows) + "};\n")
    parts.append(f"const size_t wr_console_file_count = {len(rows)};\n")
    with open(out, "w") as f:
        f.write("\n".join(parts))


main(*sys.argv[1:])
