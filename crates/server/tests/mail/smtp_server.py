"""A mail server on loopback, for tests of mail. What it takes it prints, one JSON object a line; the first line is its port.

usage: smtp_server.py plain|starttls|tls CERT KEY [USER PASSWORD]

Who a mail is for says what becomes of it: refused@… never, later@… at the third try, busy@… at no try. It ends when its
input does.
"""

import asyncio
import json
import logging
import ssl
import sys
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


# What a test does to it on purpose is not news.
logging.disable()


def say(value):
    print(json.dumps(value), flush=True)


class Handler:
    def __init__(self):
        self.tries = {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        user = address.partition("@")[0]
        tries = self.tries[address] = self.tries.get(address, 0) + 1
        if user == "refused":
            return "550 5.1.1 there is nobody of that name"
        if user == "busy" or user == "later" and tries < 3:
            return f"451 4.7.1 try {tries}: later, please"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = message_from_bytes(envelope.content, policy=policy.default)
        part = lambda kind: mail.get_body((kind,)).get_content()
        say(
            {
                "encrypted": server.transport.get_extra_info("ssl_object") is not None,
                "signed_in": session.auth_data.decode() if session.auth_data else None,
                "hello": session.host_name,
                "sender": envelope.mail_from,
                "recipients": envelope.rcpt_tos,
                "headers": [[name, str(value)] for name, value in mail.items()],
                "parts": [one.get_content_type() for one in mail.walk()],
                "plain": part("plain"),
                "html": part("html"),
                "longest_line": max(len(line) for line in envelope.content.split(b"\r\n")),
                "is_ascii": envelope.content.isascii(),
                "tries": self.tries[envelope.rcpt_tos[0]],
            }
        )
        return "250 2.0.0 taken"


async def main(mode, cert, key, user=None, password=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def sign_in(server, session, envelope, mechanism, data):
        known = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=known, handled=False, auth_data=user.encode() if known else None)

    handler = Handler()

    def connection():
        return SMTP(
            handler,
            hostname="mail.test",
            require_starttls=mode == "starttls",
            tls_context=context if mode == "starttls" else None,
            auth_required=user is not None,
            auth_require_tls=mode == "starttls",
            authenticator=sign_in if user else None,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=context if mode == "tls" else None)
    say(server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main(*sys.argv[1:]))
