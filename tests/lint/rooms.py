#!/usr/bin/env python3
"""Which room may include which (style.md 1). TAP: one case a folder, each bad include with its place.

usage: rooms.py ROOT [--self-test]

Between rooms: the table RULES, first row that fits the file's path decides. Inside engine there is an order,
LEVELS: a file includes its own level and lower ones. Two things lie on the floor of engine, so that every
folder of it may use them: engine/config.h and engine/observe/*. `flow`, `registry`, `mqtt`, `kafka` and `lookup` share a
level: mqtt and kafka include flow's message.h and source.h, which say what a source is; the reverse is not
wanted (ONE_WAY).
"""
import fnmatch, pathlib, re, sys, tempfile

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')

# A library by its headers.
LIBRARIES = {
    "pcre2": ["pcre2.h"],
    "openssl": ["openssl/*"],
    "bid": ["bid_conf.h", "bid_functions.h"],
    "uv": ["uv.h", "uv/*"],
    "mosquitto": ["mosquitto.h", "mqtt_protocol.h"],
    "mosquitto-plugin": ["mosquitto_broker.h", "mosquitto_plugin.h", "mosquitto.h", "mqtt_protocol.h"],
    "jansson": ["jansson.h"],
    "yaml": ["yaml.h"],
    "sqlite": ["sqlite3.h"],
    "http_parser": ["http_parser.h"],
    "archive": ["archive.h", "archive_entry.h"],
    "rdkafka": ["librdkafka/*"],
    "curl": ["curl/*"],
    "zlib": ["zlib.h"],
    "expat": ["expat.h"],
}

