#!/usr/bin/env python3
"""Things, thing types, groups, billing groups, tags and search, as Debian's boto3 sees them; what it does not know yet
goes as raw requests that botocore has signed.

usage: test_things.py BUILD/weir [test_NAME]...
"""
import json
import threading
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from control import REGION, access_key, alone, client, own, pages, port, refused, sock
from http_client import ask
import support
from support import tap, wait_for

ARN = "arn:aws:iot:eu-west-1:123456789012:"


def message(error):
    return error["Error"]["Message"]


def says(error, text):
    tap.check(error is not None and text in message(error), f"{text!r} in {error and message(error)!r}")


def raw(weir, key, method, path, body=None, headers=None):
    """A request that botocore's model does not know, signed by botocore."""
    request = botocore.awsrequest.AWSRequest(method, f"http://127.0.0.1:{port(weir)}{path}",
                                             data=b"" if body is None else json.dumps(body).encode(),
                                             headers=headers or {})
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(*key), "iot", REGION).add_auth(request)
    return ask(port(weir), method, path, body=request.data, headers=dict(request.headers.items()))


def test_things():
    """Create (idempotent), describe, update with and without merge, versions, delete"""
    with alone() as weir:
        iot = client(weir)
        made = iot.create_thing(thingName="lamp:1", attributePayload={"attributes": {"room": "a", "none": ""}})
        tap.equal({k: made[k] for k in ("thingName", "thingArn")},
                  {"thingName": "lamp:1", "thingArn": ARN + "thing/lamp:1"}, "created")
        tap.check(len(made["thingId"]) == 36, made["thingId"])
        again = iot.create_thing(thingName="lamp:1", attributePayload={"attributes": {"room": "a"}})
        tap.equal(again["thingId"], made["thingId"], "the same once more")
        error = refused("ResourceAlreadyExistsException", 409, iot.create_thing, thingName="lamp:1")
        tap.equal((error["resourceId"], error["resourceArn"]), (made["thingId"], made["thingArn"]), "which one")
        want = {"defaultClientId": "lamp:1", "thingName": "lamp:1", "thingId": made["thingId"],
                "thingArn": made["thingArn"], "attributes": {"room": "a"}, "version": 1}

        def described(**changes):
            want.update(changes)
            answer = iot.describe_thing(thingName="lamp:1")
            answer.pop("ResponseMetadata")
            tap.equal(answer, want, "described")

        described()
        iot.update_thing(thingName="lamp:1", attributePayload={"attributes": {"b": "2"}, "merge": True})
        described(attributes={"room": "a", "b": "2"}, version=2)
        iot.update_thing(thingName="lamp:1", attributePayload={"attributes": {"room": "", "b": "3"}, "merge": True})
        described(attributes={"b": "3"}, version=3)
        iot.update_thing(thingName="lamp:1", attributePayload={"attributes": {"c": "[4]"}}, expectedVersion=3)
        described(attributes={"c": "[4]"}, version=4)
        iot.update_thing(thingName="lamp:1")
        described(version=5)
        refused("VersionConflictException", 409, iot.update_thing, thingName="lamp:1", expectedVersion=4)
        refused("ResourceNotFoundException", 404, iot.update_thing, thingName="no")
        refused("ResourceNotFoundException", 404, iot.describe_thing, thingName="no")
        refused("VersionConflictException", 409, iot.delete_thing, thingName="lamp:1", expectedVersion=1)
        iot.delete_thing(thingName="lamp:1", expectedVersion=5)
        refused("ResourceNotFoundException", 404, iot.describe_thing, thingName="lamp:1")
        iot.delete_thing(thingName="lamp:1")
        tap.check(iot.create_thing(thingName="lamp:1")["thingId"] != made["thingId"], "a new one")


def test_attributes():
    """Limits of names, values, number and size; 3 without a type, 50 with one"""
    with alone() as weir:
        iot = client(weir)

        def with_attributes(n, value="x"):
            return {"attributes": {f"a{i}": value for i in range(n)}}

        error = refused("InvalidRequestException", 400, iot.create_thing, thingName="t",
                        attributePayload=with_attributes(4))
        says(error, "at most 3 attributes; these are 4")
        iot.create_thing_type(thingTypeName="lamp")
        iot.create_thing(thingName="t", thingTypeName="lamp", attributePayload=with_attributes(50))
        error = refused("InvalidRequestException", 400, iot.create_thing, thingName="u", thingTypeName="lamp",
                        attributePayload=with_attributes(51))
        says(error, "at most 50 attributes; these are 51")
        error = refused("InvalidRequestException", 400, iot.update_thing, thingName="t", removeThingType=True)
        says(error, "without a thing type has at most 3")
        for attributes in ({"a b": "x"}, {"a": "x y"}, {"a" * 129: "x"}, {"a": "x" * 801}, {"a": 5}, {"a": None},
                           {"": "x"}):
            refused("InvalidRequestException", 400, iot.create_thing, thingName="bad",
                    attributePayload={"attributes": attributes})
        for payload in ({"attributes": []}, {"attributes": {}, "merge": "yes"}):
            answer = ask(sock(weir), "POST", "/things/bad", body=json.dumps({"attributePayload": payload}))
            tap.equal(answer.status, 400, answer.text)
        iot.update_thing(thingName="t", attributePayload={"attributes": {f"b{i}": "y" * 800 for i in range(50)}})
        error = refused("InvalidRequestException", 400, iot.update_thing, thingName="t", attributePayload={
            "attributes": {f"{i:0>128}": "y" * 800 for i in range(55)}})
        says(error, "at most 48128 are kept")
        full = {f"b{i:0>128}"[:128]: "z" * 800 for i in range(50)}
        iot.update_thing(thingName="t", attributePayload={"attributes": full})
        tap.equal(iot.describe_thing(thingName="t")["attributes"], full, "46,400 bytes")


