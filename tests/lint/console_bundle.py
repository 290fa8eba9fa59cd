#!/usr/bin/env python3
"""The console's modules as one script (engine/console/bundle.py): what it makes of each form, and what it refuses, by file and line.
With node, what is made also runs. TAP.

usage: console_bundle.py ROOT
"""
import pathlib, shutil, subprocess, sys, tempfile

ROOT = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(ROOT / "engine" / "console"))
from bundle import Refused, bundle  # noqa: E402

APP = 'import * as a from "./a.js";\nconsole.log(JSON.stringify(a.all()));\n'
# (name, files besides app.js, what app.js prints of a.all())
GOOD = [
    ("each form of import and export", {"a.js": 'import { one, two as zwei, Three } from "./b.js";\nimport { late } from "./b.js";\nexport const all = () => [one, zwei(), new Three().four(), late];\n',
                                        "b.js": "const late = 9;\nexport const one = 1;\nexport function two() {\n  return 2;\n}\nexport class Three {\n  four() { return 4; }\n}\nexport async function five() {}\nexport function* six() {}\nexport async function* seven() {}\nexport { late };\n"},
     "[1,2,4,9]"),
    ("the words in texts, comments, templates and regular expressions", {"a.js": """// import x
/*
import y from "z";
export default 1;
*/
const t = `
import { nothing } from "./nowhere.js";
export let no = ${[`}`, "`", /[`/]'"/.source].map((x) => `${x}
export `).length};
`;
export const all = () => [t.split("\\n")[1], 'export "', "import \\" '", /import `/.test("import `"), 4 / 2 / 1, [8][0] / 2];
"""}, """["import { nothing } from \\"./nowhere.js\\";","export \\"","import \\" '",true,2,4]"""),
    ("properties that are called like the words", {"a.js": "const o = { x: 1 };\nexport const all = () => [o.x];\n"}, "[1]"),
    ("a name of two modules", {"a.js": 'import { x as y } from "./b.js";\nconst x = 1;\nexport const all = () => [x, y];\n', "b.js": "export const x = 2;\n"}, "[1,2]"),
    ("a module is run once", {"a.js": 'import { n } from "./b.js";\nimport { m } from "./c.js";\nexport const all = () => [n(), m()];\n', "b.js": "let c = 0;\nexport const n = () => ++c;\n", "c.js": 'import { n } from "./b.js";\nexport const m = () => n();\n'}, "[1,2]"),
]
A = "export const all = () => [];\n"
BAD = [  # (name, files, what is said)
    ("a default export", {"a.js": A + "export default all;\n"}, "a.js:2: this form of export"),
    ("a variable", {"a.js": A + "export let x = 1;\n"}, "a.js:2: this form of export"),
    ("a pattern", {"a.js": A + "export const { x } = all;\n"}, "a.js:2: this form of export"),
    ("two names at once", {"a.js": A + "export const x = [1, 2],\n  y = 2;\n"}, "a.js:2: export const is for one name"),
    ("a new name for what is exported", {"a.js": A + "const x = 1;\nexport { x as y };\n"}, "a.js:3: this form of export"),
    ("what others export", {"a.js": A + 'export * from "./b.js";\n', "b.js": ""}, "a.js:2: this form of export"),
    ("a default import", {"a.js": 'import b from "./b.js";\n' + A, "b.js": ""}, "a.js:1: this form of import"),
    ("an import without names", {"a.js": 'import "./b.js";\n' + A, "b.js": ""}, "a.js:1: this form of import"),
    ("an import over two lines", {"a.js": 'import { x,\n  y } from "./b.js";\n' + A, "b.js": ""}, "a.js:1: this form of import"),
    ("an import from elsewhere", {"a.js": 'import { x } from "https://example.org/b.js";\n' + A}, "a.js:1: this form of import"),
    ("an import while running", {"a.js": A + 'const x = import("./b.js");\n', "b.js": ""}, "a.js:2: import must stand at the begin of a line"),
    ("import.meta", {"a.js": A + "function f() {\n  return [\nimport.meta];\n}\n"}, "a.js:4: import must stand at the begin of a line and outside of brackets"),
    ("an import that is not at the begin", {"a.js": A + ' import { x } from "./b.js";\n', "b.js": "export const x = 1;\n"}, "a.js:2: import must stand at the begin of a line"),
    ("a name that is not exported", {"a.js": A + '\nimport { x } from "./b.js";\n', "b.js": "const x = 1;\n"}, "a.js:3: b.js does not export x"),
    ("a file that is not there", {"a.js": 'import { x } from "./b.js";\n' + A}, "a.js:1: there is no b.js"),
    ("a circle", {"a.js": 'import { x } from "./b.js";\n' + A, "b.js": 'import { all } from "./a.js";\nexport const x = 1;\n'}, "b.js:1: a.js needs this file"),
    ("a file that nobody imports", {"a.js": A, "b.js": ""}, "b.js:1: nobody imports this file"),
    ("a name twice", {"a.js": A + "export { all };\n"}, "a.js:2: all is exported twice"),
    ("the bundle's own names", {"a.js": A + "const $module_a = 1;\n"}, "a.js:2: names with $module_"),
    ("a bracket that is not closed", {"a.js": A + "function f() {\n"}, "a.js:3: { is not closed"),
    ("a bracket that closes another", {"a.js": A + "const x = [1);\n"}, "a.js:2: ) closes ["),
    ("a template without an end", {"a.js": A + "const x = `;\n"}, "a.js:2: a template has no end"),
    ("a text without an end", {"a.js": A + 'const x = "a;\n'}, "a.js:2: '\"' is not understood"),
]


def made(files):
    """The bundle of these files, or what is said against them."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {"app.js": APP, **files}.items():
            (pathlib.Path(folder) / name).write_text(text, encoding="utf-8")
        try:
            return bundle(sorted(map(str, pathlib.Path(folder).iterdir()))), ""
        except Refused as error:
            return None, str(error).replace(folder + "/", "")


def printed(script):
    node = shutil.which("node") or shutil.which("nodejs")
    if not node:
        return None
    done = subprocess.run([node, "-"], input=script, text=True, capture_output=True, timeout=60, check=False)
    return done.stdout.strip() or done.stderr


def cases():
    for name, files, want in GOOD:
        script, said = made(files)
        out = printed(script) if script else None
        yield name, said or (f"printed {out}, not {want}" if out not in (None, want) else "")
    for name, files, want in BAD:
        _, said = made(files)
        yield "refused: " + name, "" if said.startswith(want) else f"said {said!r}, not {want!r}"
    sources = sorted((ROOT / "engine" / "console").glob("*.js"))
    lines = bundle(list(map(str, sources))).split("\n")
    lost = [f"{p.name}: {line}" for p in sources for line in p.read_text(encoding="utf-8").split("\n") if not line.startswith(("import ", "export ")) and line not in lines]
    yield "the console's own lines are all in it, as they are", "; ".join(lost[:3])


RESULTS = list(cases())
print(f"1..{len(RESULTS)}")
for number, (name, why) in enumerate(RESULTS, 1):
    print(f"{'not ok' if why else 'ok'} {number} - {name}")
    if why:
        print(f"# {why}")
sys.exit(any(why for _, why in RESULTS))
