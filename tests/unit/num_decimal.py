#!/usr/bin/python3
"""sql/base/num.c against Python's decimal module: the same random numbers, the same answers.

num_decimal.py TOOL [COUNT [SEED]]: TOOL is tests/support/num_tool, COUNT the pairs per operation
(default 20000). Prints TAP, a line per operation.
"""
import random
import subprocess
import sys
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, setcontext

# Exponents far beyond ours: the limits of sql.md 4 are applied in one place, finish().
ROUNDED = Context(prec=34, rounding=ROUND_HALF_EVEN, Emax=999999, Emin=-999999)
EXACT = Context(prec=6000, rounding=ROUND_HALF_EVEN, Emax=999999, Emin=-999999)
setcontext(ROUNDED)  # what abs() and unary minus go by
BATCH = 50000


def text_of(value, dialect, is_int):
    """The text of sql.md section 9."""
    sign, digits, exponent = value.as_tuple()
    digits = "".join(map(str, digits))
    first = len(digits) + exponent - 1
    sign = "-" if sign else ""
    if value == 0:
        body = "0"
    elif first >= 34 or first < -6:
        digits = digits.rstrip("0")
        body = digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + "E" + ("+" if first > 0 else "-") + str(abs(first))
        return sign + body
    else:
        body = format(abs(value), "f")
        if "." in body:
            body = body.rstrip("0").rstrip(".")
    if "." not in body and dialect == 2015 and not is_int:
        body += ".0"
    return ("" if value == 0 else sign) + body


def finish(value, dialect, is_int):
    """A result as num_tool prints it. `is_int`: the kind that 2015-10-08 keeps."""
    value = ROUNDED.plus(value)
    if value != 0 and value.adjusted() > 999:
        return "U"
    if value != 0 and value.adjusted() < -999:
        value = Decimal(0)
    whole = value == 0 or value.adjusted() < 34 and EXACT.to_integral_value(value) == value
    if dialect == 2016:
        is_int = whole
    is_int = is_int and whole
    return ("I " if is_int else "D ") + text_of(value, dialect, is_int)


class Number:
    """An operand as num.c holds it after parsing; `value` is None when it is out of range."""

    def __init__(self, token, dialect):
        value = ROUNDED.plus(Decimal(token))
        self.value = value
        if value != 0 and value.adjusted() > 999:
            self.value = None
        elif value != 0 and value.adjusted() < -999:
            self.value = Decimal(0)
        if self.value is not None:
            value = self.value
            whole = value == 0 or value.adjusted() < 34 and EXACT.to_integral_value(value) == value
            self.is_int = whole if dialect == 2016 else whole and not set(token) & set(".eE")


def floor_of(value):
    return int(value.to_integral_value(ROUND_FLOOR, EXACT))


def divide(a, b, exact):
    if b.value == 0:
        return None, False
    if a.is_int and b.is_int and not exact:
        x, y = int(a.value), int(b.value)
        quotient = abs(x) // abs(y)
        return Decimal(-quotient if (x < 0) != (y < 0) else quotient), True
    return ROUNDED.divide(a.value, b.value), False


def answer(op, dialect, a, b):
    both = a.is_int and b.is_int
    if op == "add":
        return finish(ROUNDED.add(a.value, b.value), dialect, both)
    if op == "sub":
        return finish(ROUNDED.subtract(a.value, b.value), dialect, both)
    if op == "mul":
        return finish(ROUNDED.multiply(a.value, b.value), dialect, both)
    if op in ("div", "exact"):
        value, is_int = divide(a, b, op == "exact")
        return "U" if value is None else finish(value, dialect, is_int)
    if op == "mod":
        return "U" if b.value == 0 else finish(EXACT.remainder(a.value, b.value), dialect, both)
    if op == "neg":
        return finish(-a.value if a.value else a.value, dialect, a.is_int)
    if op == "abs":
        return finish(abs(a.value), dialect, a.is_int)
    if op == "parse":
        return finish(a.value, dialect, a.is_int)
    if op in ("floor", "ceil", "round"):
        how = {"floor": ROUND_FLOOR, "ceil": ROUND_CEILING, "round": ROUND_HALF_UP}[op]
        return finish(a.value.to_integral_value(how, EXACT), dialect, True)
    if op == "trunc":
        if a.is_int:
            return finish(a.value, dialect, True)
        return finish(a.value.quantize(Decimal(1).scaleb(-int(b.value)), ROUND_DOWN, EXACT), dialect, False)
    if op in ("and", "or", "xor"):
        x, y = int(a.value), int(b.value)
        return finish(Decimal(x & y if op == "and" else x | y if op == "or" else x ^ y), dialect, True)
    if op == "not":
        return finish(Decimal(~int(a.value)), dialect, True)
    if op == "cmp":
        return str((a.value > b.value) - (a.value < b.value))
    if op == "clamp":
        return str(max(-(2**63), min(2**63 - 1, floor_of(a.value))))
    if op == "i64":
        whole = EXACT.to_integral_value(a.value) == a.value
        return str(int(a.value)) if whole and -(2**63) <= a.value < 2**63 else "no"
    if op == "todouble":
        return float(a.value)
    raise ValueError(op)


