"""A small HTTP client for tests: TCP and unix sockets, nothing hidden. Standard library only."""
import http.client
import json
import socket
import threading

import support


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=support.TIMEOUT):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()
        self.text = self.body.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def message(self):
        return self.json["message"]


def ask(where, method, target, body=None, headers=None):
    """`where`: a port of the loopback address, or the path of a socket."""
    connection = UnixConnection(where) if isinstance(where, str) else \
        http.client.HTTPConnection("127.0.0.1", where, timeout=support.TIMEOUT)
    try:
        connection.request(method, target, body=body, headers=headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def get(where, target, **more):
    return ask(where, "GET", target, **more)


class Stub:
    """Something that listens at a unix socket and answers, but is no weir."""

    def __init__(self, path, answer=b"HTTP/1.1 200 OK\r\nServer: other\r\nContent-Length: 3\r\n\r\nhi\n"):
        self.answer = answer
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                if client.recv(4096):
                    client.sendall(self.answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
