"""A server on loopback that holds a few files, and can be told to break off."""

import http.server
import threading
from contextlib import contextmanager


class Server:
    """`files` is what it holds, path → bytes; of paths in `cut` it sends the first half only."""

    def __init__(self, files):
        self.files = files
        self.cut = set()
        self.requested_paths = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0].lstrip("/")
                outer.requested_paths.append(path)
                if path not in outer.files:
                    self.send_error(404)
                    return
                content = outer.files[path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if path in outer.cut else content)

            def log_message(self, *words):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self):
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


@contextmanager
def serving(files):
    server = Server(files)
    try:
        yield server
    finally:
        server.close()
