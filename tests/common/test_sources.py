"""Downloads against a server on this machine: whole, altered, cut off, silent, absent."""

import hashlib
import http.server
import threading
from collections.abc import Iterator

import pytest

from common import sources
from common.sources import FetchError, fetch

CONTENT = bytes(range(256)) * 400
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # noqa: N802 (the library's name)
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.path.startswith("/silent"):
            self.server.released.wait(10)
        elif self.path.startswith("/cut"):
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
        elif self.path.startswith("/altered"):
            self.wfile.write(CONTENT[:-1] + b"!")
        else:
            self.wfile.write(CONTENT)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.released = threading.Event()
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.released.set()
        httpd.shutdown()


def test_a_whole_file_arrives_under_its_name_alone(server, tmp_path):
    target = tmp_path / "deep" / "file.bin"
    fetch([f"{server}/file.bin"], target, MD5, quiet=True)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_the_next_mirror_is_tried(server, tmp_path):
    urls = [f"{server}/missing", f"{server}/cut", f"{server}/altered", f"{server}/file"]
    fetch(urls, tmp_path / "file", MD5, quiet=True)
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("missing", "Not Found"), ("cut", "cut off|IncompleteRead"), ("altered", f"md5 is .*, should be {MD5}")],
)
def test_a_wrong_file_is_never_kept(server, tmp_path, kind, reason):
    with pytest.raises(FetchError, match=reason):
        fetch([f"{server}/{kind}"], tmp_path / "file", MD5, quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_a_silent_server_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "TIMEOUT", 0.2)
    with pytest.raises(FetchError, match="timed out"):
        fetch([f"{server}/silent"], tmp_path / "file", MD5, quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_server_is_named(tmp_path):
    with pytest.raises(FetchError, match="127.0.0.1:9.*refused"):
        fetch(["http://127.0.0.1:9/file"], tmp_path / "folder" / "file", MD5, quiet=True)
    assert list(tmp_path.iterdir()) == []  # not even an empty folder


def test_progress_is_shown_unless_quiet(server, tmp_path, capsys):
    fetch([f"{server}/file"], tmp_path / "a", MD5)
    assert "fetching" in capsys.readouterr().err
    fetch([f"{server}/file"], tmp_path / "b", MD5, quiet=True)
    assert capsys.readouterr().err == ""
