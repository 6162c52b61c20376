#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page at / in headless Chromium: two windows chat, and the figures live.

page.py BINARY [FILE.png]: the screenshot is kept when a file is named.
"""

import struct
import sys

from browser import ENTER, Browser
from ringcast import BINARY, TEXT, Client, Server, Tap

LOG = "return document.querySelector('#log').innerText"
SHOWS = "return document.querySelector('#log').innerText.includes(arguments[0])"
IS_OPEN = "return document.querySelector('#state').className === 'open'"
FIGURE = """const box = [...document.querySelectorAll('#figures div')]
    .find(b => b.querySelector('dt').textContent === arguments[0])
return box && box.querySelector('dd').textContent"""
FIGURE_IS = FIGURE.replace('return box &&', 'return arguments[1].includes(') + ')'


def chat(tap, browser, first, second):
    for handle, text in ((first, 'hello from the first window'),
                         (second, 'and from the second: \u00e9\u20ac'),
                         (first, '<img src=x onerror="window.broken = 1">')):
        browser.switch(handle)
        browser.type('#text', text + ENTER)
        for name, window in (('first', first), ('second', second)):
            browser.switch(window)
            tap.ok(browser.wait_run(SHOWS, text), f'"{text}" shows in the {name} window',
                   browser.run(LOG))
    for window in (first, second):
        browser.switch(window)
        tap.ok(browser.run('return !window.broken'), 'what others write is not run')
        tap.equal(browser.run("return document.querySelectorAll('#log li:not(.note)').length"), 3,
                  'every message shows once')


def others(tap, browser, port, first):
    browser.switch(first)
    with Client(port, '/room/lobby') as client:
        tap.ok(browser.wait_run(FIGURE_IS, 'connections', ['3']), 'the figures count a third client',
               browser.run(FIGURE, 'connections'))
        client.send(TEXT, b'plain text')
        client.send(BINARY, bytes(5))
        tap.ok(browser.wait_run(SHOWS, 'plain text'), "another client's plain text shows")
        tap.ok(browser.wait_run(SHOWS, '(5 bytes)'), "another client's binary message shows")
        browser.type('#text', 'to everybody' + ENTER)
        got = b''
        while b'to everybody' not in got and got is not None:
            opcode, got = client.receive()
            if opcode is None:
                break
        tap.ok(b'to everybody' in got, 'the page reaches another client')
    tap.ok(browser.wait_run(FIGURE_IS, 'connections', ['2']), 'the figures see it go')

    def busy():
        with Client(port, '/echo') as echo:
            for _ in range(200):
                echo.send(TEXT, b'x')
                echo.receive()
        return float(browser.run(FIGURE, 'deliveries/s').rstrip('kM\u2013') or 0) > 0
    moved = False
    for _ in range(100):
        moved = moved or busy()
    tap.ok(moved, 'deliveries/s moves under load')


def rooms(tap, browser, first, second, url):
    browser.switch(second)
    browser.go(url + '#%E4%B8%AD%E6%96%87')
    tap.ok(browser.wait_run(SHOWS, '\u4e2d\u6587') and browser.wait_run(IS_OPEN),
           'a room of another name')
    browser.switch(first)
    browser.type('#text', 'only in the lobby' + ENTER)
    browser.wait_run(SHOWS, 'only in the lobby')
    browser.switch(second)
    tap.ok(not browser.run(SHOWS, 'only in the lobby'), 'rooms are separate')
    browser.run("location.hash = ''")
    browser.wait_run(IS_OPEN)


def main():
    with Tap() as tap, Browser() as browser, Server(threads=3) as server:
        url = f'http://127.0.0.1:{server.port}/'
        first = browser.window()
        browser.go(url)
        tap.ok(browser.wait_run(IS_OPEN), 'the first window is connected')
        second = browser.open_window()
        browser.go(url)
        tap.ok(browser.wait_run(IS_OPEN), 'the second window is connected')
        tap.ok(browser.wait_run(FIGURE_IS, 'connections', ['2']), 'the figures count both')
        chat(tap, browser, first, second)
        others(tap, browser, server.port, first)
        browser.switch(first)
        png = browser.screenshot()
        width, height = struct.unpack('>II', png[16:24])
        tap.ok(png[:4] == b'\x89PNG' and width > 500 and height > 300, 'a screenshot')
        if len(sys.argv) > 2:
            with open(sys.argv[2], 'wb') as file:
                file.write(png)
        rooms(tap, browser, first, second, url)
        for name, window in (('first', first), ('second', second)):
            browser.switch(window)
            tap.equal(browser.errors(), [], f'no errors in the {name} window')


if __name__ == '__main__':
    sys.exit(main())
