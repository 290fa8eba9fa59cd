#!/usr/bin/python3
"""Makes tests/unit/proto: descriptor files by protoc, and messages with the JSON that Google's library makes of them.

make_proto.py         writes the fixtures anew (needs protobuf-compiler and python3-protobuf)

cases.txt has a line a case, parts between tabs: name, .proto, message type, bytes in base64, expected JSON
(members in the order of the fields' numbers), or "! " and what the fault's text contains.
"""
import base64
import importlib
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parent / "unit" / "proto"


def load(folder):
    """Compiles the .proto files into `folder` (Python modules and one descriptor file) and imports them."""
    from google.protobuf import descriptor_pb2
    files = ["rich2.proto", "rich3.proto"]
    known = descriptor_pb2.FileDescriptorSet()  # instead of libprotobuf-dev's .proto files
    for name in ("any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"):
        module = importlib.import_module(f"google.protobuf.{name}_pb2")
        known.file.add().ParseFromString(module.DESCRIPTOR.serialized_pb)
    known_file = pathlib.Path(folder) / "known.desc"
    known_file.write_bytes(known.SerializeToString())
    subprocess.run(["protoc", f"--proto_path={HERE / 'proto'}", f"--descriptor_set_in={known_file}", "--include_imports", f"--python_out={folder}",
                    f"--descriptor_set_out={folder}/rich.desc", *files], check=True)
    sys.path.insert(0, str(folder))
    return importlib.import_module("rich2_pb2"), importlib.import_module("rich3_pb2")


# ---- random messages

INTS = {1: "double", 2: "float", 3: 64, 4: -64, 5: 32, 6: -64, 7: -32, 13: -32, 15: 32, 16: 64, 17: 32, 18: 64}


def whole(r, bits):
    signed, bits = bits > 0, abs(bits)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    n = r.choice([0, 1, low, high, r.randint(low, high), r.randint(0, 300)])
    return max(low, min(high, n))


def floating(r, single):
    n = r.choice([0.0, 1.5, -2.25, r.random(), r.uniform(-1e6, 1e6), r.randint(0, 1000) / 10, 1e10, 1e-7, 16777217.0,
                  float("inf"), float("-inf"), float("nan"), r.random() * 10.0 ** r.randint(-40, 38), 3.4e38, 5e-324])
    if single:
        return struct.unpack("<f", struct.pack("<I", r.getrandbits(32)))[0] if r.random() < 0.3 else \
            struct.unpack("<f", struct.pack("<f", n))[0]
    return struct.unpack("<d", struct.pack("<Q", r.getrandbits(64)))[0] if r.random() < 0.2 else n


def text(r):
    return "".join(r.choice("abcXYZ _\"\\\n\u00e9\u20ac\U0001f600\x01") for _ in range(r.randint(0, 6)))


def scalar(r, f):
    if f.type in (1, 2):
        return floating(r, f.type == 2)
    if f.type == 8:
        return r.random() < 0.5
    if f.type == 9:
        return text(r)
    if f.type == 12:
        return bytes(r.getrandbits(8) for _ in range(r.randint(0, 5)))
    if f.type == 14:
        known = [v.number for v in f.enum_type.values]
        return r.choice(known if f.enum_type.file.syntax != "proto3" else known + [99, -1])
    return whole(r, INTS[f.type])


def fill_known(r, m, name, modules, depth):
    """Fills a well-known type so that it has a JSON form; False for other types."""
    if name == "Timestamp":
        m.seconds, m.nanos = r.randint(-62135596800, 253402300799), r.choice([0, 5, 120000000, 999999999, 7000])
    elif name == "Duration":
        sign = r.choice([-1, 1])
        m.seconds, m.nanos = sign * r.choice([0, 3, 315576000000]), sign * r.choice([0, 5, 500000000, 7000])
    elif name == "FieldMask":
        m.paths.extend(r.choice(["a", "user_name", "a.b_c", ""]) for _ in range(r.randint(0, 3)))
    elif name == "Struct":
        for _ in range(r.randint(0, 3)):
            fill_known(r, m.fields[text(r)], "Value", modules, depth + 1)
    elif name == "ListValue":
        for _ in range(r.randint(0, 3)):
            fill_known(r, m.values.add(), "Value", modules, depth + 1)
    elif name == "Value":
        kind = r.randint(0, 6 if depth < 6 else 4)
        if kind == 1:
            m.null_value = 0
        elif kind == 2:
            m.number_value = r.choice([0.0, -1.5, 1e300, 12345.0])
        elif kind == 3:
            m.string_value = text(r)
        elif kind == 4:
            m.bool_value = r.random() < 0.5
        elif kind > 4:
            inner = m.struct_value if kind == 5 else m.list_value
            inner.SetInParent()
            fill_known(r, inner, "Struct" if kind == 5 else "ListValue", modules, depth + 1)
    elif name == "Any":
        old, new = modules
        known = [f.message_type._concrete_class for f in new.Rich.DESCRIPTOR.fields
                 if f.message_type and f.message_type.file.package == "google.protobuf"]
        inner = r.choice(known if r.random() < 0.4 else [new.Person, new.Rich, old.Old])()
        fill(r, inner, modules, depth + 3)
        if r.random() < 0.9:
            m.Pack(inner)
    else:
        return False
    return True


