"""A Lambda function: says how bad a reading is. Runs under python_runtime.py, and on AWS as it is."""

LIMIT = 60


def handler(event, context):
    temp = event.get("temp")
    if not isinstance(temp, (int, float)):
        raise ValueError(f"no temperature in {event}")
    level = "alarm" if temp > LIMIT else "normal"
    print(f"{event.get('device', 'unknown')}: {temp} is {level}")
    return {"device": event.get("device"), "level": level, "over": max(0, temp - LIMIT)}
