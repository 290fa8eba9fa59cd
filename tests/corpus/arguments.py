#!/usr/bin/python3
"""Each function on each type of argument, and each operator on each pair of types. TAP, one case a function.

usage: arguments.py WEIR

What a parameter takes stands in the manual's signatures (`weir help functions --json`); the conversion tables of
sql.md 5 and 6 stand here, in Python. An argument must do what its conversion does, written as a literal of the
wanted type, and Undefined where there is none; the same when it comes from the payload, is a literal, or is a
variable; in both SQL versions; with one argument too few or too many the result is Undefined.
"""
import base64
import decimal
import itertools
import json
import re
import subprocess
import sys

D = decimal.Decimal
decimal.getcontext().prec = 34
UNDEFINED = object()
ROLE = "arn:aws:iam::123456789012:role/r"

# (type, JSON text or None for Undefined)
VALUES = [
    ("Int", "5"), ("Int", "-3"), ("Int", "0"), ("Int", "9999999999999999999999999999999999"),
    ("Decimal", "2.5"), ("Decimal", "-2.5"), ("Decimal", "1e-7"), ("Decimal", "1.5e40"),
    ("String", '"5"'), ("String", '"-2.5"'), ("String", '"1e1"'), ("String", '"abc"'), ("String", '""'),
    ("String", '" 5"'), ("String", '"+5"'), ("String", '"true"'), ("String", '"é"'), ("String", '"1e+3"'),
    ("Boolean", "true"), ("Boolean", "false"),
    ("Array", "[1,2]"), ("Array", "[]"), ("Object", '{"a":1}'), ("Object", "{}"), ("Null", "null"), ("Undefined", None),
]
NUMERIC = re.compile(r"-?\d+(\.\d+)?([eE]-?\d+)?$", re.ASCII)

# Good arguments by name of parameter, as SQL literals; by type where the name is not listed.
GOOD = {"places": "1", "index": "1", "array": "[7, 8]", "object": "{'a': 1}", "pattern": "'yyyy'", "ms": "0",
        "zone": "'UTC'", "regex": "'b'", "with": "'x'", "level": "1", "instead": "0"}
BY_TYPE = {"Decimal": "2", "Int": "1", "String": "'abc'", "Any": "'v'", "Array": "[1]", "Object": "{'a': 1}"}


def literal(text):
    """A JSON value as SQL text."""
    return "missing" if text is None else json_to_sql(json.loads(text, parse_float=D, parse_int=D))


def json_to_sql(v):
    if isinstance(v, D):
        return f"{v:f}" if v == v.to_integral_value() and v.adjusted() < 34 else str(v).replace("E", "e")
    if isinstance(v, str):
        return "'" + v.replace("'", "''") + "'"
    if isinstance(v, list):
        return "[" + ", ".join(map(json_to_sql, v)) + "]"
    if isinstance(v, dict):
        return "{" + ", ".join(f"'{k}': {json_to_sql(x)}" for k, x in v.items()) + "}"
    return {None: "NULL", True: "TRUE", False: "FALSE"}[v]


def number(kind, text):
    """The Decimal an argument converts to, or UNDEFINED."""
    if kind in ("Int", "Decimal"):
        return D(text)
    if kind == "String" and NUMERIC.match(json.loads(text)):
        return D(json.loads(text))
    return UNDEFINED


def written(n):
    """A number as weir writes it (sql.md 9)."""
    n = n.normalize()
    if n.adjusted() < 34 and (n == n.to_integral_value() or n.as_tuple().exponent >= -34 and n.adjusted() >= -6):
        return f"{n:f}"
    digits = "".join(map(str, n.as_tuple().digits))
    return f"{'-' if n < 0 else ''}{digits[0]}{'.' + digits[1:] if digits[1:] else ''}E{n.adjusted():+d}"


def text(kind, given):
    """The String an argument converts to, or UNDEFINED."""
    if kind in ("Null", "Undefined"):
        return UNDEFINED
    if kind in ("Int", "Decimal"):
        return written(D(given))
    return json.loads(given) if kind == "String" else given


def converted(parameter, kind, given):
    """The argument as a literal of the parameter's type; UNDEFINED: the result must be Undefined."""
    if parameter == "String":
        s = text(kind, given)
        return s if s is UNDEFINED else json_to_sql(s)
    n = number(kind, given)
    if n is UNDEFINED:
        return n
    if parameter == "Int":
        n = n.to_integral_value(rounding=decimal.ROUND_FLOOR)
    return f"({json_to_sql(n)})"