def fill(r, m, modules, depth=0):
    """Sets some fields of a message, at random."""
    d = m.DESCRIPTOR
    if d.file.package == "google.protobuf" and fill_known(r, m, d.name, modules, depth):
        return
    chance = (0.4, 0.25, 0.12, 0.05)[min(depth, 3)]
    for f in d.fields:
        if r.random() > chance and not f.label == 2 or (f.message_type and depth > 5):
            continue
        entry = f.message_type and f.message_type.GetOptions().map_entry
        if entry:
            key, value = f.message_type.fields_by_name["key"], f.message_type.fields_by_name["value"]
            for _ in range(r.randint(1, 3)):
                target = getattr(m, f.name)
                if value.message_type:
                    fill(r, target[scalar(r, key)], modules, depth + 1)
                else:
                    target[scalar(r, key)] = scalar(r, value)
        elif f.message_type:
            if f.label == 3:
                for _ in range(r.randint(1, 3)):
                    fill(r, getattr(m, f.name).add(), modules, depth + 1)
            else:
                getattr(m, f.name).SetInParent()
                fill(r, getattr(m, f.name), modules, depth + 1)
        elif f.label == 3:
            getattr(m, f.name).extend(scalar(r, f) for _ in range(r.randint(1, 4)))
        else:
            setattr(m, f.name, scalar(r, f))


# ---- fixtures

def b64(data):
    return base64.b64encode(data).decode() or "-"


