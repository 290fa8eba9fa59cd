#!/usr/bin/env python3
"""Random policies against a slow, obvious evaluator. usage: policy_differential.py TOOL COUNT [SEED]

The evaluator here follows control-plane.md 7 and AWS's guide, with regular expressions and no thought for
speed. By hand with more: policy_differential.py <build>/tests/unit/policy_tool 200000 SEED
"""
import ipaddress, json, random, re, subprocess, sys

REGION, ACCOUNT = "eu-west-1", "123456789012"
SEGMENTS = ["a", "b", "ab", "c1", "é", "+", "#", "x*y", "a:b", "", "hall-3", "$share"]
ATTRIBUTE = "iot:Connection.Thing.Attributes[%s]"
KNOWN = ["iot:ClientId", "aws:SourceIp", "iot:DomainName", "iot:Connection.Thing.ThingName",
         "iot:Connection.Thing.ThingTypeName", "iot:Connection.Thing.IsAttached"]
CERTIFICATE = "iot:Certificate.Subject.OrganizationalUnit"


# ---- the slow evaluator

def lookup(key, variables):
    """The values of a key: a list; None when weir does not know such a key."""
    for name in KNOWN:
        if key.lower() == name.lower():
            return [variables[name]] if name in variables else []
    if key.startswith("iot:Connection.Thing.Attributes["):
        return [variables[key]] if key in variables else []
    if key.startswith(CERTIFICATE):
        values, rest = variables.get(CERTIFICATE, []), key[len(CERTIFICATE):]
        if rest == ".List":
            return values
        at = int(rest[1:]) if rest else 0
        return values[at:at + 1]
    return None


def regex(text, variables, wildcards, substitute, filter_, index):
    """The regular expression that a pattern stands for, lists by their value number `index`, and whether
    there are lists; None: a variable has no value, or none that may stand there."""
    made, at, lists, good = "", 0, False, True
    while at < len(text):
        c, step = text[at], 1
        piece = re.escape(c)
        if wildcards and c == "*":
            piece = ".*"
        elif wildcards and c == "?":
            piece = "."
        elif substitute and text.startswith("${", at):
            close = text.find("}", at)
            if close < 0:
                return None, False
            key, step = text[at + 2:close], close + 1 - at
            if key in ("*", "?", "$"):
                piece = re.escape(key)
            else:
                values = lookup(key, variables) or []
                values = values[index:index + 1] if key.endswith(".List") else values[:1]
                lists = lists or key.endswith(".List")
                good = good and bool(values) and not (filter_ and re.search("[+#]", values[0]))
                piece = re.escape(values[0]) if values else ""
        made += piece
        at += step
    return made if good else None, lists


def matches(text, value, variables, wildcards=True, substitute=True, filter_=False, flags=0):
    for index in range(64):
        r, lists = regex(text, variables, wildcards, substitute, filter_, index)
        if r is None:
            return False
        if re.fullmatch(r, value, re.S | flags):
            return True
        if not lists:
            return False
    return False


def resource_matches(pattern, resource, variables, substitute):
    if pattern and set(pattern) == {"*"}:
        return True
    parts = pattern.split(":", 5)
    if 1 < len(parts) < 6 and parts[-1] and set(parts[-1]) == {"*"}:
        parts += ["*"] * (6 - len(parts))
    if len(parts) < 6 or parts[0] != "arn" or parts[1] not in ("aws", "aws-cn", "aws-us-gov", "*") or parts[2] not in ("iot", "*"):
        return False
    return (matches(parts[3], REGION, {}, substitute=False) and matches(parts[4], ACCOUNT, {}, substitute=False)
            and matches(parts[5], resource, variables, substitute=substitute, filter_=resource.startswith("topicfilter/")))


