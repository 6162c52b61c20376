# SPDX-License-Identifier: MIT
"""Headless Chromium, driven by chromedriver over the W3C WebDriver protocol."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from ringcast import end_process, free_port, need, wait_for

ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'  # the protocol's own key for elements
ENTER = '\ue007'


class Browser:
    def __init__(self, width=1100, height=800, flags=()):
        chromium, driver = need('chromium', 'chromedriver')
        self.profile = tempfile.mkdtemp()
        self.port = free_port()
        self.driver = subprocess.Popen([driver, f'--port={self.port}'], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.session = ''
        try:
            # One attempt is not enough: nobody listens in the first moments.
            wait_for(lambda: self.driver.poll() is not None or self.is_up())
            arguments = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic',
                         '--no-first-run', '--disable-background-networking',
                         '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
                         '--disable-background-timer-throttling',
                         f'--user-data-dir={self.profile}', f'--window-size={width},{height}', *flags]
            self.session = self.call('POST', '/session', {'capabilities': {'alwaysMatch': {
                'goog:chromeOptions': {'binary': chromium, 'args': arguments},
                'goog:loggingPrefs': {'browser': 'ALL'}}}})['sessionId']
        except BaseException:
            self.close()
            raise

    def is_up(self):
        try:
            return self.call('GET', '/status')['ready']
        except OSError:
            return False

    def call(self, method, path, body=None):
        if path.startswith('.'):
            path = f'/session/{self.session}{path[1:]}'
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f'http://127.0.0.1:{self.port}{path}', data, method=method,
                                       headers={'Content-Type': 'application/json'})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(asked, timeout=90) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as error:
            raise RuntimeError(f'{method} {path}: {error.read().decode()[:1000]}') from error

    def go(self, url):
        self.call('POST', './url', {'url': url})

    def run(self, script, *arguments):
        return self.call('POST', './execute/sync', {'script': script, 'args': list(arguments)})

    def wait_run(self, script, *arguments, timeout_s=30):
        """Until the script returns something true."""
        return wait_for(lambda: self.run(script, *arguments), timeout_s, 0.1)

    def type(self, selector, text):
        element = self.call('POST', './element', {'using': 'css selector', 'value': selector})[ELEMENT]
        self.call('POST', f'./element/{element}/value', {'text': text})

    def window(self):
        return self.call('GET', './window')

    def open_window(self):
        handle = self.call('POST', './window/new', {'type': 'window'})['handle']
        self.switch(handle)
        return handle

    def switch(self, handle):
        self.call('POST', './window', {'handle': handle})

    def errors(self):
        """What the browser complained about, blocked requests and scripts among it."""
        return [entry['message'] for entry in self.call('POST', './se/log', {'type': 'browser'})
                if entry['level'] == 'SEVERE']

    def screenshot(self):
        return base64.b64decode(self.call('GET', './screenshot'))

    def close(self):
        try:
            if self.session:
                self.call('DELETE', f'/session/{self.session}')
        except (OSError, RuntimeError):
            pass
        end_process(self.driver)
        for _ in range(20):  # Chromium's last processes may still write there
            shutil.rmtree(self.profile, ignore_errors=True)
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
