#!/usr/bin/python3
"""What static analysis claims of expressions, held against their values: TAP, a case a kind of input.

lint_claims.py TOOL CORPUS [COUNT [SEED]]: TOOL is tests/support/lint_tool, CORPUS the folder of conformance cases,
COUNT how many random statements are tried, each on several hostile payloads. Every sub-expression of every statement
is evaluated as a statement of its own; a type that was not claimed, a condition that is true although never was
claimed, a constant that changes is a failure.
"""
import base64
import json
import pathlib
import random
import subprocess
import sys

NAMES = ["a", "b", "c", "n", "s", "flag", "list", "obj", "nothing", "x1"]
CONSTANTS = ["0", "1", "2", "5", "-3", "7.5", "10.0", "1e3", "1e-7", "12345678901234567890123456789012345", "1e999", "1e9999",
             "'abc'", "'5'", "'-2.50'", "'1e9999'", "'true'", "'FALSE'", "''", "'Ab'", "' 5'", "'aGk='", "'W10='", "TRUE", "FALSE", "NULL",
             "'base64'", "'yyyy-MM-dd'", "'UTC'", "'(a'", "'a+'", "'enrichArray'", "[1, '5', true]", "[]", "{}",
             "{'a': 1}", "{'a': {'b': [1, 2]}}", "['a']", "[{'a': 1}]"]
BINARY = ["AND", "OR", "=", "<>", "<", "<=", ">", ">=", "IN", "+", "-", "*", "/", "%"]
CASTS = ["String", "Int", "Decimal", "Double", "Boolean"]
# Look-ups are left out: without a service they only fail.
CALLS = """abs ceil floor round sign trunc mod remainder power sqrt exp ln log sin cos tan asin acos atan atan2 sinh cosh
tanh bitand bitor bitxor bitnot nanvl rand concat length numbytes indexof lower upper ltrim rtrim trim lpad rpad
startswith endswith replace substring chr regexp_matches regexp_substr regexp_replace md2 md5 sha1 sha224 sha256 sha384
sha512 get isNull isUndefined get_or_default transform encode decode timestamp parse_time time_to_epoch topic clientid
principal traceid sourceip accountid sql_version newuuid get_mqtt_property get_user_properties""".split()
ARITY = {"rand": 0, "timestamp": 0, "clientid": 0, "principal": 0, "traceid": 0, "sourceip": 0, "accountid": 0,
         "sql_version": 0, "newuuid": 0, "trunc": 2, "mod": 2, "remainder": 2, "power": 2, "atan2": 2, "bitand": 2,
         "bitor": 2, "bitxor": 2, "nanvl": 2, "indexof": 2, "lpad": 2, "rpad": 2, "startswith": 2, "endswith": 2,
         "replace": 3, "regexp_matches": 2, "regexp_substr": 2, "regexp_replace": 3, "get": 2, "get_or_default": 2,
         "transform": 3, "encode": 2, "decode": 2, "parse_time": 2, "time_to_epoch": 2}
HINTS = {"encode": (1, "'base64'"), "decode": (1, "'base64'"), "transform": (0, "'enrichArray'"),
         "parse_time": (0, "'yyyy-MM-dd HH:mm z'"), "time_to_epoch": (1, "'yyyy-MM-dd'"),
         "get_mqtt_property": (0, "'content_type'")}
VALUES = ["null", "true", "false", "0", "-0", "1", "5", "5.0", "7.5", "-3", "1e3", "1E-400", "1e9999", "-1e9999",
          "123456789012345678901234567890123456789", '""', '"abc"', '"5"', '"-2.50"', '"true"', '"FALSE"', '"Ab"',
          '"1e9999"', '"aGk="', '"2020-01-02"', "[]", "[1, 2, 3]", '["5", null, 1e9999]', "[[1]]", "{}", '{"a": 1}',
          '{"a": {"b": [1, 1e9999]}, "5": 2}', '[{"a": 1}, {"b": 2}]']
PAYLOADS = ["80", "", "abc", "[]", "[1,2]", "{}", '"x"', "null", "{\"a\":1e9999}"]


