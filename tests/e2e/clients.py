# SPDX-License-Identifier: MIT
"""WebSocket clients that we did not write, with one face: python3-websockets and npm ws.

    client.send(message)     str or bytes
    client.next()            the next message; 'closed CODE' at the end
    client.close()           with the closing handshake

Constructing one raises Refused when the server answers with another status than 101.
"""

import asyncio
import base64
import json
import queue
import subprocess
import threading

from ringcast import PATIENCE_S, end_process, need, skip

try:
    import websockets
except ImportError:
    skip('python3-websockets is not installed')


class Refused(Exception):
    def __init__(self, status):
        super().__init__(f'HTTP status {status}')
        self.status = status


class PythonClient:
    """python3-websockets, on one event loop in a thread of its own."""
    loop = None

    def __init__(self, url, headers=None):
        if not PythonClient.loop:
            PythonClient.loop = asyncio.new_event_loop()
            threading.Thread(target=PythonClient.loop.run_forever, daemon=True).start()
        self.received = queue.Queue()

        async def connect():
            return await websockets.connect(url, extra_headers=headers, ping_interval=None)
        try:
            self.socket = self.run(connect())
        except websockets.InvalidStatusCode as error:
            raise Refused(error.status_code) from None
        asyncio.run_coroutine_threadsafe(self.receive(), self.loop)

    def run(self, awaitable):
        async def wait():
            return await asyncio.wait_for(awaitable, PATIENCE_S)
        return asyncio.run_coroutine_threadsafe(wait(), self.loop).result()

    async def receive(self):
        try:
            async for message in self.socket:
                self.received.put(message)
        except websockets.ConnectionClosed:
            pass
        self.received.put(f'closed {self.socket.close_code}')

    def send(self, message):
        self.run(self.socket.send(message))

    def next(self):
        return self.received.get(timeout=PATIENCE_S)

    def close(self):
        self.run(self.socket.close())


NODE = """
const WebSocket = require('ws'), readline = require('readline')
const tell = event => console.log(JSON.stringify(event))
const socket = new WebSocket(process.argv[1], {headers: JSON.parse(process.argv[2])})
socket.on('open', () => tell({open: true}))
socket.on('message', (data, isBinary) => tell(isBinary ? {binary: data.toString('base64')} : {text: data.toString()}))
socket.on('unexpected-response', (request, answer) => { tell({refused: answer.statusCode}); process.exit() })
socket.on('error', () => {})
socket.on('close', code => { tell({closed: code}); process.exit() })
readline.createInterface({input: process.stdin}).on('line', line => {
    const {text, binary, close} = JSON.parse(line)
    if (close) socket.close(1000)
    else socket.send(text !== undefined ? text : Buffer.from(binary, 'base64'))
})
"""


class NodeClient:
    """npm ws, a process each."""

    def __init__(self, url, headers=None):
        node, = need('node')
        self.process = subprocess.Popen([node, '-e', NODE, url, json.dumps(headers or {})], text=True,
                                        encoding='utf-8', stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.events = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        first = self.events.get(timeout=PATIENCE_S)
        if not first.get('open'):
            end_process(self.process)
            raise Refused(first.get('refused'))

    def read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put({'closed': None})

    def tell(self, **command):
        self.process.stdin.write(json.dumps(command) + '\n')
        self.process.stdin.flush()

    def send(self, message):
        if isinstance(message, str):
            self.tell(text=message)
        else:
            self.tell(binary=base64.b64encode(message).decode())

    def next(self):
        event = self.events.get(timeout=PATIENCE_S)
        if 'closed' in event:
            return f'closed {event["closed"]}'
        return event['text'] if 'text' in event else base64.b64decode(event['binary'])

    def close(self):
        self.tell(close=True)
        self.process.wait(PATIENCE_S)


def need_ws():
    """Skips the test where npm ws is missing."""
    node, = need('node')
    if subprocess.run([node, '-e', 'require("ws")'], stderr=subprocess.DEVNULL, check=False).returncode:
        skip('npm ws is not installed (NODE_PATH)')