def test_list_things():
    """Pages in order of creation, and every filter alone and with others"""
    with alone() as weir:
        iot = client(weir)
        for name in ("lamp", "door"):
            iot.create_thing_type(thingTypeName=name)
        for i in range(30):
            kind = {"thingTypeName": ("lamp", "door")[i % 2]} if i % 3 else {}
            iot.create_thing(thingName=f"t{(i * 7) % 30}", attributePayload={
                "attributes": {"room": f"r{i % 4}", "Site": ("Berlin", "berlin", "Bern")[i % 3]}}, **kind)
        order = [f"t{(i * 7) % 30}" for i in range(30)]

        def listed(keep, per_page=4, **filters):
            things, count = pages(iot.list_things, "things", maxResults=per_page, **filters)
            want = [order[i] for i in range(30) if keep(i)]
            tap.equal([x["thingName"] for x in things], want, f"{filters}")
            tap.equal(count, max(1, -(-len(want) // per_page)), f"pages of {filters}")
            return things

        things = listed(lambda i: True, 7)
        tap.equal(things[1], {"thingName": "t7", "thingTypeName": "door", "thingArn": ARN + "thing/t7",
                              "attributes": {"room": "r1", "Site": "berlin"}, "version": 1}, "an item")
        tap.check("thingTypeName" not in things[0], "no type, no member")
        listed(lambda i: i % 3 and i % 2 == 0, thingTypeName="lamp")
        listed(lambda i: False, thingTypeName="nothing")
        listed(lambda i: i % 4 == 1, attributeName="room", attributeValue="r1")
        listed(lambda i: i % 3 == 0, attributeName="Site", attributeValue="Berlin")
        listed(lambda i: i % 3 != 1, attributeName="Site", attributeValue="Ber", usePrefixAttributeValue=True)
        listed(lambda i: True, attributeName="Site")
        listed(lambda i: False, attributeName="site")
        listed(lambda i: i % 4 == 1 and i % 3 and i % 2, attributeName="room", attributeValue="r1",
               thingTypeName="door")
        listed(lambda i: i % 3 == 2 and i % 2, attributeName="Site", attributeValue="Ber", thingTypeName="door",
               usePrefixAttributeValue=True)
        error = refused("InvalidRequestException", 400, iot.list_things, attributeValue="x")
        says(error, "attributeValue needs an attributeName")
        token = iot.list_things(maxResults=4, thingTypeName="lamp")["nextToken"]
        refused("InvalidRequestException", 400, iot.list_things, nextToken=token, thingTypeName="door")
        # What changes and goes is found no more.
        iot.update_thing(thingName="t0", attributePayload={"attributes": {"room": "r9"}, "merge": True})
        iot.delete_thing(thingName="t4")
        tap.equal([x["thingName"] for x in iot.list_things(attributeName="room", attributeValue="r9")["things"]],
                  ["t0"], "after a change")
        listed(lambda i: i % 4 == 0 and order[i] not in ("t0", "t4"), attributeName="room", attributeValue="r0")
        for i in range(60):
            iot.create_thing(thingName=f"more{i}")
        tap.equal(len(iot.list_things()["things"]), 50, "a page unless asked otherwise")


def test_thing_types():
    """Create, describe, list, deprecate and back, the wait before deletion, types in use"""
    with alone() as weir:
        iot = client(weir)
        key = access_key(weir)
        properties = {"thingTypeDescription": "a lamp, lit", "searchableAttributes": ["room", "watt"]}
        made = iot.create_thing_type(thingTypeName="lamp", thingTypeProperties=properties)
        tap.equal((made["thingTypeName"], made["thingTypeArn"]), ("lamp", ARN + "thingtype/lamp"), "created")
        tap.equal(iot.create_thing_type(thingTypeName="lamp", thingTypeProperties=properties)["thingTypeId"],
                  made["thingTypeId"], "the same")
        error = refused("ResourceAlreadyExistsException", 409, iot.create_thing_type, thingTypeName="lamp")
        tap.equal(error["resourceArn"], made["thingTypeArn"], "which one")
        got = iot.describe_thing_type(thingTypeName="lamp")
        tap.equal((got["thingTypeId"], got["thingTypeProperties"], got["thingTypeMetadata"]["deprecated"],
                   "deprecationDate" in got["thingTypeMetadata"]), (made["thingTypeId"], properties, False, False),
                  "described")
        tap.check(got["thingTypeMetadata"]["creationDate"].year >= 2026, "created when")
        refused("ResourceNotFoundException", 404, iot.describe_thing_type, thingTypeName="no")
        for wrong in ({"searchableAttributes": ["a", "b", "c", "d"]}, {"searchableAttributes": ["a b"]},
                      {"thingTypeDescription": "x" * 2029}, {"thingTypeDescription": "a\nb"}):
            refused("InvalidRequestException", 400, iot.create_thing_type, thingTypeName="wrong",
                    thingTypeProperties=wrong)
        refused("InvalidRequestException", 400, iot.create_thing_type, thingTypeName="with blank")

        changed = raw(weir, key, "PATCH", "/thing-types/lamp", {"thingTypeProperties": {"thingTypeDescription": "lit"}})
        tap.equal((changed.status, changed.json), (200, {}), "UpdateThingType")
        tap.equal(iot.describe_thing_type(thingTypeName="lamp")["thingTypeProperties"],
                  {"thingTypeDescription": "lit", "searchableAttributes": ["room", "watt"]}, "updated")
        mqtt5 = {"propagatingAttributes": [{"userPropertyKey": "k", "thingAttribute": "room"}]}
        changed = raw(weir, key, "PATCH", "/thing-types/lamp", {"thingTypeProperties": {"mqtt5Configuration": mqtt5}})
        tap.check(changed.status == 200 and "adds no user properties" in changed.headers["x-weir-warning"], "said")
        tap.equal(raw(weir, key, "GET", "/thing-types/lamp").json["thingTypeProperties"]["mqtt5Configuration"], mqtt5,
                  "kept")
        tap.equal(raw(weir, key, "PATCH", "/thing-types/no", {}).status, 404, "unknown")

        iot.create_thing(thingName="t", thingTypeName="lamp")
        error = refused("InvalidRequestException", 400, iot.delete_thing_type, thingTypeName="lamp")
        says(error, "deprecate the thing type")
        iot.deprecate_thing_type(thingTypeName="lamp")
        date = iot.describe_thing_type(thingTypeName="lamp")["thingTypeMetadata"]["deprecationDate"]
        iot.deprecate_thing_type(thingTypeName="lamp")
        tap.equal(iot.describe_thing_type(thingTypeName="lamp")["thingTypeMetadata"]["deprecationDate"], date,
                  "deprecated once")
        error = refused("InvalidRequestException", 400, iot.create_thing, thingName="u", thingTypeName="lamp")
        says(error, "deprecated thing type")
        iot.create_thing(thingName="bare")
        refused("InvalidRequestException", 400, iot.update_thing, thingName="bare", thingTypeName="lamp")
        iot.update_thing(thingName="t", thingTypeName="lamp")
        tap.equal(iot.create_thing(thingName="t", thingTypeName="lamp")["thingName"], "t", "what is there stays")
        error = refused("InvalidRequestException", 400, iot.delete_thing_type, thingTypeName="lamp")
        says(error, "Please wait for 5 minutes after deprecation and then retry")
        iot.deprecate_thing_type(thingTypeName="lamp", undoDeprecate=True)
        tap.equal(iot.describe_thing_type(thingTypeName="lamp")["thingTypeMetadata"]["deprecated"], False, "undone")
        iot.create_thing(thingName="u", thingTypeName="lamp")
        refused("ResourceNotFoundException", 404, iot.create_thing, thingName="v", thingTypeName="no")
        refused("ResourceNotFoundException", 404, iot.deprecate_thing_type, thingTypeName="no")
        refused("ResourceNotFoundException", 404, iot.delete_thing_type, thingTypeName="no")
        error = refused("InvalidRequestException", 400, iot.update_thing, thingName="u", thingTypeName="lamp",
                        removeThingType=True)
        says(error, "exclude each other")
        iot.update_thing(thingName="u", removeThingType=True)
        tap.check("thingTypeName" not in iot.describe_thing(thingName="u"), "taken away")

        for i in range(12):
            iot.create_thing_type(thingTypeName=f"type{i}")
        types, count = pages(iot.list_thing_types, "thingTypes", maxResults=5)
        tap.equal(([x["thingTypeName"] for x in types], count), (["lamp"] + [f"type{i}" for i in range(12)], 3), "all")
        tap.equal([x["thingTypeName"] for x in iot.list_thing_types(thingTypeName="type1")["thingTypes"]],
                  ["type1", "type10", "type11"], "by prefix")


def test_type_deletion():
    """Test mode has no wait, admin.thing_type_delete_wait sets it; a type in use stays"""
    for config, wait in (({"test": True}, 0), ({"thing_type_delete_wait": "700ms"}, 1)):
        with alone({"admin": config}) as weir:
            iot = client(weir)
            iot.create_thing_type(thingTypeName="lamp", tags=[{"Key": "k", "Value": "v"}])
            iot.create_thing(thingName="t", thingTypeName="lamp")
            iot.deprecate_thing_type(thingTypeName="lamp")
            if wait:
                says(refused("InvalidRequestException", 400, iot.delete_thing_type, thingTypeName="lamp"), "wait")

            def in_use():
                try:
                    iot.delete_thing_type(thingTypeName="lamp")
                    return False
                except iot.exceptions.InvalidRequestException as error:
                    return "Things of this type exist" in str(error)
            wait_for(in_use, "the wait to end", every=0.1)
            iot.delete_thing(thingName="t")
            iot.delete_thing_type(thingTypeName="lamp")
            refused("ResourceNotFoundException", 404, iot.describe_thing_type, thingTypeName="lamp")
            iot.create_thing_type(thingTypeName="lamp")
            tap.equal(iot.list_tags_for_resource(resourceArn=ARN + "thingtype/lamp")["tags"], [],
                      "a new one does not have the tags of the old one")


def test_groups():
    """Groups and their hierarchy: create, describe, list, limits, versions, delete"""
    with alone() as weir:
        iot = client(weir)
        properties = {"thingGroupDescription": "all", "attributePayload": {"attributes": {"a": "1"}}}
        made = iot.create_thing_group(thingGroupName="root", thingGroupProperties=properties)
        tap.equal((made["thingGroupName"], made["thingGroupArn"]), ("root", ARN + "thinggroup/root"), "created")
        tap.equal(iot.create_thing_group(thingGroupName="root", thingGroupProperties=properties)["thingGroupId"],
                  made["thingGroupId"], "the same")
        error = refused("ResourceAlreadyExistsException", 409, iot.create_thing_group, thingGroupName="root")
        says(error, "Thing Group root already exists in current account with different properties")
        parent = "root"
        for depth in range(2, 8):
            iot.create_thing_group(thingGroupName=f"d{depth}", parentGroupName=parent)
            parent = f"d{depth}"
        says(refused("InvalidRequestException", 400, iot.create_thing_group, thingGroupName="d8", parentGroupName="d7"),
             "at most 7 deep")
        refused("ResourceNotFoundException", 404, iot.create_thing_group, thingGroupName="x", parentGroupName="no")
        refused("ResourceAlreadyExistsException", 409, iot.create_thing_group, thingGroupName="d3",
                parentGroupName="root")
        got = iot.describe_thing_group(thingGroupName="d4")
        tap.equal((got["version"], got["thingGroupProperties"], got["thingGroupMetadata"]["parentGroupName"]),
                  (1, {}, "d3"), "described")
        tap.equal(got["thingGroupMetadata"]["rootToParentThingGroups"],
                  [{"groupName": n, "groupArn": ARN + "thinggroup/" + n} for n in ("root", "d2", "d3")], "root first")
        got = iot.describe_thing_group(thingGroupName="root")
        tap.equal((got["thingGroupProperties"], sorted(got["thingGroupMetadata"])), (properties, ["creationDate"]),
                  "the root")
        tap.equal(iot.update_thing_group(thingGroupName="root", expectedVersion=1, thingGroupProperties={
            "thingGroupDescription": "more", "attributePayload": {"attributes": {"b": "2"}, "merge": True}})["version"],
            2, "version")
        tap.equal(iot.describe_thing_group(thingGroupName="root")["thingGroupProperties"],
                  {"thingGroupDescription": "more", "attributePayload": {"attributes": {"a": "1", "b": "2"}}}, "merged")
        iot.update_thing_group(thingGroupName="root", thingGroupProperties={
            "attributePayload": {"attributes": {"c": "3"}}})
        tap.equal(iot.describe_thing_group(thingGroupName="root")["thingGroupProperties"],
                  {"thingGroupDescription": "more", "attributePayload": {"attributes": {"c": "3"}}}, "replaced")
        refused("VersionConflictException", 409, iot.update_thing_group, thingGroupName="root", expectedVersion=1,
                thingGroupProperties={})
        refused("ResourceNotFoundException", 404, iot.update_thing_group, thingGroupName="no", thingGroupProperties={})
        refused("ResourceNotFoundException", 404, iot.describe_thing_group, thingGroupName="no")
        refused("InvalidRequestException", 400, iot.create_thing_group, thingGroupName="x", thingGroupProperties={
            "attributePayload": {"attributes": {f"a{i}": "b" for i in range(51)}}})

        says(refused("InvalidRequestException", 400, iot.delete_thing_group, thingGroupName="root"),
             "Cannot delete thing group : root when there are still child groups attached to it")
        refused("VersionConflictException", 409, iot.delete_thing_group, thingGroupName="d7", expectedVersion=9)
        iot.create_thing(thingName="t")
        iot.add_thing_to_thing_group(thingGroupName="d7", thingName="t")
        iot.delete_thing_group(thingGroupName="d7", expectedVersion=1)
        iot.delete_thing_group(thingGroupName="d7")
        tap.equal(iot.list_thing_groups_for_thing(thingName="t")["thingGroups"], [], "its things are in none")

        for i in range(99):
            iot.create_thing_group(thingGroupName=f"c{i}", parentGroupName="root")
        says(refused("InvalidRequestException", 400, iot.create_thing_group, thingGroupName="c100",
                     parentGroupName="root"), "at most 100 direct child groups")
        iot.create_thing_group(thingGroupName="other")

        def listed(**filters):
            groups, count = pages(iot.list_thing_groups, "thingGroups", maxResults=40, **filters)
            for g in groups:
                tap.equal(g["groupArn"], ARN + "thinggroup/" + g["groupName"], "ARN")
            return [g["groupName"] for g in groups], count

        children = [f"c{i}" for i in range(99)]
        depths = [f"d{i}" for i in range(2, 7)]
        tap.equal(listed(), (["root"] + depths + children + ["other"], 3), "all")
        tap.equal(listed(recursive=False), (["root", "other"], 1), "roots")
        tap.equal(listed(parentGroup="root"), (["d2"] + children, 3), "children")
        tap.equal(listed(parentGroup="root", recursive=True), (depths + children, 3), "all below")
        tap.equal(listed(parentGroup="d4", recursive=True), (["d5", "d6"], 1), "all below another")
        tap.equal(listed(namePrefixFilter="c9"), (["c9"] + [f"c{i}" for i in range(90, 99)], 1), "by prefix")
        tap.equal(listed(parentGroup="root", namePrefixFilter="d"), (["d2"], 1), "both")
        refused("ResourceNotFoundException", 404, iot.list_thing_groups, parentGroup="no")


def test_group_members():
    """Things in groups by name or ARN, ten at most and never two of one hierarchy, recursive lists"""
    with alone() as weir:
        iot = client(weir)
        for name in ("t0", "t1", "t2", "t3"):
            iot.create_thing(thingName=name)
        for name, parent in (("a", None), ("a1", "a"), ("a2", "a"), ("a11", "a1"), ("b", None)):
            iot.create_thing_group(thingGroupName=name, **({"parentGroupName": parent} if parent else {}))
        add, remove = iot.add_thing_to_thing_group, iot.remove_thing_from_thing_group
        add(thingGroupName="a11", thingName="t2")
        add(thingGroupArn=ARN + "thinggroup/a1", thingArn=ARN + "thing/t1")
        add(thingGroupName="a2", thingGroupArn=ARN + "thinggroup/a2", thingName="t0")
        add(thingGroupName="a", thingName="t3", overrideDynamicGroups=True)
        add(thingGroupName="a", thingName="t3")
        add(thingGroupName="b", thingName="t2")
        says(refused("InvalidRequestException", 400, add, thingGroupName="a2", thingName="t2"), "same hierarchy")
        says(refused("InvalidRequestException", 400, add, thingGroupName="a", thingName="t2"), "the group a11")
        refused("InvalidRequestException", 400, add, thingName="t2")
        refused("InvalidRequestException", 400, add, thingGroupName="a")
        refused("InvalidRequestException", 400, add, thingGroupName="a", thingName="t2", thingArn=ARN + "thing/t1")
        refused("InvalidRequestException", 400, add, thingGroupName="a", thingArn="t1")
        refused("ResourceNotFoundException", 404, add, thingGroupName="no", thingName="t1")
        refused("ResourceNotFoundException", 404, add, thingGroupName="a", thingName="no")
        refused("ResourceNotFoundException", 404, add, thingGroupName="a",
                thingArn="arn:aws:iot:eu-west-1:999999999999:thing/t1")

        def things(group, recursive=False):
            return pages(iot.list_things_in_thing_group, "things", thingGroupName=group, recursive=recursive,
                         maxResults=2)

        tap.equal(things("a"), (["t3"], 1), "direct")
        tap.equal(things("a", True), (["t0", "t1", "t2", "t3"], 2), "recursive, in order of creation")
        tap.equal(things("a1", True), (["t1", "t2"], 1), "from the middle")
        tap.equal(things("b"), (["t2"], 1), "another")
        refused("ResourceNotFoundException", 404, iot.list_things_in_thing_group, thingGroupName="no")
        tap.equal(iot.list_thing_groups_for_thing(thingName="t2")["thingGroups"],
                  [{"groupName": n, "groupArn": ARN + "thinggroup/" + n} for n in ("a11", "b")], "of a thing")
        refused("ResourceNotFoundException", 404, iot.list_thing_groups_for_thing, thingName="no")

        remove(thingGroupName="b", thingName="t2")
        remove(thingGroupName="b", thingName="t2")
        refused("ResourceNotFoundException", 404, remove, thingGroupName="no", thingName="t2")
        update = iot.update_thing_groups_for_thing
        update(thingName="t2", thingGroupsToRemove=["a11"], thingGroupsToAdd=["a2", "b"])
        tap.equal([g["groupName"] for g in iot.list_thing_groups_for_thing(thingName="t2")["thingGroups"]],
                  ["a2", "b"], "moved within a hierarchy")
        refused("InvalidRequestException", 400, update, thingName="t2", thingGroupsToRemove=["b"],
                thingGroupsToAdd=["a1"])
        tap.equal([g["groupName"] for g in iot.list_thing_groups_for_thing(thingName="t2")["thingGroups"]],
                  ["a2", "b"], "nothing of it was done")
        refused("ResourceNotFoundException", 404, update, thingName="t2", thingGroupsToAdd=["no"])
        refused("ResourceNotFoundException", 404, update, thingName="no")
        for i in range(10):
            iot.create_thing_group(thingGroupName=f"g{i}")
        update(thingName="t1", thingGroupsToRemove=["a1"], thingGroupsToAdd=[f"g{i}" for i in range(10)])
        says(refused("InvalidRequestException", 400, add, thingGroupName="b", thingName="t1"), "at most 10 groups")
        groups, count = pages(iot.list_thing_groups_for_thing, "thingGroups", thingName="t1", maxResults=4)
        tap.equal(([g["groupName"] for g in groups], count), ([f"g{i}" for i in range(10)], 3), "pages")
        iot.delete_thing(thingName="t1")
        tap.equal(things("g3"), ([], 1), "a thing that is gone is in no group")


def test_billing_groups():
    """Billing groups: one for a thing, another replaces it"""
    with alone() as weir:
        iot = client(weir)
        properties = {"billingGroupDescription": "paid by A"}
        made = iot.create_billing_group(billingGroupName="a", billingGroupProperties=properties)
        tap.equal(made["billingGroupArn"], ARN + "billinggroup/a", "ARN")
        tap.equal(iot.create_billing_group(billingGroupName="a", billingGroupProperties=properties)["billingGroupId"],
                  made["billingGroupId"], "the same")
        refused("ResourceAlreadyExistsException", 409, iot.create_billing_group, billingGroupName="a")
        got = iot.describe_billing_group(billingGroupName="a")
        tap.equal((got["version"], got["billingGroupProperties"], got["billingGroupId"]),
                  (1, properties, made["billingGroupId"]), "described")
        tap.check(got["billingGroupMetadata"]["creationDate"].year >= 2026, "when")
        tap.equal(iot.update_billing_group(billingGroupName="a", expectedVersion=1, billingGroupProperties={
            "billingGroupDescription": "paid by B"})["version"], 2, "updated")
        refused("VersionConflictException", 409, iot.update_billing_group, billingGroupName="a", expectedVersion=1,
                billingGroupProperties={})
        for call in (iot.describe_billing_group, iot.list_things_in_billing_group):
            refused("ResourceNotFoundException", 404, call, billingGroupName="no")
        refused("ResourceNotFoundException", 404, iot.update_billing_group, billingGroupName="no",
                billingGroupProperties={})

        iot.create_billing_group(billingGroupName="b")
        iot.create_thing(thingName="t", billingGroupName="a")
        refused("ResourceNotFoundException", 404, iot.create_thing, thingName="u", billingGroupName="no")
        refused("ResourceAlreadyExistsException", 409, iot.create_thing, thingName="t", billingGroupName="b")
        tap.equal(iot.describe_thing(thingName="t")["billingGroupName"], "a", "in a")
        iot.add_thing_to_billing_group(billingGroupArn=ARN + "billinggroup/b", thingArn=ARN + "thing/t")
        tap.equal((iot.list_things_in_billing_group(billingGroupName="a")["things"],
                   iot.list_things_in_billing_group(billingGroupName="b")["things"]), ([], ["t"]), "in b now")
        iot.remove_thing_from_billing_group(billingGroupName="a", thingName="t")
        tap.equal(iot.describe_thing(thingName="t")["billingGroupName"], "b", "still in b")
        iot.remove_thing_from_billing_group(billingGroupName="b", thingName="t")
        tap.check("billingGroupName" not in iot.describe_thing(thingName="t"), "in none")
        iot.add_thing_to_billing_group(billingGroupName="b", thingName="t")
        for i in range(5):
            iot.create_thing(thingName=f"t{i}", billingGroupName="b")
        tap.equal(pages(iot.list_things_in_billing_group, "things", billingGroupName="b", maxResults=4),
                  (["t"] + [f"t{i}" for i in range(5)], 2), "pages")
        iot.delete_billing_group(billingGroupName="b", expectedVersion=1)
        iot.delete_billing_group(billingGroupName="b")
        tap.check("billingGroupName" not in iot.describe_thing(thingName="t"), "gone with it")
        for i in range(5):
            iot.create_billing_group(billingGroupName=f"b{i}")
        groups, count = pages(iot.list_billing_groups, "billingGroups", maxResults=2, namePrefixFilter="b")
        tap.equal(([g["groupName"] for g in groups], count), ([f"b{i}" for i in range(5)], 3), "by prefix")
        tap.equal(iot.list_billing_groups(maxResults=1)["billingGroups"],
                  [{"groupName": "a", "groupArn": ARN + "billinggroup/a"}], "first")


def test_tags():
    """Tags of types and groups: at creation and after, 50 at most, what their texts may be"""
    with alone() as weir:
        iot = client(weir)
        tags = [{"Key": "Owner", "Value": "Größe 1"}, {"Key": "empty", "Value": ""}]
        iot.create_thing_type(thingTypeName="k", tags=tags)
        iot.create_thing_group(thingGroupName="k", tags=tags[:1])
        iot.create_billing_group(billingGroupName="k", tags=tags[1:])
        arn = ARN + "thingtype/k"

        def of(arn):
            return iot.list_tags_for_resource(resourceArn=arn)["tags"]

        tap.equal((of(arn), of(ARN + "thinggroup/k"), of(ARN + "billinggroup/k")), (tags, tags[:1], tags[1:]),
                  "of each its own")
        iot.create_thing_type(thingTypeName="bare")
        tap.equal(of(ARN + "thingtype/bare"), [], "none")
        iot.tag_resource(resourceArn=arn, tags=[{"Key": "Owner", "Value": "x"}, {"Key": "new", "Value": "y"}])
        tap.equal(of(arn), [{"Key": "Owner", "Value": "x"}, tags[1], {"Key": "new", "Value": "y"}], "changed and added")
        iot.untag_resource(resourceArn=arn, tagKeys=["empty", "not there"])
        tap.equal([t["Key"] for t in of(arn)], ["Owner", "new"], "taken away")
        iot.tag_resource(resourceArn=arn, tags=[{"Key": f"k{i}", "Value": "v"} for i in range(48)])
        says(refused("LimitExceededException", 410, iot.tag_resource, resourceArn=arn,
                     tags=[{"Key": "one more", "Value": "v"}]), "at most 50 tags")
        tap.equal(len(of(arn)), 50, "and it is not there")
        for wrong in ([{"Key": "aws:x", "Value": "v"}], [{"Key": "", "Value": "v"}], [{"Key": "a" * 129, "Value": "v"}],
                      [{"Key": "a", "Value": "v" * 257}], [{"Key": "a*", "Value": "v"}], [{"Value": "v"}],
                      [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]):
            refused("InvalidRequestException", 400, iot.tag_resource, resourceArn=ARN + "thingtype/bare", tags=wrong)
            refused("InvalidRequestException", 400, iot.create_thing_type, thingTypeName="wrong", tags=wrong)
        refused("ResourceNotFoundException", 404, iot.describe_thing_type, thingTypeName="wrong")
        refused("LimitExceededException", 410, iot.create_thing_type, thingTypeName="wrong",
                tags=[{"Key": f"k{i}", "Value": "v"} for i in range(51)])
        iot.create_thing(thingName="t")
        for missing in (ARN + "thingtype/no", ARN + "thing/t", "arn:aws:iot:eu-west-1:999999999999:thingtype/k",
                        "arn:aws:iot:us-east-1:123456789012:thingtype/k"):
            refused("ResourceNotFoundException", 404, iot.list_tags_for_resource, resourceArn=missing)
            refused("ResourceNotFoundException", 404, iot.tag_resource, resourceArn=missing, tags=tags)
            refused("ResourceNotFoundException", 404, iot.untag_resource, resourceArn=missing, tagKeys=["a"])
        refused("InvalidRequestException", 400, iot.list_tags_for_resource, resourceArn="k")
        iot.delete_thing_group(thingGroupName="k")
        iot.delete_billing_group(billingGroupName="k")
        for create, describe in ((iot.create_thing_group, "thinggroup"), (iot.create_billing_group, "billinggroup")):
            create(**{{"thinggroup": "thingGroupName", "billinggroup": "billingGroupName"}[describe]: "k"})
            tap.equal(of(f"{ARN}{describe}/k"), [], "a new one has none")


def test_principals():
    """Certificates on things: attach, list both ways and by type, exclusive ones, detach; what is in the way"""
    with alone() as weir:
        iot = client(weir)
        key = access_key(weir)
        for name in ("t0", "t1", "t2"):
            iot.create_thing(thingName=name)
        here = [iot.create_keys_and_certificate(setAsActive=True) for _ in range(2)]
        a, b = (c["certificateArn"] for c in here)

        def attach(thing, principal, kind=None):
            return raw(weir, key, "PUT", f"/things/{thing}/principals" + (f"?thingPrincipalType={kind}" if kind else ""),
                       headers={"x-amzn-principal": principal})

        iot.attach_thing_principal(thingName="t0", principal=a)
        iot.attach_thing_principal(thingName="t0", principal=a)
        iot.attach_thing_principal(thingName="t1", principal=a)
        tap.equal(attach("t0", b, "EXCLUSIVE_THING").status, 200, "exclusive")
        tap.equal(attach("t0", b, "EXCLUSIVE_THING").status, 200, "the same once more")
        tap.equal(iot.list_thing_principals(thingName="t0")["principals"], [a, b], "of a thing")
        tap.equal(iot.list_principal_things(principal=a)["things"], ["t0", "t1"], "of a certificate")
        tap.equal(pages(iot.list_principal_things, "things", principal=a, maxResults=1), (["t0", "t1"], 2), "pages")
        tap.equal(pages(iot.list_thing_principals, "principals", thingName="t0", maxResults=1), ([a, b], 2), "pages")
        tap.equal(raw(weir, key, "GET", "/things/t0/principals-v2").json["thingPrincipalObjects"],
                  [{"principal": a, "thingPrincipalType": "NON_EXCLUSIVE_THING"},
                   {"principal": b, "thingPrincipalType": "EXCLUSIVE_THING"}], "V2 of a thing")
        tap.equal(raw(weir, key, "GET", "/things/t0/principals-v2?thingPrincipalType=EXCLUSIVE_THING").json,
                  {"thingPrincipalObjects": [{"principal": b, "thingPrincipalType": "EXCLUSIVE_THING"}]}, "by type")
        first = raw(weir, key, "GET", "/things/t0/principals-v2?maxResults=1").json
        tap.equal(raw(weir, key, "GET", "/things/t0/principals-v2?maxResults=1&nextToken=" +
                      urllib.parse.quote(first["nextToken"], safe="")).json["thingPrincipalObjects"][0]["principal"],
                  b, "pages of V2")
        tap.equal(raw(weir, key, "GET", "/principals/things-v2", headers={"x-amzn-principal": b}).json,
                  {"principalThingObjects": [{"thingName": "t0", "thingPrincipalType": "EXCLUSIVE_THING"}]},
                  "V2 of a certificate")

        # An exclusive one takes no second thing, of either type; one with things elsewhere cannot become exclusive.
        for answer, text in ((attach("t1", b), "attached to the thing t0 exclusively"),
                             (attach("t1", b, "EXCLUSIVE_THING"), "attached to the thing t0 exclusively"),
                             (attach("t2", a, "EXCLUSIVE_THING"), "cannot be exclusive"),
                             (attach("t0", b, "NON_EXCLUSIVE_THING"), "attached to this thing as EXCLUSIVE_THING"),
                             (attach("t0", a, "SOMETIMES"), "enum value set")):
            tap.equal((answer.status, answer.headers["x-amzn-errortype"]), (400, "InvalidRequestException"), answer.text)
            tap.check(text in answer.message, answer.message)
        says(refused("InvalidRequestException", 400, iot.delete_thing, thingName="t0"), "attached to one or more")
        iot.update_certificate(certificateId=here[1]["certificateId"], newStatus="INACTIVE")
        refused("DeleteConflictException", 409, iot.delete_certificate, certificateId=here[1]["certificateId"])

        iot.detach_thing_principal(thingName="t0", principal=b)
        refused("ResourceNotFoundException", 404, iot.detach_thing_principal, thingName="t0", principal=b)
        tap.equal(attach("t1", b).status, 200, "free again")
        iot.detach_thing_principal(thingName="t0", principal=a)
        iot.delete_thing(thingName="t0")
        tap.equal(iot.list_principal_things(principal=a)["things"], ["t1"], "what is left")
        there = client(weir, key, region="us-east-1")
        there.create_thing(thingName="t1")
        refused("ResourceNotFoundException", 404, there.attach_thing_principal, thingName="t1", principal=a)


def test_search_bounded():
    """A search that would take long ends with an error, nobody waits behind it, and LIKE's worst patterns are cheap"""
    with alone({"admin": {"mode": "open"}}) as weir:
        iot = client(weir, ("testing", "testing"))
        iot.create_thing_type(thingTypeName="Full")
        for i in range(60):  # 40 KB of attributes each
            iot.create_thing(thingName=f"full{i}", thingTypeName="Full", attributePayload={
                "attributes": {f"a{n}": "a" * 800 for n in range(50)}})
        hard = " OR ".join(f"*{'a' * 70}{c}*" for c in "bcdefghijklm")
        order = []

        def search():
            says(refused("InvalidQueryException", 400, iot.search_index, queryString=hard), "takes too long")
            order.append("search")
        thread = threading.Thread(target=search)
        thread.start()
        iot.describe_thing(thingName="full7")
        order.append("describe")
        thread.join()
        tap.equal(order, ["describe", "search"], "who was answered first")
        tap.equal(iot.search_index(queryString="*a" * 200 + "b")["things"], [], "no such value")
        tap.equal(iot.search_index(queryString="thingName:*ll3? thingName:?u*")["things"][0]["thingName"], "full30", "found")


def test_search():
    """SearchIndex: fields, words, wildcards, ranges, AND OR NOT, pages; queries that are none"""
    with alone() as weir:
        iot = client(weir)
        iot.create_thing_type(thingTypeName="Lamp")
        for name, parent in (("Berlin", None), ("Mitte", "Berlin")):
            iot.create_thing_group(thingGroupName=name, **({"parentGroupName": parent} if parent else {}),
                                   thingGroupProperties={"thingGroupDescription": "where " + name,
                                                         "attributePayload": {"attributes": {"zip": "10115"}}})
        for i in range(12):
            kind = {"thingTypeName": "Lamp"} if i % 2 else {}
            iot.create_thing(thingName=f"dev:{i}", attributePayload={
                "attributes": {"watt": str(i * 10), "Color": ("red", "Green", "blue")[i % 3]}}, **kind)
        iot.add_thing_to_thing_group(thingGroupName="Mitte", thingName="dev:3")
        iot.add_thing_to_thing_group(thingGroupName="Berlin", thingName="dev:4")

        def found(query, **more):
            return [int(x["thingName"][4:]) for x in pages(iot.search_index, "things", queryString=query, **more)[0]]

        for query, want in (
                ("thingName:dev\\:3", [3]), ("thingName:DEV*", list(range(12))), ("thingName:*1", [1, 11]),
                ("thingName:dev?1*", [1, 10, 11]), ('thingName:"dev:7"', [7]), ("thingName:*", list(range(12))),
                ("thingTypeName:lamp AND attributes.Color:red", [3, 9]), ("attributes.Color:green", [1, 4, 7, 10]),
                ("attributes.color:green", []), ("attributes.watt:[30 TO 50]", [3, 4, 5]),
                ("attributes.watt:{30 TO 50}", [4]), ("attributes.watt:{30 TO 50]", [4, 5]),
                ("attributes.watt>=100", [10, 11]), ("attributes.watt<20", [0, 1]), ("attributes.watt > 100", [11]),
                ('attributes.Color:["blue" TO "green"]', [1, 2, 4, 5, 7, 8, 10, 11]),
                ("attributes.Color:(red OR blue) attributes.watt<40", [0, 2, 3]),
                ("thingGroupNames:Mitte", [3]), ("thingGroupNames:(mitte OR berlin)", [3, 4]),
                ("lamp blue", [5, 11]), ("NOT thingTypeName:Lamp AND attributes.watt<50", [0, 2, 4]),
                ("thingName:(dev* AND -dev\\:1*) attributes.watt<60", [0, 2, 3, 4, 5]),
                ("thingTypeName:Lamp NOT attributes.Color:red", [1, 5, 7, 11]),
                ("NOT (thingTypeName:Lamp OR attributes.Color:red)", [2, 4, 8, 10]),
                ("attributes.Color:* NOT attributes.watt:*0", []), ("attributes.watt:'; DROP", []),
                ("attributes.x%y:_", []), ("100", [10])):
            tap.equal(found(query), want, query)
        things, count = pages(iot.search_index, "things", queryString="lamp", maxResults=4)
        tap.equal(([x["thingName"] for x in things], count), ([f"dev:{i}" for i in range(1, 12, 2)], 2), "pages")
        got = iot.search_index(queryString="thingName:dev\\:3")["things"][0]
        got.pop("thingId")
        tap.equal(got, {"thingName": "dev:3", "thingTypeName": "Lamp", "thingGroupNames": ["Mitte"],
                        "attributes": {"watt": "30", "Color": "red"}}, "a thing")
        groups = iot.search_index(indexName="AWS_ThingGroups", queryString="parentGroupNames:berlin")["thingGroups"]
        groups[0].pop("thingGroupId")
        tap.equal(groups, [{"thingGroupName": "Mitte", "thingGroupDescription": "where Mitte",
                            "parentGroupNames": ["Berlin"], "attributes": {"zip": "10115"}}], "groups")
        tap.equal(len(iot.search_index(indexName="AWS_ThingGroups", queryString="attributes.zip:101*")["thingGroups"]),
                  2, "by attribute")
        for query, text in (("thingName:", "a word is expected"), ("(a", "is not closed"), ("a)", "nothing was opened"),
                            ("colour:red", "colour is not a field"), ("connectivity.connected:true", "is not a field"),
                            ("a AND", "a word is expected"), ('"a', "quotes"), ("attributes.a:[1 2]", "TO is expected"),
                            (" ".join("abcdefghijklm"), "at most 12 terms"), ("(" * 20 + "a" + ")" * 20, "16 deep"),
                            ("a" * 1001, "at most 1000")):
            says(refused("InvalidQueryException", 400, iot.search_index, queryString=query), text)
        refused("ResourceNotFoundException", 404, iot.search_index, indexName="other", queryString="a")
        tap.equal(iot.describe_index(indexName="AWS_Things")["indexStatus"], "ACTIVE", "the index")
        refused("ResourceNotFoundException", 404, iot.describe_index, indexName="other")
        tap.equal(iot.get_indexing_configuration()["thingIndexingConfiguration"]["thingIndexingMode"], "OFF", "off")
        iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
        iot.update_indexing_configuration(thingGroupIndexingConfiguration={"thingGroupIndexingMode": "ON"})
        config = iot.get_indexing_configuration()
        tap.equal((config["thingIndexingConfiguration"], config["thingGroupIndexingConfiguration"]),
                  ({"thingIndexingMode": "REGISTRY"}, {"thingGroupIndexingMode": "ON"}), "kept")
        refused("InvalidRequestException", 400, iot.update_indexing_configuration,
                thingIndexingConfiguration={"thingIndexingMode": "ALL"})


def test_tenant_limits():
    """iot.quota.things and iot.enforce_prefix of a tenant"""
    with alone() as weir:
        made = own(weir, "POST", "/weir/v1/tenants", {"name": "acme", "features": {
            "iot.enabled": True, "iot.quota.things": 3, "iot.thing_prefix": "acme-", "iot.enforce_prefix": True}})
        tap.check(made.status in (200, 201), made.text)
        wait_for(lambda: own(weir, "GET", "/weir/v1/tenants/acme").json["state"] == "ENABLED", "acme to be enabled")
        key = access_key(weir, "acme")
        iot = client(weir, key)
        says(refused("InvalidRequestException", 400, iot.create_thing, thingName="lamp"), "begin with acme-")
        iot.create_thing(thingName="acme-1")
        iot.create_thing(thingName="acme-2")
        client(weir, key, region="us-east-1").create_thing(thingName="acme-1")
        says(refused("LimitExceededException", 410, iot.create_thing, thingName="acme-3"), "iot.quota.things")
        iot.create_thing(thingName="acme-2")
        iot.delete_thing(thingName="acme-1")
        iot.create_thing(thingName="acme-3")
        client(weir).create_thing(thingName="lamp")


def test_principals_without():
    """Principals of a thing that has none, and what cannot be attached"""
    with alone() as weir:
        iot = client(weir)
        key = access_key(weir)
        iot.create_thing(thingName="t")
        tap.equal(iot.list_thing_principals(thingName="t")["principals"], [], "none")
        says(refused("ResourceNotFoundException", 404, iot.list_thing_principals, thingName="no"),
             "Failed to list principals for thing no because the thing does not exist in your account")
        tap.equal(raw(weir, key, "GET", "/things/t/principals-v2").json, {"thingPrincipalObjects": []}, "V2")
        unknown = ARN + "cert/" + "ab" * 32
        for call in (iot.attach_thing_principal, iot.detach_thing_principal):
            refused("ResourceNotFoundException", 404, call, thingName="t", principal=unknown)
            refused("ResourceNotFoundException", 404, call, thingName="no", principal=unknown)
            refused("InvalidRequestException", 400, call, thingName="t", principal="nonsense")
        refused("ResourceNotFoundException", 404, iot.list_principal_things, principal=unknown)
        answer = raw(weir, key, "GET", "/principals/things-v2", headers={"x-amzn-principal": unknown})
        tap.equal((answer.status, answer.headers["x-amzn-errortype"]), (404, "ResourceNotFoundException"), "V2")
        tap.equal(raw(weir, key, "PUT", "/things/t/principals").status, 400, "no principal")


if __name__ == "__main__":
    support.main(globals())
