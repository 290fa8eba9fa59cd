#!/usr/bin/env python3
"""clang-format 14 would change nothing. TAP: one case a folder. Other versions format differently.

usage: format.py ROOT
"""
import collections, pathlib, re, shutil, subprocess, sys

tool = shutil.which("clang-format-14")
if not tool:
    print("1..0 # SKIP no clang-format-14")
    sys.exit(0)
root = pathlib.Path(sys.argv[1]).resolve()
folders = collections.defaultdict(list)
for room in ("sql", "sinks", "engine", "tests", "bench"):
    for path in sorted((root / room).rglob("*.[ch]")):
        if "node_modules" not in path.parts:
            folders[path.parent.relative_to(root).as_posix()].append(str(path))
print(f"1..{len(folders)}")
bad = 0
for number, (folder, files) in enumerate(sorted(folders.items()), 1):
    ran = subprocess.run([tool, "--dry-run", "-Werror", "--ferror-limit=1", *files], capture_output=True,
                         text=True, cwd=root)
    bad += ran.returncode != 0
    print(f"{'not ' if ran.returncode else ''}ok {number} - format of {folder}")
    for place in re.findall(r"^(\S+?:\d+):\d+: (?:error|warning)", ran.stderr, re.M):
        print(f"# {pathlib.Path(place).relative_to(root)}: ./dev format mends it")
sys.exit(bad != 0)
