"""A mail server that keeps to a script."""

import socket
import threading


class TalkingServer:
    """Says these lines, one after each thing that it hears, and then nothing more. Gives its port."""

    def __init__(self, *lines: bytes) -> None:
        self._lines = lines
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._talk, daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *_error: object) -> None:
        self._listener.close()
        self._thread.join(timeout=5)

    def _talk(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as heard:
            for place, line in enumerate(self._lines):
                if place and not heard.readline():
                    return
                if place and self._lines[place - 1].startswith(b"354"):
                    while heard.readline() not in (b".\r\n", b""):
                        pass
                connection.sendall(line)
            while heard.readline():
                pass
