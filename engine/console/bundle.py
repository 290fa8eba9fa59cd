"""ES modules as one script, so that a browser asks once. Each module is a function of its own that returns what it exports, in the
order in which they need each other; its lines stay as they are but for the words import and export.

Not a compiler: it knows the forms below, each at the begin of a line, and refuses everything else by file and line.

    import { a, b as c } from "./file.js";      import * as name from "./file.js";
    export const a = …;      export [async] function[*] a(…      export class A …      export { a, b };

A name that is exported is never assigned anew (there is no `export let`), so a copy of it is as good as the binding.
"""
import os
import re

NAME = r"[A-Za-z_$][\w$]*"
NAMES = rf"\{{ ({NAME}(?: as {NAME})?(?:, {NAME}(?: as {NAME})?)*) \}}"
IMPORT = re.compile(rf'import (?:{NAMES}|\* as ({NAME})) from "\./([\w-]+\.js)";')
EXPORT_LIST = re.compile(rf"export \{{ ({NAME}(?:, {NAME})*) \}};")
EXPORT = re.compile(rf"export (?:(const) ({NAME}) = |(?:async )?(?:function\*? |class )({NAME})\b)")
OURS = "$module_"  # a module's exports in the bundle: no name of a source begins like this

# A slash after one of these begins a regular expression; after another name, a number or a closing bracket it divides.
BEFORE_REGEX = set("return typeof case in of delete void throw new else do yield await instanceof".split())
TOKEN = re.compile(rf"""(?P<blank>\s+|//[^\n]*|/\*.*?\*/)|(?P<name>\#?{NAME})|(?P<number>\.?\d[\w.]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<other>\.\.\.|=>|[^\s\w$"'`\\])""", re.X | re.S)
REGEX = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
TEMPLATE = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*", re.S)


class Refused(Exception):
    """At `file`:`line`: what was found, and what is expected."""

    def __init__(self, file, line, text):
        super().__init__(f"{file}:{line}: {text}")


def tokens(text, fail):
    """(where, text, depth of brackets before it) of each token that is code: no comments; of a template what stands in its ${}."""
    at, stack, last, kind = 0, [], "", ""

    def template(at):
        end = TEMPLATE.match(text, at).end()
        if text.startswith("${", end):
            stack.append("${")
            return end + 2
        if not text.startswith("`", end):
            fail(at, "a template has no end")
        return end + 1

    while at < len(text):
        here = at
        if text[at] == "`":
            at, last, kind = template(at + 1), "`", "string"
            continue
        if text[at] == "/" and text[at + 1:at + 2] not in ("/", "*") and kind not in ("number", "string", "name") and last not in (")", "]", "}"):
            found = REGEX.match(text, at)
            if not found:
                fail(at, "a regular expression has no end")
            at, last, kind = found.end(), found.group(), "string"
            yield here, last, len(stack)
            continue
        found = TOKEN.match(text, at)
        if not found:
            fail(at, f"{text[at]!r} is not understood")
        at = found.end()
        if found.lastgroup == "blank":
            continue
        last, kind = found.group(), found.lastgroup
        if kind == "name" and last in BEFORE_REGEX:
            kind = "other"
        yield here, last, len(stack)
        if kind != "other":
            continue
        if last in ("(", "[", "{"):
            stack.append(last)
        elif last in (")", "]", "}"):
            opened = stack.pop() if stack else ""
            if opened == "${" and last == "}":
                at, last, kind = template(at), "`", "string"
            elif opened + last not in ("()", "[]", "{}"):
                fail(here, f"{last} closes {opened or 'nothing'}")
    if stack:
        fail(len(text), f"{stack[-1]} is not closed")


class Module:
    """A file: what it imports and exports, and its text for the bundle."""

    def __init__(self, path):
        self.path, self.file = path, os.path.basename(path)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        self.imports = []  # (file, [names], line)
        self.exports = {}  # name: line
        edits, done, constant = [], 0, False  # (from, to, what comes there)

        def fail(at, said):
            raise Refused(path, text.count("\n", 0, at) + 1, said)

        for at, word, depth in tokens(text, fail):
            if word.startswith(OURS):
                fail(at, f"names with {OURS} are the bundle's")
            if depth == 0 and word == ";":
                constant = False
            if depth == 0 and word == "," and constant:
                fail(at, "export const is for one name")
            if at < done or word not in ("import", "export"):
                continue
            if depth or (at and text[at - 1] != "\n"):
                fail(at, f"{word} must stand at the begin of a line and outside of brackets")
            line = text.count("\n", 0, at) + 1
            one, several, what = IMPORT.match(text, at), EXPORT_LIST.match(text, at), EXPORT.match(text, at)
            found = one or several or what
            if not found:
                fail(at, f"this form of {word} is not known to the bundle (bundle.py has those that are)")
            done = found.end()
            if one:
                names = [n.split(" as ") for n in one[1].split(", ")] if one[1] else []
                self.imports.append((one[3], [n[0] for n in names], line))
                edits.append((at, done, f"const {one[2] or '{ ' + ', '.join(': '.join(n) for n in names) + ' }'} = {OURS}{identifier(one[3])};"))
            elif several:
                self.export(several[1].split(", "), line)
                edits.append((at, done, ""))
            else:
                constant = what[1] is not None
                self.export([what[2] or what[3]], line)
                edits.append((at, at + len("export "), ""))
        for start, end, instead in reversed(edits):
            text = text[:start] + instead + text[end:]
        self.text = text

    def export(self, names, line):
        for name in names:
            if name in self.exports:
                raise Refused(self.path, line, f"{name} is exported twice")
            self.exports[name] = line


def identifier(file):
    return re.sub(r"\W", "_", file[:-len(".js")])


def bundle(paths, first="app.js"):
    """One script out of these modules, begun with `first`. Refused says why not."""
    modules = {m.file: m for m in map(Module, paths)}
    if len({identifier(f) for f in modules}) < len(paths) or first not in modules:
        raise Refused(first, 1, "the files' names must differ, and the first must be among them")
    order, under_way = [], []

    def place(module):
        under_way.append(module.file)
        for file, names, line in module.imports:
            if file not in modules:
                raise Refused(module.path, line, f"there is no {file} (engine/meson.build lists the files)")
            if file in under_way:
                raise Refused(module.path, line, f"{file} needs this file: the bundle knows no circles")
            for name in names:
                if name not in modules[file].exports:
                    raise Refused(module.path, line, f"{file} does not export {name}")
            if modules[file] not in order:
                place(modules[file])
        under_way.pop()
        order.append(module)

    place(modules[first])
    for module in modules.values():
        if module not in order:
            raise Refused(module.path, 1, "nobody imports this file")
    parts = [f"// {m.file}\nconst {OURS}{identifier(m.file)} = (() => {{\n{m.text}\nreturn {{ {', '.join(m.exports)} }};\n}})();\n" for m in order]
    return '"use strict";\n(() => {\n' + "".join(parts) + "})();\n"