# (files, what of the tree they may include, libraries). More special rows stand first.
ENGINE = ["engine/*", "sinks/sink.h", "sinks/lib/*", "sql/sql.h", "sql/template.h", "sql/topic.h", "sql/base/*", "sql/index.h"]
RULES = [
    ("sql/base/num*.[ch]", ["sql/base/*"], ["bid"]),
    ("sql/base/bid.h", ["sql/base/*"], ["bid"]),  # what num.c needs of it
    ("sql/base/*", ["sql/base/*"], []),
    ("sql/func/regex*", ["sql/*"], ["pcre2"]),
    ("sql/func/digest*", ["sql/*"], ["openssl"]),
    ("sql/func/md2*", ["sql/*"], ["openssl"]),
    ("sql/*", ["sql/*"], []),
    # A sink's own client library: SQLite for the local DynamoDB, OpenSSL for digests and signing.
    ("sinks/dynamodb*", ["sinks/*", "sql/base/*"], ["uv", "sqlite"]),
    # Local forms whose entries are rows of an SQLite file.
    ("sinks/service/rows*", ["sinks/*", "sql/base/*"], ["uv", "sqlite"]),
    ("sinks/lib/local_rows*", ["sinks/*", "sql/base/*"], ["sqlite"]),
    ("sinks/lib/local_dynamodb*", ["sinks/*", "sql/base/*"], ["uv", "sqlite"]),
    ("sinks/lib/local_sqs*", ["sinks/*", "sql/base/*"], ["uv", "sqlite"]),
    # MD5: which shard a key belongs to; what SQS says it has taken.
    ("sinks/kinesis/*", ["sinks/*", "sql/base/*"], ["uv", "openssl"]),
    ("sinks/sqs/*", ["sinks/*", "sql/base/*"], ["uv", "openssl"]),
    ("sinks/lib/httpd_tls*", ["sinks/*", "sql/base/*"], ["openssl"]),
    ("sinks/lib/httpd*", ["sinks/*", "sql/base/*"], ["uv", "http_parser"]),
    ("sinks/lib/http*", ["sinks/*", "sql/base/*"], ["uv", "http_parser", "curl"]),
    # DynamoDB's answers carry a CRC-32.
    ("sinks/lib/aws_answer*", ["sinks/*", "sql/base/*"], ["uv", "zlib"]),
    # Error documents and credentials of AWS's older services are XML.
    ("sinks/lib/aws_xml*", ["sinks/*", "sql/base/*"], ["expat"]),
    ("sinks/lib/aws*", ["sinks/*", "sql/base/*"], ["uv", "openssl"]),
    # OpenSSL opens Java's key stores, which librdkafka cannot.
    ("sinks/kafka*", ["sinks/*", "sql/base/*"], ["uv", "rdkafka", "openssl"]),
    # Aggregated objects may be gzip.
    ("sinks/s3/aggregate.c", ["sinks/*", "sql/base/*"], ["uv", "zlib"]),
    # Checksums of objects.
    ("sinks/s3/headers.c", ["sinks/*", "sql/base/*"], ["zlib"]),
    ("sinks/s3*", ["sinks/*", "sql/base/*"], ["uv", "openssl"]),
    ("sinks/*", ["sinks/*", "sql/base/*"], ["uv"]),
    # The broker's plugin shares these with weir: they stand on sql/base alone.
    ("engine/registry/policy*", ["engine/registry/policy*", "sql/base/*"], []),
    ("engine/registry/status*", ["engine/registry/policy.h", "engine/registry/status*", "sql/base/*"], []),
    ("engine/registry/origin*", ["engine/registry/origin.h", "sql/base/*"], ["openssl"]),
    ("engine/plugin/*", ["engine/plugin/*", "engine/registry/policy.h", "engine/registry/status.h",
      "engine/registry/origin.h", "engine/registry/broker_events.h", "sql/base/*"],
     ["mosquitto-plugin", "openssl"]),
    ("engine/config*", ENGINE, ["jansson", "yaml", "uv"]),
    # Message files are gzip by name.
    ("engine/cli/message_file.c", ENGINE, ["zlib"]),
    ("engine/cli/message_writer.c", ENGINE, ["zlib"]),
    # `weir version` asks every library which one it is.
    ("engine/cli/version.c", ENGINE, ["uv", "mosquitto", "jansson", "yaml", "pcre2", "curl", "openssl", "sqlite",
      "zlib", "expat", "rdkafka"]),
    # The admin socket's client speaks HTTP.
    ("engine/cli/admin_client.c", ENGINE, ["curl", "jansson"]),
    # `weir explain` and `weir eval` show programs, so the commands see how they and faults are explained; `weir
    # test` measures which places of a statement its cases have seen; `weir help` shows the functions; `weir
    # check` shows what static analysis finds, and looks at what comes out of a statement (outline.h).
    ("engine/cli/*", ENGINE + ["sql/explain.h", "sql/explain/*", "sql/coverage.h", "sql/lint.h", "sql/lint_codes.h",
      "sql/outline.h", "sql/func/functions.h", "sql/func/manual.h"], ["uv", "jansson", "yaml"]),
    ("engine/mqtt/*", ENGINE, ["uv", "mosquitto", "jansson", "openssl"]),
    ("engine/registry/*", ENGINE, ["uv", "jansson", "sqlite", "openssl"]),
    ("engine/admin/*", ENGINE, ["uv", "jansson", "sqlite", "openssl", "archive"]),
    ("engine/*", ENGINE, ["uv", "jansson", "rdkafka"]),
    ("tests/*", ["*"], list(LIBRARIES)),
    ("bench/*", ["*"], list(LIBRARIES)),
]

