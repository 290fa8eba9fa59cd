#!/usr/bin/python3
"""sql/func/proto*.c against Google's Python library: the same random messages, the same JSON.

proto_differential.py TOOL [COUNT [SEED]]: TOOL is tests/support/proto_tool. Skipped without python3-protobuf or
protoc. The JSON mapping is the same as the library's but for: floats compare as floats, numbers by value.
"""
import json
import math
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import warnings

try:
    from google.protobuf import json_format
except ImportError:
    json_format = None

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import make_proto


def single(n):
    try:
        return struct.pack("<f", n)
    except OverflowError:
        return None


def same(a, b):
    """Equal JSON; numbers that a float holds alike count as equal."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    numbers = isinstance(a, (int, float)) and isinstance(b, (int, float))
    if numbers and not isinstance(a, bool) and not isinstance(b, bool):
        return a == b or (math.isfinite(a) and single(a) is not None and single(a) == single(b)
                          and "e" in repr(b).lower() + repr(a).lower())
    return type(a) is type(b) and a == b


def without_levels(v):
    if isinstance(v, list):
        return [without_levels(item) for item in v]
    return {k: without_levels(x) for k, x in v.items() if k != "levelBy"} if isinstance(v, dict) else v


def damage(r, data):
    data = bytearray(data)
    for _ in range(r.randint(1, 3)):
        if data:
            data[r.randrange(len(data))] = r.getrandbits(8)
    return bytes(data[:r.randint(0, len(data))] if r.random() < 0.3 else data)


def note_fields(m, seen):
    """Which fields were set, inside Any too."""
    for field, value in m.ListFields():
        seen.add(field.full_name)
        if field.message_type and field.message_type.GetOptions().map_entry:
            inner = value.values() if field.message_type.fields_by_name["value"].message_type else []
        else:
            inner = value if field.label == field.LABEL_REPEATED else [value]
        for item in inner if field.message_type else []:
            note_fields(item, seen)


def all_fields(modules):
    """Every field of both files, but for extensions."""
    kinds = [d for module in modules for d in module.DESCRIPTOR.message_types_by_name.values()]
    names = set()
    while kinds:
        d = kinds.pop()
        kinds.extend(d.nested_types)
        names.update(f.full_name for f in d.fields if not d.GetOptions().map_entry)
    return names


def expected(m):
    """The library's answer; None where it has none."""
    try:
        return json_format.MessageToDict(m) if m.IsInitialized() else None
    except Exception:  # values without a JSON form: the library has several classes for them
        return None


def main():
    tool, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    r = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    if not json_format or not shutil.which("protoc"):
        print("1..0 # SKIP needs python3-protobuf and protoc")
        return
    with tempfile.TemporaryDirectory() as folder:
        modules = make_proto.load(pathlib.Path(folder))
        messages, seen = [], set()
        for number in range(count):
            kind, proto = (modules[1].Rich, "rich3") if number % 3 else (modules[0].Old, "rich2")
            m = kind()
            make_proto.fill(r, m, modules)
            note_fields(m, seen)
            data = m.SerializeToString()
            messages.append((proto, kind, data, False))
            messages.append((proto, kind, damage(r, data), True))
        lines = "".join(f"{p} {k.DESCRIPTOR.name} {make_proto.b64(d)}\n" for p, k, d, _ in messages)
        answers = subprocess.run([tool, f"{folder}/rich.desc"], input=lines, capture_output=True, text=True,
                                 check=True).stdout.split("\n")
        bad = {False: [], True: []}
        warnings.simplefilter("error")  # "Not all data was converted" is a failure too
        said, quiet = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 2)  # the library logs each text that is not UTF-8
        for (proto, kind, data, damaged), answer in zip(messages, answers):
            m = kind()
            try:
                m.ParseFromString(data)
                want = expected(m)
            except Exception:  # the library's DecodeError lies elsewhere in each of its back ends
                want = None
            got = None if answer.startswith("!") else json.loads(answer)
            # Of damaged bytes the library takes some that we never do: in proto2 text that is not UTF-8, times out of
            # range; and it keeps map entries whose enum has an unknown number, with its default.
            lenient = damaged and ("not UTF-8" in answer or "out of range:" in answer)
            if damaged:
                got, want = without_levels(got), without_levels(want)
            if not lenient and not (same(got, want) if want is not None else got is None):
                bad[damaged].append((data.hex(), answer, want))
        os.dup2(said, 2)
    unseen = sorted(all_fields(modules) - seen)
    print("1..3")
    for number, damaged in enumerate((False, True), 1):
        what = "damaged messages" if damaged else "messages"
        print(f"{'not ' if bad[damaged] else ''}ok {number} - {count} random {what}")
        for data, answer, want in bad[damaged][:5]:
            print(f"# {data}\n#   weir    {answer}\n#   library {json.dumps(want)}")
        if bad[damaged]:
            print(f"# {len(bad[damaged])} differ")
    print(f"{'not ' if unseen else ''}ok 3 - every field of both files was in some message")
    if unseen:
        print(f"# never set: {', '.join(unseen)}")
    sys.exit(1 if bad[False] or bad[True] or unseen else 0)


if __name__ == "__main__":
    main()