def digits(rng, count):
    text = "".join(rng.choice("0123456789") for _ in range(count))
    if rng.random() < 0.2:
        cut = rng.randrange(count + 1)
        text = text[:cut] + rng.choice("0005499") * (count - cut)
    return text


def token(rng):
    """A number as JSON may spell it, of every size num.c treats differently."""
    kind = rng.randrange(8)
    if kind == 0:
        text = str(rng.randrange(1000))
    elif kind == 1:
        text = str(rng.randrange(10 ** rng.randrange(1, 20)))
    elif kind == 2:
        text = str(int(digits(rng, rng.randrange(17, 41))))
    elif kind == 3:
        text = str(rng.randrange(1000)) + "." + digits(rng, rng.randrange(1, 5))
    elif kind == 4:
        text = str(int(digits(rng, rng.randrange(1, 30)))) + "." + digits(rng, rng.randrange(1, 30))
    elif kind == 5:
        text = "0." + "0" * rng.randrange(30) + digits(rng, rng.randrange(1, 36))
    elif kind == 6:
        text = str(rng.randrange(1, 10)) + "." + digits(rng, rng.randrange(1, 36)) + "e" + str(rng.randrange(-40, 41))
    else:
        text = str(int(digits(rng, rng.randrange(1, 36)))) + rng.choice("eE") + rng.choice(["", "+", "-"]) + str(rng.randrange(1010))
    return "-" + text if rng.random() < 0.4 else text


def integer(rng):
    number = str(rng.randrange(10 ** rng.randrange(1, 35)))
    return "-" + number if rng.random() < 0.5 else number


def near(rng, text):
    """A number close to another one, or of the same digits elsewhere."""
    change = rng.randrange(3)
    if change == 0:
        return text
    if change == 1 and "e" not in text.lower():
        return text + ("0" if "." in text else ".0") * 1
    value = ROUNDED.plus(Decimal(text))
    if value == 0 or abs(value.adjusted()) > 900:
        return text
    return str(ROUNDED.next_plus(value))


def pair(rng, op):
    if op in ("and", "or", "xor", "not"):
        return integer(rng), integer(rng)
    if op == "trunc":
        return token(rng), str(rng.randrange(35))
    a = token(rng)
    if op in ("clamp", "i64") and rng.random() < 0.5:
        a = str(rng.choice([-1, 1]) * (2**63 + rng.randrange(-3, 4))) + rng.choice(["", ".0", ".5", "e0"])
    b = near(rng, a) if rng.random() < 0.15 else token(rng)
    return a, b


def double(rng):
    """As float.hex() spells it."""
    kind = rng.randrange(7)
    if kind == 0:
        value = rng.randrange(2**53) / 10 ** rng.randrange(20)
    elif kind == 1:
        value = 2.0 ** rng.randrange(-1074, 1024)
    elif kind == 2:
        value = float.fromhex("0x0.%013xp-1022" % rng.randrange(2 ** rng.randrange(1, 53)))
    elif kind in (4, 5):
        value = float.fromhex("0x1.%013xp%d" % (rng.randrange(2**52), rng.randrange(-24, 60)))
    elif kind == 3:
        value = round(rng.uniform(-1e6, 1e6), rng.randrange(7))
    else:
        value = float.fromhex("0x1.%013xp%d" % (rng.randrange(2**52), rng.randrange(-1022, 1024)))
    return value.hex()


def make_lines(rng, op, count):
    lines, wanted = [], []
    while len(lines) < count:
        dialect = rng.choice((2015, 2016))
        if op == "fromdouble":
            text = double(rng)
            lines.append("fromdouble %d %s 0" % (dialect, text))
            wanted.append(finish(Decimal(repr(float.fromhex(text))), dialect, False))
            continue
        x, y = pair(rng, op)
        a, b = Number(x, dialect), Number(y, dialect)
        lines.append("%s %d %s %s" % (op, dialect, x, y))
        wanted.append("U" if a.value is None or b.value is None else answer(op, dialect, a, b))
    return lines, wanted


def agrees(got, want):
    return float.fromhex(got) == want if isinstance(want, float) and got != "U" else got == want


def check(tool, rng, op, count):
    """The first lines that differ."""
    wrong = []
    while count > 0 and not wrong:
        lines, wanted = make_lines(rng, op, min(count, BATCH))
        count -= BATCH
        run = subprocess.run([tool], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
        got = run.stdout.splitlines()
        if run.returncode != 0 or len(got) != len(lines):
            return ["the tool ended with %d after %d lines: %s" % (run.returncode, len(got), run.stderr[-300:])]
        wrong = ["%s: got %s, want %s" % (line, g, w) for line, g, w in zip(lines, got, wanted) if not agrees(g, w)]
    return wrong[:5]


def main():
    tool = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    ops = "add sub mul div exact mod neg abs parse floor ceil round trunc and or xor not cmp clamp i64 todouble fromdouble".split()
    print("1..%d" % len(ops))
    failed = 0
    for number, op in enumerate(ops, 1):
        wrong = check(tool, random.Random("%d %s" % (seed, op)), op, count)
        failed += bool(wrong)
        print("%sok %d - %s, %d pairs" % ("not " if wrong else "", number, op, count), flush=True)
        for line in wrong:
            print("# " + line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
