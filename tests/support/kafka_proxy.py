#!/usr/bin/python3
"""TLS and SASL in front of one broker of librdkafka's mock, which has neither: speaks TLS (with client
certificates) and SASL PLAIN or SCRAM-SHA-512 with clients, and plain Kafka with the broker. The broker's address in
what it tells clients is replaced by the proxy's, so that they come back here.

usage: kafka_proxy.py BROKER_PORT [--cert FILE --key FILE] [--client-ca FILE] [--plain USER:PASSWORD]
                      [--scram USER:PASSWORD]

Prints its port, then a line for each client that was let in or refused.

librdkafka asks for the API versions first; the proxy adds SaslHandshake version 0 to the mock's answer and answers that
request itself. With that version SASL messages have no frame of Kafka's around them: four bytes of length, and the token.
"""
import argparse
import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct
import threading

parser = argparse.ArgumentParser()
parser.add_argument("broker", type=int)
for option in ("--cert", "--key", "--client-ca", "--plain", "--scram"):
    parser.add_argument(option)
options = parser.parse_args()


HANDSHAKE, API_VERSIONS = 17, 18


def with_handshake(answer):
    """The answer to ApiVersions (version 0 to 2) with one entry more: key, least, most."""
    count = struct.unpack(">i", answer[6:10])[0]
    end = 10 + 6 * count
    return answer[:6] + struct.pack(">i", count + 1) + answer[10:end] + struct.pack(">hhh", HANDSHAKE, 0, 0) + answer[end:]


def begin_sasl(client, broker):
    """The client's first token."""
    while True:
        frame = read_frame(client)
        key, _, number = struct.unpack(">hhi", frame[:8])
        if key == API_VERSIONS:
            send_frame(broker, frame)
            send_frame(client, with_handshake(read_frame(broker)))
        elif key == HANDSHAKE:
            name = b"PLAIN" if options.plain else b"SCRAM-SHA-512"
            send_frame(client, struct.pack(">ihi", number, 0, 1) + struct.pack(">h", len(name)) + name)
            return read_frame(client)
        else:
            raise PermissionError(f"a request {key} before SASL")


def say(text):
    os.write(1, f"{text}\n".encode())  # whole lines, from any thread


def read_exactly(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def read_frame(sock):
    return read_exactly(sock, struct.unpack(">i", read_exactly(sock, 4))[0])


def send_frame(sock, data):
    sock.sendall(struct.pack(">i", len(data)) + data)


def plain(sock, token):
    _, user, password = token.split(b"\0")
    if f"{user.decode()}:{password.decode()}" != options.plain:
        raise PermissionError(f"PLAIN: {user.decode()} is not let in")
    send_frame(sock, b"")
    return user.decode()


def scram(sock, token):
    """RFC 5802 with SHA-512, as the server."""
    user, password = options.scram.split(":", 1)
    first = token.decode()
    bare = first.split(",", 2)[2]
    fields = dict(f.split("=", 1) for f in bare.split(","))
    if fields["n"] != user:
        raise PermissionError(f"SCRAM: {fields['n']} is not let in")
    salt, rounds = os.urandom(16), 4096
    nonce = fields["r"] + base64.b64encode(os.urandom(12)).decode()
    server_first = f"r={nonce},s={base64.b64encode(salt).decode()},i={rounds}"
    send_frame(sock, server_first.encode())
    final = read_frame(sock).decode()
    without_proof, proof = final.rsplit(",p=", 1)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)

    def mac(key, text):
        return hmac.new(key, text, hashlib.sha512).digest()
    message = f"{bare},{server_first},{without_proof}".encode()
    key = mac(salted, b"Client Key")
    signature = mac(hashlib.sha512(key).digest(), message)
    wanted = bytes(a ^ b for a, b in zip(key, signature))
    # librdkafka 2.0.2 writes its own part of the nonce twice; brokers look at the end only, too.
    if base64.b64decode(proof) != wanted or not without_proof.endswith(nonce):
        raise PermissionError("SCRAM: a wrong password")
    send_frame(sock, b"v=" + base64.b64encode(mac(mac(salted, b"Server Key"), message)))
    return user


def forward(source, target, change=None):
    try:
        while True:
            frame = read_frame(source)
            send_frame(target, change(frame) if change else frame)
    except (EOFError, OSError, ssl.SSLError):
        for s in (source, target):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(client, context, here):
    broker = None
    try:
        who = "somebody"
        if context:
            client = context.wrap_socket(client, server_side=True)
            who = str(dict(x[0] for x in (client.getpeercert() or {}).get("subject", ())).get("commonName"))
        broker = socket.create_connection(("127.0.0.1", options.broker))
        if options.plain or options.scram:
            token = begin_sasl(client, broker)
            who = plain(client, token) if options.plain else scram(client, token)
        say(f"in {who}")
        host = struct.pack(">h", 9) + b"127.0.0.1"
        there, back = host + struct.pack(">i", options.broker), host + struct.pack(">i", here)
        threading.Thread(target=forward, args=(client, broker), daemon=True).start()
        forward(broker, client, lambda frame: frame.replace(there, back))
    except (PermissionError, ssl.SSLError) as why:
        say(f"refused {why}")
    except (EOFError, OSError):
        pass
    client.close()
    if broker:
        broker.close()


def main():
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
        if options.client_ca:
            context.load_verify_locations(options.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))
    here = listener.getsockname()[1]
    say(here)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, context, here), daemon=True).start()


main()