def holds(operator, key, wanted, variables, substitute):
    """Whether one condition holds; None: not supported."""
    values = lookup(key, variables)
    optional = operator.endswith("IfExists")
    name = operator[:-8] if optional else operator
    if values is None:
        return None
    for w in wanted if isinstance(wanted, list) else [wanted]:
        # A variable that is not known makes the condition one that is not understood.
        for key_ in re.findall(r"\$\{([^}]*)(?:\}|$)", w) if substitute and isinstance(w, str) else []:
            if key_ not in ("*", "?", "$") and lookup(key_, variables) is None or "${" + key_ + "}" not in w:
                return None
    wanted = [str(w).lower() if isinstance(w, bool) else w for w in (wanted if isinstance(wanted, list) else [wanted])]
    if name == "Null":
        return ("false" if values else "true") in wanted
    negated = "Not" in name

    def fits(value):
        for w in wanted:
            if "IpAddress" in name:
                try:
                    if ipaddress.ip_address(value) in ipaddress.ip_network(w, strict=False):
                        return True
                except ValueError:
                    pass
            elif name.endswith("IgnoreCase") or name == "Bool":
                if matches(w, value, variables, wildcards=False, substitute=substitute, flags=re.I | re.A):
                    return True
            elif matches(w, value, variables, wildcards="Like" in name, substitute=substitute):
                return True
        return False

    if not values:
        return optional or negated
    return any(fits(v) for v in values) != negated


def evaluate(document, action, resource, variables):
    statements = document["Statement"]
    statements = statements if isinstance(statements, list) else [statements]
    substitute = document.get("Version") == "2012-10-17"
    allowed = None
    for i, s in enumerate(statements):
        deny = s["Effect"] == "Deny"
        supported, hold = True, True
        for operator, keys in s.get("Condition", {}).items():
            for key, wanted in keys.items():
                h = None if operator == "DateLessThan" else holds(operator, key, wanted, variables, substitute)
                supported = supported and h is not None
                hold = hold and bool(h)
        actions = s["Action"] if isinstance(s["Action"], list) else [s["Action"]]
        resources = s["Resource"] if isinstance(s["Resource"], list) else [s["Resource"]]
        if not any(matches(a.lower(), action.lower(), {}, substitute=False) for a in actions):
            continue
        if not any(resource_matches(r, resource, variables, substitute) for r in resources):
            continue
        if deny and (hold or not supported):
            return f"deny {i}"
        if not deny and hold and supported and allowed is None:
            allowed = i
    return "nothing" if allowed is None else f"allow {allowed}"


# ---- random policies

def some_text(r, most=3):
    return "/".join(r.choice(SEGMENTS) for _ in range(r.randint(1, most)))


def some_pattern_text(r):
    parts = []
    for _ in range(r.randint(1, 4)):
        parts.append(r.choice([r.choice(SEGMENTS), "*", "?", "*" + r.choice(SEGMENTS), "**", "a?b", "${iot:ClientId}",
                               "${iot:Connection.Thing.ThingName}", "${" + ATTRIBUTE % "site" + "}", "${" + ATTRIBUTE % "none" + "}",
                               "${" + CERTIFICATE + "}", "${" + CERTIFICATE + ".1}", "${" + CERTIFICATE + ".List}", "${*}", "${?}", "${$}",
                               "${unknown:Key}", "$", "${", "{x}"]))
    return r.choice(["/", "", "-"]).join(parts)


def some_resource(r):
    head = r.choice(["arn:aws:iot:eu-west-1:123456789012:"] * 6 + ["arn:aws:iot:*:*:", "arn:aws:iot:eu-west-?:12*:", "arn:aws:iot:us-east-1:123456789012:",
                    "arn:aws:s3:eu-west-1:123456789012:", "arn:aws:iot:eu-west-1:999999999999:", "", "arn:aws:"])
    return r.choice(["*"] + [head + r.choice(["topic/", "topicfilter/", "client/", "t*/", ""]) + some_pattern_text(r)] * 12 + ["arn:aws:iot:*", "arn:*:*"])