def forms(function):
    """[(name, type, optional)] for each form of the signature."""
    for form in function["signature"].split(" | "):
        inside = form[form.index("(") + 1:-1]
        optional, parameters = False, []
        for piece in re.findall(r"\[|\]|'[^']*'|\w+ \w+|\.\.\.", inside):
            if piece in "[]":
                optional = piece == "["
            elif piece != "...":
                name, kind = (piece, "Constant") if piece[0] == "'" else piece.split()
                parameters.append((name, kind, optional))
        yield parameters


class Batch:
    """Questions to one weir; answers when asked."""

    def __init__(self):
        self.sent, self.answers = [], {}

    def ask(self, sql, payload="{}", version="2016-03-23"):
        self.sent.append({"id": str(len(self.sent)), "sql": sql, "payloadText": payload, "topic": "a/b",
                          "sqlVersion": version})
        return len(self.sent) - 1

    def run(self, weir):
        lines = "".join(json.dumps(case) + "\n" for case in self.sent)
        ran = subprocess.run([weir, "eval", "--cases", "-"], input=lines.encode(), stdout=subprocess.PIPE,
                             check=True, timeout=300)
        for line in ran.stdout.decode().splitlines():
            answer = json.loads(line)
            self.answers[int(answer["id"])] = answer

    def value(self, ident):
        answer = self.answers[ident]
        if answer["outcome"] != "output":
            return f"{answer['outcome']} {answer.get('message', '')}"
        out = base64.b64decode(answer["payloadBase64"]).decode()
        return out or "Undefined"


def call(name, arguments, before=""):
    return f"{before}SELECT VALUE {name}({', '.join(arguments)}) FROM 'a/b'"


def ask_function(batch, function, version):
    """[(what was asked, id, id of the reference or a value)]."""
    asked, name = [], function["name"]
    if name in ("rand", "newuuid") or function["lookup"]:
        return asked
    for parameters in forms(function):
        if any(n == "'proto'" for n, _, _ in parameters):
            continue  # its arguments do not convert: cases of the corpus
        good = [GOOD.get(n, BY_TYPE.get(k)) if k != "Constant" else n for n, k, _ in parameters]
        if version == "2015-10-08" and any("[" in g or "{" in g for g in good):
            continue
        for at, (parameter, kind, _) in enumerate(parameters):
            if kind not in ("Decimal", "Int", "String") or good[-1] is None:
                continue
            for given_kind, given in VALUES:
                if name == "get" and parameter == "text" and given_kind in ("Array", "Object"):
                    continue  # its other forms
                # What the table of functions says against the standard conversions (sql.md 11).
                special = (name == "trunc" and parameter == "places" and given_kind == "String") or \
                          (name == "get" and parameter in ("key", "text") and given_kind != "String")
                want = UNDEFINED if special else converted(kind, given_kind, given)
                if want is UNDEFINED:
                    reference = "Undefined"
                else:
                    reference = batch.ask(call(name, good[:at] + [want] + good[at + 1:]), version=version)
                payload = "{}" if given is None else f'{{"p": {given}}}'
                variants = [(call(name, good[:at] + ["p"] + good[at + 1:]), payload),
                            (call(name, good[:at] + ["@v"] + good[at + 1:], "SET @v = p "), payload)]
                if version != "2015-10-08" or given_kind not in ("Array", "Object"):
                    variants.append((call(name, good[:at] + [literal(given)] + good[at + 1:]), "{}"))
                for sql, p in variants:
                    what = f"{sql} {p}"
                    # A number that was a String is a Decimal: in 2015-10-08 it shows, as 5.0.
                    loose = version == "2015-10-08" and given_kind == "String" and kind != "String"
                    asked.append((what, batch.ask(sql, p, version), reference, loose))
            raw = call(name, good[:at] + ["*"] + good[at + 1:])
            if name not in ("encode", "decode"):
                asked.append((f"{raw} Raw", batch.ask(raw, "80", version), "Undefined"))
    if name != "concat":
        counts = {len(p) for p in forms(function)} | {sum(not o for _, _, o in p) for p in forms(function)}
        for count in {min(counts) - 1, max(counts) + 1} - {-1}:
            sql = call(name, ["1"] * count)
            asked.append((sql, batch.ask(sql, version=version), "Undefined"))
    return asked


# ---- operators

def typed(kind, given):
    """(kind, value) where the value can be compared."""
    return (kind, None if given is None else json.loads(given, parse_float=D, parse_int=D))


def of_number(n, version, whole):
    if n == 0:
        n = D(0)
    out = written(n)
    return out + ".0" if version == "2015-10-08" and not whole and re.fullmatch(r"-?\d+", out) else out


def is_int(kind, given, version):
    """Whether it is an Int in that version."""
    if kind not in ("Int", "Decimal"):
        return False
    n = D(given)
    if version == "2015-10-08":
        return kind == "Int"
    return n == n.to_integral_value() and n.adjusted() < 34


