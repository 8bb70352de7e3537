"""slack_sdk's RTM v2 and Web API clients as they come from the registry, driven by JSON lines (see ../driver.ts)."""

import json
import os
import sys
import threading

from slack_sdk import WebClient
from slack_sdk.rtm_v2 import RTMClient

url = os.environ["RINGWAY_URL"] + "/api/"
token = os.environ["RINGWAY_TOKEN"]
writing = threading.Lock()


def tell(event, **fields):
    with writing:
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()


web = WebClient(token=token, base_url=url)
rtm = RTMClient(token=token, base_url=url)


@rtm.on("*")
def on_event(client, event):
    kind = event.get("type")
    if kind is None and "reply_to" in event:
        tell("ack", ok=event.get("ok"), ts=event.get("ts"), text=event.get("text"))
    elif kind == "hello" or kind == "goodbye":
        tell(kind)
    elif kind == "message":
        tell("message", channel=event["channel"], user=event["user"], text=event["text"], ts=event["ts"])
    elif kind == "presence_change":
        tell("presence", users=event.get("users") or [event["user"]], presence=event["presence"])


ids = iter(range(1, 1_000_000))


def send(channel, text):
    rtm.send({"id": next(ids), "type": "message", "channel": channel, "text": text})


def watch(user):
    rtm.send({"id": next(ids), "type": "presence_sub", "ids": [user]})


def whoami():
    answer = web.auth_test()
    tell("whoami", user_id=answer["user_id"], team_id=answer["team_id"])


def post(channel, text):
    tell("posted", ts=web.chat_postMessage(channel=channel, text=text)["ts"])


def history(channel, limit):
    texts, pages = [], 0
    # A SlackResponse is an iterator over the pages that its cursor leads to.
    for page in web.conversations_history(channel=channel, limit=int(limit)):
        pages += 1
        texts += [message["text"] for message in page["messages"]]
    tell("history", texts=texts, pages=pages)


def stop():
    # The library's threads are not daemons; a client program that ends leaves them.
    sys.stdout.flush()
    os._exit(0)


commands = {"send": send, "watch": watch, "whoami": whoami, "post": post, "history": history, "stop": stop}

rtm.connect()
for line in sys.stdin:
    command = json.loads(line)
    name = command.pop("do")
    try:
        commands[name](**command)
    except Exception as error:  # told to the test, which fails with it
        tell("error", of=name, message=str(error))