# Inside engine, from the floor up. First pattern that fits decides.
LEVELS = [
    (0, ["engine/config*", "engine/observe/*"]),
    (1, ["engine/rules/*", "engine/loop/*"]),
    (2, ["engine/flow/*", "engine/registry/*", "engine/mqtt/*", "engine/kafka/*", "engine/lookup/*"]),
    (3, ["engine/admin/*"]),
    (4, ["engine/cli/*"]),
    (5, ["engine/main.c"]),
]
# Pairs on one level where only the other direction is an arrow.
# lookup answers flow's host interface; neither it nor mqtt knows the other.
ONE_WAY = [("engine/flow/*", "engine/mqtt/*"), ("engine/flow/*", "engine/registry/*"),
           ("engine/flow/*", "engine/lookup/*"), ("engine/mqtt/*", "engine/lookup/*"),
           ("engine/lookup/*", "engine/mqtt/*"), ("engine/flow/*", "engine/kafka/*"),
           ("engine/kafka/*", "engine/mqtt/*"), ("engine/mqtt/*", "engine/kafka/*"),
           ("engine/lookup/*", "engine/kafka/*"), ("engine/kafka/*", "engine/lookup/*"),
           ("engine/rules/*", "engine/flow/*"), ("engine/loop/*", "engine/rules/*")]


def fits(path, patterns):
    return any(fnmatch.fnmatchcase(path, p) for p in patterns)


def level(path):
    for number, patterns in LEVELS:
        if fits(path, patterns):
            return number
    return None


def library(name):
    return [lib for lib, headers in LIBRARIES.items() if fits(name, headers)]


def trouble(root, file, quote, name):
    """Why `file` (from the root) may not include `name`, or None."""
    rule = next((r for r in RULES if fnmatch.fnmatchcase(file, r[0])), None)
    if not rule:
        return None if file.startswith("examples/") else "the file is in no room of style.md 1"
    _, tree, libraries = rule
    if quote == '"':
        if not (root / name).is_file():
            if (root / file).parent.joinpath(name).is_file():
                return "write it from the root of the tree"
            return "no such file"
        if not fits(name, tree):
            return f"expected one of {', '.join(tree)}"
        if file.startswith("engine/") and name.startswith("engine/") and not file.startswith("engine/plugin/"):
            mine, other = level(file), level(name)
            if mine is None or other is None:
                return "one of the two has no place in the order of engine"
            if other > mine:
                return "against the order main > cli > admin > flow registry mqtt lookup > rules loop > config observe"
            if any(fnmatch.fnmatchcase(file, a) and fnmatch.fnmatchcase(name, b) for a, b in ONE_WAY):
                return "against the one way between these two"
        return None
    known = library(name)
    if known and not any(lib in libraries for lib in known):
        return f"the library {known[0]} is not for this file"
    if not known and (root / name).is_file():
        return 'weir\'s own headers are written with "..."'
    return None


def check(root):
    """{folder: [message]} of all C files below root."""
    found = {}
    for room in ("sql", "sinks", "engine", "tests", "bench"):
        for path in sorted((root / room).rglob("*.[ch]")):
            file = path.relative_to(root).as_posix()
            if "/node_modules/" in file:
                continue
            messages = found.setdefault(file.rpartition("/")[0], [])
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                include = INCLUDE.match(line)
                why = trouble(root, file, include[1], include[2]) if include else None
                if why:
                    messages.append(f"{file}:{number}: includes {include[2]}: {why}")
    return found


def report(found):
    print(f"1..{len(found)}")
    for number, (folder, messages) in enumerate(sorted(found.items()), 1):
        print(f"{'not ' if messages else ''}ok {number} - includes of {folder}")
        for message in messages:
            print(f"# {message}")
    return any(found.values())