def one_or_more(r, make):
    return make() if r.random() < 0.5 else [make() for _ in range(r.randint(1, 3))]


def some_condition(r):
    operator = r.choice(["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase",
                         "Bool", "IpAddress", "NotIpAddress", "Null", "DateLessThan"])
    key = r.choice(KNOWN + [ATTRIBUTE % "site", CERTIFICATE, CERTIFICATE + ".List", "aws:UserAgent"])

    def value():
        if "Ip" in operator:
            return r.choice(["10.0.0.0/8", "10.1.2.3", "10.1.2.4/31", "2001:db8::/32", "nonsense", "10.0.0.0/33"])
        if operator in ("Bool", "Null"):
            return r.choice(["true", "false", True, False])
        return r.choice(["c1", "C1", "c*", "a", "red", "green", "hall-3", "${iot:ClientId}", "*", some_pattern_text(r).replace(".List}", ".1}")])
    if operator not in ("Null", "DateLessThan") and r.random() < 0.2:
        operator += "IfExists"
    return {operator: {key: one_or_more(r, value)}}


def some_policy(r):
    statements = []
    for _ in range(r.randint(1, 4)):
        s = {"Effect": r.choice(["Allow", "Allow", "Deny"]),
             "Action": one_or_more(r, lambda: r.choice(["*", "iot:*", "iot:Publish", "iot:publish", "iot:Pub*", "iot:*e", "iot:Subscribe", "s3:*", "iot:Connec?"])),
             "Resource": one_or_more(r, lambda: some_resource(r))}
        if r.random() < 0.3:
            s["Condition"] = some_condition(r)
        statements.append(s)
    return {"Version": r.choice(["2012-10-17"] * 9 + ["2008-10-17"]), "Statement": statements if r.random() < 0.9 else statements[0]}


def some_variables(r):
    v = {"iot:ClientId": r.choice(["c1", "a", "+", "a/#", "*", "é", "x*y"]), "aws:SourceIp": r.choice(["10.1.2.3", "192.168.1.1", "2001:db8::1"]),
         "iot:Connection.Thing.IsAttached": r.choice(["true", "false"])}
    if v["iot:Connection.Thing.IsAttached"] == "true":
        v["iot:Connection.Thing.ThingName"] = r.choice(["c1", "a", "b"])
        v[ATTRIBUTE % "site"] = r.choice(["hall-3", "a", "*", "a/+"])
    if r.random() < 0.7:
        v[CERTIFICATE] = [r.choice(["red", "a", "b", "+"]) for _ in range(r.randint(1, 3))]
    return v


def main():
    tool, count = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    r = random.Random(seed)
    print("1..1")
    p = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    verdicts = {}
    for n in range(count):
        document, variables = some_policy(r), some_variables(r)
        resource = r.choice(["topic/", "topicfilter/", "client/"]) + some_text(r)
        action = r.choice(["iot:Publish", "iot:Connect", "iot:Subscribe"])
        want = evaluate(document, action, resource, variables)
        ask = {"document": json.dumps(document), "action": action, "resource": resource, "region": REGION, "account": ACCOUNT, "variables": variables}
        p.stdin.write(json.dumps(ask) + "\n")
        p.stdin.flush()
        got = p.stdout.readline().strip()
        verdicts[got.split()[0]] = verdicts.get(got.split()[0], 0) + 1
        if got != want:
            print(f"not ok 1 - {count} random policies\n# case {n} of seed {seed}: weir says {got!r}, the slow evaluator {want!r}\n# {json.dumps(ask)}")
            return 1
    p.stdin.close()
    p.wait()
    print("# " + ", ".join(f"{k}: {v}" for k, v in sorted(verdicts.items())))
    rare = min(verdicts.get(k, 0) for k in ("allow", "deny", "nothing"))
    print(f"{'ok' if rare > count // 100 else 'not ok'} 1 - {count} random policies answer as the slow evaluator does")
    return 0


if __name__ == "__main__":
    sys.exit(main())
