#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Votes in Python:  poll.py [ADDRESS]

/poll/QUESTION?name=NAME is a WebSocket: what a client sends is its vote, and everybody in that question's
room is told the count. A thread of the program's own tells all of them how many are connected. GET /
answers with all counts as JSON.
"""

import json
import signal
import sys
import threading
import urllib.parse
from collections import Counter

import ringcast


class Poll(ringcast.Server):
    def __init__(self, *addresses, **options):
        self.votes = {}  # question: {name: answer}
        self.votes_lock = threading.Lock()
        super().__init__(*addresses, **options)

    def count(self, question):
        with self.votes_lock:
            return dict(sorted(Counter(self.votes.get(question, {}).values()).items()))

    def on_upgrade(self, request):
        question = urllib.parse.unquote(request.path.removeprefix('/poll/'))
        name = request.parameter('name')
        if not request.path.startswith('/poll/') or not name:
            return ringcast.Refuse(400, 'write /poll/QUESTION?name=NAME')
        return ringcast.Accept(rooms=(question,), connection=(name, question))

    def on_open(self, id, connection):
        name, question = connection
        self.send(id, f'welcome {name}, so far: {json.dumps(self.count(question))}')

    def on_message(self, id, connection, message):
        name, question = connection
        if isinstance(message, bytes):
            self.close(id, 1003, 'vote in words')
            return
        with self.votes_lock:
            self.votes.setdefault(question, {})[name] = message
        self.publish(question, json.dumps(self.count(question)))

    def on_http(self, request):
        with self.votes_lock:
            questions = list(self.votes)
        return ringcast.Page(json.dumps({q: self.count(q) for q in questions}),
                             content_type='application/json')


def tell_connected(poll, ended):
    while not ended.wait(0.2):
        try:
            poll.broadcast(f'{poll.connection_count} connected')
        except BlockingIOError:
            pass  # there is another one soon


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends it as Ctrl-C does
    with Poll(*(sys.argv[1:] or ['127.0.0.1:8080']), threads=2) as server:
        print('listening on', server.address(), flush=True)
        end = threading.Event()
        teller = threading.Thread(target=tell_connected, args=(server, end))
        teller.start()
        try:
            teller.join()
        except KeyboardInterrupt:
            pass
        end.set()
        teller.join()  # nobody may use the server once it is destroyed