def by_hand(new):
    """Bytes that a library would not write, and ones that are damaged: name, .proto, type, bytes, expected."""
    nested = b""
    for _ in range(120):
        nested = b"\x8a\x01" + bytes([len(nested)]) + nested if len(nested) < 128 else \
            b"\x8a\x01" + bytes([len(nested) & 127 | 128, len(nested) >> 7]) + nested
    return [
        ("an empty message", "rich3", "Person", b"", "{}"),
        ("the documented message", "rich3", "Person", b"\x0a\x03Ann\x10\x07\x1a\x03a@b", '{"name":"Ann","id":7,"email":"a@b"}'),
        ("type with its package", "rich3", "weir.three.Person", b"\x10\x07", '{"id":7}'),
        ("type inside a type", "rich2", "Old.Deep", b"\x0d\xcd\xcc\xcc\x3d", '{"f":0.1}'),
        ("a type of an import", "rich3", "google.protobuf.Timestamp", b"", "! rich3.proto has no message"),
        ("no such type", "rich3", "Nobody", b"", "! rich3.proto has no message 'Nobody'"),
        ("no such file", "rich9", "Person", b"", "! has no 'rich9.proto'"),
        ("file with extension", "rich3.proto", "Person", b"", "! is given without"),
        ("file in a folder", "google/protobuf/timestamp", "Timestamp", b"", '"1970-01-01T00:00:00Z"'),
        ("file by its last name", "timestamp", "Timestamp", b"\x10\x05", '"1970-01-01T00:00:00.000000005Z"'),
        ("the last value counts", "rich3", "Person", b"\x10\x07\x10\x09", '{"id":9}'),
        ("zero after a value", "rich3", "Rich", b"\x18\x07\x18\x00", "{}"),
        ("messages merge", "rich3", "Rich", b"\x8a\x01\x02\x18\x01\x8a\x01\x02\x28\x02", '{"inner":{"anInt32":1,"aUint32":2}}'),
        ("packed where loose", "rich3", "Rich", b"\xc2\x01\x02\x01\x02", '{"int64s":["1","2"]}'),
        ("loose where packed", "rich3", "Rich", b"\xb8\x01\x01\xb8\x01\x02", '{"int32s":[1,2]}'),
        ("the later of a oneof", "rich3", "Rich", b"\xc2\x02\x01a\xc8\x02\x05", '{"chosenNumber":"5"}'),
        ("a oneof's default", "rich3", "Rich", b"\xd8\x02\x00", '{"chosenFlag":false}'),
        ("an unknown field", "rich3", "Person", b"\x10\x07\xa0\x06\x01\xaa\x06\x02hi", '{"id":7}'),
        ("an unknown group", "rich3", "Person", b"\xa3\x06\x08\x01\xa4\x06\x10\x07", '{"id":7}'),
        ("another wire type", "rich3", "Person", b"\x12\x01x\x10\x07", '{"id":7}'),
        ("a number without a name", "rich3", "Rich", b"\x80\x01\x63", '{"color":99}'),
        ("an alias", "rich3", "Rich", b"\x80\x01\x01", '{"color":"RED"}'),
        ("unnamed in proto2", "rich2", "Old", b"\x08\x01\x18\x63\x20\x01\x20\x63\x20\x05", '{"number":1,"levels":["LOW","HIGH"]}'),
        ("an entry unnamed in proto2", "rich2", "Old", b"\x52\x05\x0a\x01a\x10\x63\x52\x05\x0a\x01b\x10\x05", '{"levelBy":{"b":"HIGH"}}'),
        ("an entry of nothing", "rich3", "Rich", b"\x92\x03\x00\xa2\x03\x00", '{"byName":{"":0},"byFlag":{"false":{}}}'),
        ("the last of equal keys", "rich3", "Rich", b"\x92\x03\x05\x0a\x01a\x10\x01\x92\x03\x05\x0a\x01a\x10\x02", '{"byName":{"a":2}}'),
        ("a group", "rich2", "Old", b"\x43\x08\x05\x44", '{"box":{"width":5}}'),
        ("required and there", "rich2", "Needs", b"\x08\x00", '{"must":0}'),
        ("required and missing", "rich2", "Needs", b"", "! lacks the required field must of weir.two.Needs"),
        ("required and missing inside", "rich2", "Old", b"\x3a\x00", "! lacks the required field must"),
        ("an extension", "rich2", "Old", b"\xa0\x06\x01", "{}"),
        ("int32 of ten bytes", "rich3", "Rich", b"\x18" + b"\xff" * 9 + b"\x01", '{"anInt32":-1}'),
        ("not a number", "rich3", "Rich", b"\x15\x00\x00\xc0\x7f", '{"aFloat":"NaN"}'),
        ("minus zero", "rich3", "Rich", b"\x15\x00\x00\x00\x80", '{"aFloat":0}'),
        ("cut in a tag", "rich3", "Rich", b"\x18\x01\x8a", "! a varint that ends early in weir.three.Rich at byte 2"),
        ("cut in a length", "rich3", "Person", b"\x0a\x05Ann", "! a length beyond the end in weir.three.Person at byte 1"),
        ("cut in a number", "rich3", "Rich", b"\x0d\x00", "! a number that ends early"),
        ("field number zero", "rich3", "Person", b"\x00\x00", "! a field number out of range"),
        ("wire type seven", "rich3", "Person", b"\x0f", "! unknown wire type"),
        ("a varint too long", "rich3", "Person", b"\x10" + b"\xff" * 11, "! a varint of more than 10 bytes"),
        ("a group without end", "rich2", "Old", b"\x43\x08\x05", "! a group without end"),
        ("an end without group", "rich2", "Old", b"\x44", "! the end of another group"),
        ("text that is not UTF-8", "rich3", "Person", b"\x10\x07\x0a\x01\xff", "! text that is not UTF-8 in name at byte 2"),
        ("nested too deep", "rich3", "Rich", nested, "! nested deeper than 100"),
        ("an Any of an unknown type", "rich3", "Rich", b"\x92\x04\x05\x0a\x03x/y", "! 'x/y', which is not in the descriptor"),
        ("a Timestamp out of range", "rich3", "Rich", b"\xe2\x03\x0b\x10" + b"\xff" * 9 + b"\x01", "! a Timestamp out of range"),
        ("a Duration of two signs", "rich3", "Rich", b"\xea\x03\x0d\x08\x01\x10" + b"\xff" * 9 + b"\x01", "! a Duration out of range"),
        ("a mask without a JSON form", "rich3", "Rich", b"\xf2\x03\x04\x0a\x02Ab", "! has no JSON form"),
        ("a Value that is infinite", "rich3", "Rich", b"\x82\x04\x09\x11" + struct.pack("<d", float("inf")), "! NaN or infinite"),
    ]


def main():
    from google.protobuf import json_format
    with tempfile.TemporaryDirectory() as folder:
        modules = load(pathlib.Path(folder))
        OUT.mkdir(exist_ok=True)
        (OUT / "rich.desc").write_bytes((pathlib.Path(folder) / "rich.desc").read_bytes())
        r = random.Random(7)
        rows = [(n, p, t, b64(data), want) for n, p, t, data, want in by_hand(modules[1])]
        for number in range(20):
            kind, proto = (modules[1].Rich, "rich3") if number % 3 else (modules[0].Old, "rich2")
            m = kind()
            fill(r, m, modules)
            want = json.dumps(json_format.MessageToDict(m), ensure_ascii=False, separators=(",", ":"))
            rows.append((f"random {number}", proto, m.DESCRIPTOR.name, b64(m.SerializeToString(deterministic=True)), want))
        (OUT / "cases.txt").write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