class Maker:
    """Random statements and payloads."""

    def __init__(self, r):
        self.r = r
        self.variables = 0

    def field(self):
        r = self.r
        name = r.choice(NAMES)
        return r.choice([name, name, name, name + ".a", name + ".a.b", name + "[0]", f"get({name}, 1)", "*", "*.a"])

    def operand(self):
        r = self.r
        if self.variables and r.random() < 0.2:
            return f"@v{r.randrange(self.variables)}"
        return r.choice(CONSTANTS) if r.random() < 0.5 else self.field()

    def call(self, depth):
        r = self.r
        name = r.choice(CALLS)
        count = ARITY.get(name, 1)
        if r.random() < 0.05:
            count += r.choice([-1, 1])
        if name == "concat":
            count = r.randint(0, 3)
        if name in ("topic", "get_user_properties"):
            count = r.randint(0, 1)
        arguments = [self.expression(depth - 1) for _ in range(max(count, 0))]
        if name in HINTS and r.random() < 0.7 and len(arguments) > HINTS[name][0]:
            arguments[HINTS[name][0]] = HINTS[name][1]
        return f"{name}({', '.join(arguments)})"

    def case(self, depth):
        arms = " ".join(f"WHEN {self.expression(depth - 1)} THEN {self.expression(depth - 1)}"
                        for _ in range(self.r.randint(1, 3)))
        other = f" ELSE {self.expression(depth - 1)}" if self.r.random() < 0.5 else ""
        return f"CASE {self.expression(depth - 1)} {arms}{other} END"

    def query(self, depth):
        what = self.r.choice(["*", "VALUE a", "a, b AS c", f"VALUE {self.expression(depth - 1)}"])
        source = self.r.choice(["list", "obj", "*", "(SELECT * FROM list)", "[{'a': 1}]", "'abc'", "a.b"])
        where = f" WHERE {self.expression(depth - 1)}" if self.r.random() < 0.5 else ""
        return f"(SELECT {what} FROM {source}{where})"

    def expression(self, depth):
        r = self.r
        if depth <= 0:
            return self.operand()
        kind = r.random()
        if kind < 0.45:
            return f"({self.expression(depth - 1)} {r.choice(BINARY)} {self.expression(depth - 1)})"
        if kind < 0.70:
            return self.call(depth)
        if kind < 0.76:
            return f"(NOT {self.expression(depth - 1)})"
        if kind < 0.79:
            return f"(- {self.expression(depth - 1)})"
        if kind < 0.84:
            return f"cast({self.expression(depth - 1)} AS {r.choice(CASTS)})"
        if kind < 0.88:
            return self.case(depth)
        if kind < 0.91:
            return self.query(depth)
        if kind < 0.92:
            return f"EXISTS {self.query(depth)}"
        if kind < 0.94:
            return f"[{self.expression(depth - 1)}, {self.operand()}]"
        if kind < 0.96:
            return "{'a': " + self.expression(depth - 1) + "}"
        if kind < 0.98:
            return f"({self.expression(depth - 1)}).a"
        return f"({self.expression(depth - 1)})[{self.operand()}]"

    def term(self):
        """About few fields and values, so that terms meet."""
        r = self.r
        field = r.choice(["a", "b", "obj.a", "upper(s)", "lower(s)"])
        value = r.choice(["1", "2", "5", "'5'", "'abc'", "'AB'", "TRUE", "FALSE", "NULL", "'true'"])
        kind = r.random()
        if kind < 0.6:
            text = f"{field} {r.choice(['=', '<>', '<', '<=', '>', '>='])} {value}"
            if r.random() < 0.2:
                text = f"{value} {r.choice(['=', '<>', '<', '<=', '>', '>='])} {field}"
        elif kind < 0.7:
            text = f"{field} IN [{value}, {r.choice(['1', '7', 'NULL', chr(39) + 'z' + chr(39)])}]"
        elif kind < 0.85:
            text = f"{r.choice(['isUndefined', 'isNull'])}({field})"
        else:
            text = field
        if r.random() < 0.2:
            text = f"({text}) = {r.choice(['TRUE', 'FALSE'])}"
        return f"NOT ({text})" if r.random() < 0.25 else text

    def condition(self):
        terms = [self.term() for _ in range(self.r.randint(2, 4))]
        text = terms[0]
        for term in terms[1:]:
            text += f" {self.r.choice(['AND', 'AND', 'AND', 'OR'])} {term}"
        return text

    def statement(self):
        self.variables = 0
        assigns = []
        for i in range(self.r.choice([0, 0, 0, 1, 2])):
            assigns.append(f"@v{i} = {self.expression(2)}")
            self.variables = i + 1
        head = f"SET {', '.join(assigns)} " if assigns else ""
        where = self.condition() if self.r.random() < 0.5 else self.expression(self.r.randint(1, 4))
        return f"{head}SELECT {self.expression(self.r.randint(1, 4))} AS v FROM 't/#' WHERE {where}"

    def payload(self):
        r = self.r
        if r.random() < 0.1:
            return r.choice(PAYLOADS)
        members = [f'"{name}":{r.choice(VALUES)}' for name in NAMES if r.random() < 0.7]
        return "{" + ",".join(members) + "}"


