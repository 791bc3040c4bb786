# SPDX-License-Identifier: Apache-2.0
"""A page in headless Chromium, by ChromeDriver's HTTP interface (W3C WebDriver), and the pixels of it."""

import base64
import json
import shutil
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request
import zlib


def browser_missing():
    """Why there is no browser here, or None."""
    for program in ('chromium', 'chromedriver'):
        if not shutil.which(program):
            return f'{program} is not installed'
    return None


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Picture:
    """A PNG of 8 bits and 3 or 4 channels, as ChromeDriver makes them."""

    def __init__(self, data):
        at, packed = 8, b''
        while at < len(data):
            length, kind = struct.unpack('>I4s', data[at:at + 8])
            body = data[at + 8:at + 8 + length]
            if kind == b'IHDR':
                self.width, self.height, _, colour = struct.unpack('>IIBB', body[:10])
                self.channels = 4 if colour == 6 else 3
            elif kind == b'IDAT':
                packed += body
            at += length + 12
        self.rows = self.unfilter(zlib.decompress(packed))

    def unfilter(self, raw):
        stride, n = self.width * self.channels, self.channels
        rows, previous = [], bytearray(stride)
        for y in range(self.height):
            start = y * (stride + 1)
            kind, row = raw[start], bytearray(raw[start + 1:start + 1 + stride])
            if kind == 2:
                row = bytearray((a + b) & 255 for a, b in zip(row, previous))
            elif kind:
                for i in range(stride):
                    left, up = row[i - n] if i >= n else 0, previous[i]
                    corner = previous[i - n] if i >= n else 0
                    if kind == 1:
                        add = left
                    elif kind == 3:
                        add = (left + up) // 2
                    else:
                        guess = left + up - corner
                        add = min((left, up, corner), key=lambda v: abs(guess - v))
                    row[i] = (row[i] + add) & 255
            rows.append(row)
            previous = row
        return rows

    def pixel(self, x, y):
        return tuple(self.rows[y][x * self.channels:x * self.channels + 3])

    def colours(self):
        """How many different ones there are, shades that nearly agree being one."""
        return len({tuple(v // 24 for v in self.pixel(x, y)) for y in range(0, self.height, 2)
                    for x in range(0, self.width, 2)})


class Browser:
    """The page at PATH."""

    def __init__(self, path, dark):
        self.path, self.dark, self.session = path, dark, None
        self.port = free_port()

    def __enter__(self):
        self.driver = subprocess.Popen(['chromedriver', f'--port={self.port}'], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *ignored):
        try:
            if self.session:
                self.call('DELETE', '')
        finally:
            self.driver.terminate()
            self.driver.wait()

    def begin(self):
        options = {'args': ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking',
                            '--disable-dev-shm-usage', '--hide-scrollbars', '--window-size=1180,900',
                            f'--blink-settings=preferredColorScheme={0 if self.dark else 1}'],
                   'perfLoggingPrefs': {'enableNetwork': True}}
        wanted = {'capabilities': {'alwaysMatch': {
            'browserName': 'chrome', 'goog:chromeOptions': options,
            'goog:loggingPrefs': {'browser': 'ALL', 'performance': 'ALL'}}}}
        for attempt in range(100):
            try:
                self.session = self.request('POST', '/session', wanted)['sessionId']
                break
            except (ConnectionError, urllib.error.URLError):
                if attempt == 99:
                    raise
                time.sleep(0.1)
        self.cdp('Emulation.setEmulatedMedia', {'features': [
            {'name': 'prefers-color-scheme', 'value': 'dark' if self.dark else 'light'}]})
        self.call('POST', '/url', {'url': f'file://{self.path}'})

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f'http://127.0.0.1:{self.port}{path}', data=data, method=method,
                                         headers={'Content-Type': 'application/json'})
        # The environment's proxies are not for this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)['value']

    def call(self, method, path, body=None):
        return self.request(method, f'/session/{self.session}{path}', body)

    def cdp(self, command, parameters):
        return self.call('POST', '/goog/cdp/execute', {'cmd': command, 'params': parameters})

    def script(self, text):
        return self.call('POST', '/execute/sync', {'script': text, 'args': []})

    def messages(self):
        return [entry['message'] for entry in self.call('POST', '/se/log', {'type': 'browser'})]

    def fetched(self):
        """What the page asked for beside itself."""
        urls = []
        for entry in self.call('POST', '/se/log', {'type': 'performance'}):
            message = json.loads(entry['message'])['message']
            if message['method'] == 'Network.requestWillBeSent':
                urls.append(message['params']['request']['url'])
        page = f'file://{self.path}'
        return [url for url in urls if url != page and not url.startswith(('data:', 'chrome:', 'about:'))]

    def plots(self):
        """(kind, its box on the page) of each."""
        boxes = self.script('''return [...document.querySelectorAll("figure.plot")].map(f => {
            const r = f.querySelector("svg").getBoundingClientRect();
            return [f.dataset.plot, [r.x + scrollX, r.y + scrollY, r.width, r.height]]; })''')
        return [(kind, box) for kind, box in boxes]

    def picture(self, box):
        x, y, width, height = box
        shot = self.cdp('Page.captureScreenshot', {
            'format': 'png', 'captureBeyondViewport': True,
            'clip': {'x': x, 'y': y, 'width': width, 'height': height, 'scale': 0.6}})
        return Picture(base64.b64decode(shot['data']))

    def colours(self, box):
        return self.picture(box).colours()

    def ground(self):
        """How light the page's corner is, 0 to 255."""
        return sum(self.picture([0, 0, 20, 20]).pixel(2, 2)) // 3
