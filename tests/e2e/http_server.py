"""An HTTP/1.1 server for tests: remembers every request, answers as told.

    with Server() as server:
        server.say("/path", 503, times=2, headers={"Retry-After": "1"})   # then 200
        server.say("/slow", sleep=5); server.say("/cut", reset=True)
        server.requests      # [Request(method, path, headers, body, at)]
"""
import collections
import http.server
import socket
import ssl
import struct
import threading
import time

HOST = "127.0.0.1"
Request = collections.namedtuple("Request", "method path headers body at port")


class Server:
    def __init__(self, tls=None):
        self.requests, self.rules, self.lock, self.ended = [], [], threading.Lock(), threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def any(self):
                outer.answer(self)
            do_GET = do_POST = do_PUT = any

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass
        self.server = Listener((HOST, 0), Handler)
        self.scheme = "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"
        self.port = self.server.server_address[1]
        self.url = f"{self.scheme}://{HOST}:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def say(self, path, status=200, body=b"", headers=None, times=1 << 30, sleep=0, reset=False, close=False):
        """What the next `times` requests to `path` get."""
        with self.lock:
            self.rules.append({"path": path, "status": status, "body": body, "headers": headers or {},
                               "times": times, "sleep": sleep, "reset": reset, "close": close})

    def answer(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        with self.lock:
            self.requests.append(Request(h.command, h.path, dict(h.headers.items()), body, time.monotonic(),
                                         h.client_address[1]))
            told = next((r for r in self.rules if r["path"] == h.path.split("?")[0] and r["times"] > 0), None)
            if told:
                told["times"] -= 1
        told = told or {"status": 200, "body": b"", "headers": {}, "sleep": 0, "reset": False, "close": False}
        self.ended.wait(told["sleep"])
        if told["reset"]:
            h.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            h.connection.close()
            h.close_connection = True
            return
        h.send_response(told["status"])
        for k, v in told["headers"].items():
            h.send_header(k, v)
        h.send_header("Content-Length", str(len(told["body"])))
        if told["close"]:
            h.send_header("Connection", "close")
            h.close_connection = True
        h.end_headers()
        h.wfile.write(told["body"])

    def seen(self, path):
        with self.lock:
            return [r for r in self.requests if r.path.split("?")[0] == path]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