def word(data):
    return base64.b64encode(data).decode() or "-"


def request(version, sql, topic, payload):
    return f"{version or '2015-10-08'} {word(sql.encode())} {word(topic.encode())} {word(payload)}\n"


def payload_of(case):
    if "payloadBase64" in case:
        return base64.b64decode(case["payloadBase64"])
    if "payloadText" in case:
        return case["payloadText"].encode()
    return json.dumps(case.get("payload"), separators=(",", ":"), ensure_ascii=False).encode()


def corpus_requests(folder):
    for file in sorted(pathlib.Path(folder).glob("*.jsonl")):
        for line in file.read_text("utf-8").split("\n"):
            case = json.loads(line) if line.strip() else {}
            if "sql" in case and " " not in case.get("sqlVersion", "") and "\x00" not in case["sql"]:
                yield case["sql"], request(case.get("sqlVersion"), case["sql"], case.get("topic", "t"), payload_of(case))


def random_requests(count, seed):
    maker = Maker(random.Random(seed))
    for _ in range(count):
        sql = maker.statement()
        version = "2015-10-08" if maker.r.random() < 0.2 else "2016-03-23"
        for _ in range(3):
            yield sql, request(version, sql, "t/1", maker.payload().encode())


def try_all(tool, name, number, requests):
    """One case: no claim is wrong, and many statements were looked at."""
    requests = list(requests)
    run = subprocess.run([tool], input="".join(text for _, text in requests).encode(), capture_output=True, check=False)
    answers = run.stdout.decode("utf-8", "replace").split("\n")[:-1]
    # A message may hold a line break: answers that begin otherwise belong to the one before.
    answers = [a for a in answers if a.startswith(("ok ", "invalid", "wrong "))]
    wrong = [(sql, text, a) for (sql, text), a in zip(requests, answers) if a.startswith("wrong ")]
    claims = sum(int(a.split()[1]) for a in answers if a.startswith("ok "))
    narrow = sum(int(a.split()[2]) for a in answers if a.startswith("ok "))
    valid = sum(not a.startswith("invalid") for a in answers)
    good = not wrong and run.returncode == 0 and len(answers) == len(requests) and valid > len(requests) / 4
    good = good and narrow > claims / 3  # else little is claimed
    print(f"{'ok' if good else 'not ok'} {number} - {name}: {claims} claims, {narrow} of them narrow, on {valid} messages")
    for sql, text, answer in wrong[:20]:
        print(f"# {answer}\n#   in {sql!r}\n#   {text.strip()}")
    if not good and not wrong:
        print(f"# status {run.returncode}, {len(answers)} answers to {len(requests)}: {run.stderr.decode()[-500:]}")
    return good


def main():
    tool, corpus = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    print("1..2")
    good = try_all(tool, "the statements of the corpus", 1, corpus_requests(corpus))
    good &= try_all(tool, f"random statements, seed {seed}", 2, random_requests(count, seed))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