def arithmetic(op, a, b, version):
    x, y = number(*a), number(*b)
    if x is UNDEFINED or y is UNDEFINED:
        return "Undefined"
    ints = is_int(*a, version) and is_int(*b, version)
    if op in "/%" and y == 0:
        return "Undefined"
    if op == "%":
        with decimal.localcontext() as wide:
            wide.prec = 200
            r = x - y * (x / y).to_integral_value(rounding=decimal.ROUND_DOWN)
        return of_number(+r, version, ints)
    if op == "/" and ints:
        with decimal.localcontext() as wide:
            wide.prec = 200
            return of_number((x / y).to_integral_value(rounding=decimal.ROUND_DOWN), version, True)
    r = {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else None}[op]
    return of_number(r, version, ints and r.adjusted() < 34)


def truth(kind, given):
    if kind == "Boolean":
        return given == "true"
    if kind == "String" and json.loads(given).lower() in ("true", "false"):
        return json.loads(given).lower() == "true"
    return UNDEFINED


def boolean(b):
    return "true" if b else "false"


def operator(op, a, b, version):
    """The text of `a op b`, by sql.md 6."""
    if op in ("AND", "OR"):
        x, y = truth(*a), truth(*b)
        return "Undefined" if UNDEFINED in (x, y) else boolean(x and y if op == "AND" else x or y)
    if op in ("<", "<=", ">", ">="):
        x, y = number(*a), number(*b)
        if UNDEFINED in (x, y):
            return "Undefined"
        return boolean({"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[op])
    if op in ("=", "<>"):
        if "Undefined" in (a[0], b[0]):
            return "Undefined"
        family = [{"Int": "N", "Decimal": "N"}.get(k, k) for k in (a[0], b[0])]
        equal = family[0] == family[1] and typed(*a)[1] == typed(*b)[1]
        return boolean(equal == (op == "="))
    if op == "+" and "String" in (a[0], b[0]):
        # The text of a whole Decimal has a point in 2015-10-08.
        parts = [text(*v) for v in (a, b)]
        if UNDEFINED in parts:
            return "Undefined"
        parts = [of_number(D(v[1]), version, v[0] == "Int") if v[0] in ("Int", "Decimal") else p
                 for v, p in zip((a, b), parts)]
        return json.dumps("".join(parts), ensure_ascii=False)
    return arithmetic(op, a, b, version)


OPERATORS = ["AND", "OR", "<", "<=", ">", ">=", "=", "<>", "+", "-", "*", "/", "%"]


def ask_operator(batch, op, version):
    asked = []
    for a, b in itertools.product(VALUES, VALUES):
        members = [f'"{n}": {v[1]}' for n, v in (("a", a), ("b", b)) if v[1] is not None]
        payload = "{" + ", ".join(members) + "}"
        wanted = operator(op, a, b, version)
        sql = f"SELECT VALUE a {op} b FROM 'a/b'"
        asked.append((f"{version} {sql} {payload}", batch.ask(sql, payload, version), wanted))
        if version != "2015-10-08":
            sql = f"SELECT VALUE {literal(a[1])} {op} {literal(b[1])} FROM 'a/b'"
            asked.append((sql, batch.ask(sql, "{}", version), wanted))
    return asked


def ask_in(batch):
    asked = []
    for a in VALUES:
        items = [v for v in VALUES if v[1] is not None]
        for b in items:
            sql = f"SELECT VALUE {literal(a[1])} IN [{literal(b[1])}] FROM 'a/b'"
            asked.append((sql, batch.ask(sql), operator("=", a, b, "2016-03-23")))
    for b in VALUES:
        if b[0] != "Array":
            sql = "SELECT VALUE 1 IN p FROM 'a/b'"
            payload = "{}" if b[1] is None else f'{{"p":{b[1]}}}'
            asked.append((f"{sql} {payload}", batch.ask(sql, payload), "Undefined"))
    return asked


def ask_unary(batch):
    asked = []
    for kind, given in VALUES:
        payload = "{}" if given is None else f'{{"p":{given}}}'
        t, n = truth(kind, given), number(kind, given)
        asked.append((f"NOT {given}", batch.ask("SELECT VALUE NOT p FROM 'a/b'", payload),
                      "Undefined" if t is UNDEFINED else boolean(not t)))
        asked.append((f"- {given}", batch.ask("SELECT VALUE -p FROM 'a/b'", payload),
                      "Undefined" if n is UNDEFINED else of_number(-n, "2016-03-23", True)))
    return asked


# ---- cast

def cast(kind, given, to):
    n, whole = number(kind, given), to in ("Int", "Integer")
    if to in ("Bool", "Boolean"):
        if kind in ("Int", "Decimal"):
            return boolean(n != 0)
        t = truth(kind, given)
        return "Undefined" if t is UNDEFINED else boolean(t)
    if to in ("String", "Nvarchar", "Text", "Ntext", "varchar"):
        s = text(kind, given)
        return "Undefined" if s is UNDEFINED else json.dumps(s, ensure_ascii=False)
    if kind == "Boolean":
        return "1" if given == "true" else "0"
    if n is UNDEFINED:
        return "Undefined"
    return written(n.to_integral_value(rounding=decimal.ROUND_FLOOR) if whole and n.adjusted() < 34 else n)


def ask_cast(batch, to):
    asked = []
    for kind, given in VALUES:
        if to == "Double" and given and len(given) > 16:
            continue  # rounded to a double: numbers of the corpus
        payload = "{}" if given is None else f'{{"p":{given}}}'
        sql = f"SELECT VALUE cast(p AS {to}) FROM 'a/b'"
        asked.append((f"{sql} {payload}", batch.ask(sql, payload), cast(kind, given, to)))
    return asked


# ---- functions that take every type

def shown(kind, given):
    """A value alone as weir writes it."""
    if given is None:
        return "Undefined"
    return written(D(given)) if kind in ("Int", "Decimal") else given


def concat(values):
    if any(kind == "Array" for kind, _ in values):
        items = []
        for kind, given in values:
            inner = given[1:-1] if kind == "Array" else shown(kind, given)
            items += [inner] if inner and kind != "Undefined" else []
        return "[" + ",".join(items) + "]"
    texts = [text(*v) for v in values]
    if len(values) > 1 and not any(kind == "String" for kind, _ in values) or UNDEFINED in texts:
        return "Undefined"
    return json.dumps("".join(texts), ensure_ascii=False)


def ask_any(batch):
    asked = []

    def ask(expression, values, wanted):
        members = [f'"{n}": {v[1]}' for n, v in zip("ab", values) if v[1] is not None]
        payload = "{" + ", ".join(members) + "}"
        asked.append((f"{expression} {payload}", batch.ask(f"SELECT VALUE {expression} FROM 'a/b'", payload), wanted))

    for v in VALUES:
        empty = v[0] in ("Null", "Undefined")
        ask("isNull(a)", [v], boolean(v[0] == "Null"))
        ask("isUndefined(a)", [v], boolean(v[0] == "Undefined"))
        ask("nanvl(a, 7)", [v], "7" if empty else shown(*v))
        ask("nanvl(NULL, a)", [v], shown(*v))
        ask("get_or_default(a)", [v], "Undefined" if empty else shown(*v))
        ask("get_or_default(a, 7)", [v], "7" if empty else shown(*v))
        ask("get_or_default(missing, a)", [v], shown(*v))
        ask("concat(a)", [v], concat([v]))
        for w in VALUES:
            ask("concat(a, b)", [v, w], concat([v, w]))
    return asked


def main():
    weir = sys.argv[1]
    functions = json.loads(subprocess.run([weir, "help", "functions", "--json"], capture_output=True, check=True).stdout)
    batch, groups = Batch(), []
    for function in functions:
        asked = ask_function(batch, function, "2016-03-23")
        if function["since"] == "2015-10-08":
            asked += ask_function(batch, function, "2015-10-08")
        groups.append((function["name"], asked))
    for op in OPERATORS:
        groups.append((f"operator {op}", ask_operator(batch, op, "2016-03-23") + ask_operator(batch, op, "2015-10-08")))
    groups += [("operator IN", ask_in(batch)), ("NOT and unary -", ask_unary(batch)),
               ("functions of any type", ask_any(batch))]
    for to in ("String", "Nvarchar", "Text", "Ntext", "varchar", "Int", "Integer", "Decimal", "Double", "Bool", "Boolean"):
        groups.append((f"cast to {to}", ask_cast(batch, to)))
    batch.run(weir)
    groups = [(title, asked) for title, asked in groups if asked]
    print(f"1..{len(groups)}")
    bad = 0
    for number_, (title, asked) in enumerate(groups, 1):
        wrong = []
        for what, ident, reference, *loose in asked:
            got = batch.value(ident)
            wanted = batch.value(reference) if isinstance(reference, int) else reference
            if loose and loose[0]:
                got, wanted = (v[:-2] if re.fullmatch(r"-?\d+\.0", v) else v for v in (got, wanted))
            if got != wanted:
                wrong.append(f"{what}: {got}, wanted {wanted}")
        bad += bool(wrong)
        print(f"{'not ' if wrong else ''}ok {number_} - {title}: {len(asked)} calls")
        for line in wrong[:8]:
            print(f"#   {line}")
        if len(wrong) > 8:
            print(f"#   and {len(wrong) - 8} more")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
