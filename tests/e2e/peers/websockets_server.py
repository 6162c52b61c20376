# SPDX-License-Identifier: MIT
"""Rooms with a protocol of their own, on Debian's python3-websockets:  websockets_server.py PORT

    {"op": "join", "room": NAME}                 answered by {"op": "joined", "room": NAME}
    {"op": "say", "room": NAME, "text": TEXT}    to all members: {"op": "said", "room": NAME, "text": TEXT}

Whatever is not JSON comes back as it is.
"""

import asyncio
import json
import sys

import websockets

rooms = {}


async def serve(socket):
    joined = []
    try:
        async for text in socket:
            if not isinstance(text, str) or not text.startswith('{'):
                await socket.send(text)
                continue
            command = json.loads(text)
            members = rooms.setdefault(command['room'], set())
            if command['op'] == 'join':
                members.add(socket)
                joined.append(members)
                await socket.send(json.dumps({'op': 'joined', 'room': command['room']}))
            else:
                websockets.broadcast(members, json.dumps({**command, 'op': 'said'}))
    except websockets.ConnectionClosed:
        pass
    finally:
        for members in joined:
            members.discard(socket)


async def main():
    async with websockets.serve(serve, '127.0.0.1', int(sys.argv[1]), compression=None, ping_interval=None,
                                backlog=4096):
        await asyncio.Future()


asyncio.run(main())