# (file, line to put into it, is it bad)
SELF = [
    ("sql/base/str.c", '#include "sql/sql.h"', True),
    ("sql/base/str.c", '#include "sql/base/buf.h"', False),
    ("sql/base/str.c", "#include <string.h>", False),
    ("sql/base/num.c", "#include <bid_functions.h>", False),
    ("sql/base/str.c", "#include <bid_functions.h>", True),
    ("sql/vm.c", '#include "sinks/sink.h"', True),
    ("sql/vm.c", "#include <uv.h>", True),
    ("sql/vm.c", "  #  include <pcre2.h>", True),
    ("sql/func/regex.c", "#include <pcre2.h>", False),
    ("sinks/s3.c", '#include "sql/sql.h"', True),
    ("sinks/s3.c", '#include "engine/config.h"', True),
    ("sinks/s3.c", '#include "sinks/lib/httpd.h"', False),
    ("sinks/s3.c", "#include <sqlite3.h>", True),
    ("engine/flow/flow.c", '#include "sinks/s3.h"', True),
    ("engine/flow/flow.c", '#include "sinks/lib/httpd.h"', False),
    ("engine/flow/flow.c", '#include "sql/vm.h"', True),
    ("engine/flow/flow.c", '#include "sql/sql.h"', False),
    ("engine/flow/flow.c", '#include "engine/rules/rule.h"', False),
    ("engine/flow/flow.c", '#include "engine/cli/cli.h"', True),
    ("engine/flow/flow.c", '#include "engine/mqtt/mqtt.h"', True),
    ("engine/flow/flow.c", "#include <mosquitto.h>", True),
    ("engine/mqtt/client.c", '#include "engine/flow/message.h"', False),
    ("engine/mqtt/client.c", "#include <mosquitto.h>", False),
    ("engine/rules/rule.c", '#include "engine/flow/message.h"', True),
    ("engine/rules/rule.c", '#include "engine/config.h"', False),
    ("engine/rules/rule.c", '#include "engine/observe/log.h"', False),
    ("engine/observe/log.c", '#include "engine/rules/rule.h"', True),
    ("engine/config.c", "#include <yaml.h>", False),
    ("engine/flow/flow.c", "#include <yaml.h>", True),
    ("engine/cli/cli.c", '#include "engine/flow/message.h"', False),
    ("engine/main.c", '#include "engine/cli/cli.h"', False),
    ("engine/cli/cli.c", '#include "cli.h"', True),
    ("engine/cli/cli.c", "#include <engine/cli/cli.h>", True),
    ("engine/cli/cli.c", '#include "engine/cli/none.h"', True),
    ("engine/lookup/lookup.c", '#include "engine/flow/message.h"', False),
    ("engine/flow/flow.c", '#include "engine/lookup/lookup.h"', True),
    ("engine/new/file.c", '#include "engine/config.h"', True),
    ("engine/plugin/plugin.c", '#include "engine/registry/store.h"', True),
    ("engine/plugin/plugin.c", '#include "engine/registry/policy.h"', False),
    ("engine/registry/policy.c", '#include "engine/registry/store.h"', True),
    ("engine/registry/policy.c", "#include <sqlite3.h>", True),
    ("tests/unit/test_x.c", '#include "sql/vm.h"', False),
]
HEADERS = ["sql/sql.h", "sql/vm.h", "sql/base/buf.h", "sinks/sink.h", "sinks/s3.h", "sinks/lib/httpd.h",
           "engine/config.h", "engine/observe/log.h", "engine/rules/rule.h", "engine/flow/message.h",
           "engine/mqtt/mqtt.h", "engine/lookup/lookup.h", "engine/cli/cli.h", "engine/registry/policy.h", "engine/registry/store.h"]


def self_test():
    """Does it fail where it should? Each line in a tree of its own."""
    print(f"1..{len(SELF)}")
    bad = False
    for number, (file, line, wanted) in enumerate(SELF, 1):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name in HEADERS + [file]:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).touch()
            (root / file).write_text(f"// A file.\n{line}\n")
            messages = [m for some in check(root).values() for m in some]
        right = (len(messages) == 1 and messages[0].startswith(f"{file}:2: ")) if wanted else not messages
        bad = bad or not right
        print(f"{'' if right else 'not '}ok {number} - {'refuses' if wanted else 'takes'} {line} in {file}")
        for message in messages if not right else []:
            print(f"# {message}")
    return bad


if __name__ == "__main__":
    sys.exit(self_test() if "--self-test" in sys.argv else report(check(pathlib.Path(sys.argv[1]))))
