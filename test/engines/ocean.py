"""
A delay line between two networks, where the kernel has no netem: two TAP devices, and what one of them is sent leaves the other one a fixed time
later, in its order.

  ocean.py NAME NAME     makes the devices, and prints a line

Then each line on standard input is a command, answered by a line of JSON with what has gone through so far:

  delay MS     each way, of what comes from now on
  loss PERCENT of the frames, each way; seeded, the same ones each time
  down | up    frames that come or would arrive while it is down are lost
  count        nothing but the answer
"""
import collections
import fcntl
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
FRAME_MAX = 65_600
# Frames on their way in one direction; more are lost, as in a router.
QUEUE_MAX = 200_000
# Frames read from one device before the others get their turn.
TURN = 256


def tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


class Ocean:
    def __init__(self, names):
        self.shores = [tap(name) for name in names]
        self.under_way = [collections.deque(), collections.deque()]  # by the shore that a frame goes to
        self.frames, self.bytes, self.lost = [0, 0], [0, 0], [0, 0]
        self.delay, self.loss, self.is_up = 0.0, 0.0, True
        self.chance = random.Random(1)

    def take(self, shore):
        other = 1 - shore
        due = time.monotonic() + self.delay
        for _ in range(TURN):
            try:
                frame = os.read(self.shores[shore], FRAME_MAX)
            except OSError:  # nothing more, or its network is down
                return
            queue = self.under_way[other]
            if not self.is_up or len(queue) >= QUEUE_MAX or (self.loss > 0 and self.chance.random() < self.loss):
                self.lost[other] += 1
            else:
                queue.append((due, frame))

    def deliver(self):
        now = time.monotonic()
        for shore, queue in enumerate(self.under_way):
            while queue and queue[0][0] <= now:
                frame = queue.popleft()[1]
                if not self.is_up:
                    self.lost[shore] += 1
                    continue
                try:
                    os.write(self.shores[shore], frame)
                except OSError:
                    self.lost[shore] += 1
                    continue
                self.frames[shore] += 1
                self.bytes[shore] += len(frame)

    def wait(self):
        """Seconds until a frame is due; None: until one comes."""
        dues = [queue[0][0] for queue in self.under_way if queue]
        return max(0.0, min(dues) - time.monotonic()) if dues else None

    def obey(self, line):
        verb, *args = line.split()
        if verb == "delay":
            self.delay = float(args[0]) / 1_000
        elif verb == "loss":
            self.loss = float(args[0]) / 100
        elif verb in ("down", "up"):
            self.is_up = verb == "up"
        elif verb != "count":
            return {"error": f"'{verb}' is not known"}
        return {"frames": self.frames, "bytes": self.bytes, "lost": self.lost}


def say(answer):
    print(json.dumps(answer), flush=True)


def main():
    ocean = Ocean(sys.argv[1:3])
    poll = select.epoll()
    for fd in [*ocean.shores, 0]:
        poll.register(fd, select.EPOLLIN)
    say({"ready": True})
    rest = b""
    while True:
        for fd, _ in poll.poll(ocean.wait()):
            if fd != 0:
                ocean.take(ocean.shores.index(fd))
                continue
            data = os.read(0, 4096)
            if data == b"":  # who started it is gone
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                say(ocean.obey(line.decode()))
        ocean.deliver()


main()
