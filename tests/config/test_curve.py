"""Keys of the server: made once, private; a bad file lets nobody in and is named."""

import logging
import threading
from pathlib import Path

import pytest
import zmq
import zmq.auth

from config.curve import DOMAIN, CurveError, CurveServer, keys_folder, needs_curve, server_keys


def test_only_loopback_needs_no_curve() -> None:
    assert [needs_curve(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "10.1.2.3", "*")] == [
        False, False, False, True, True, True,
    ]  # fmt: skip


def test_keys_are_made_once_whoever_comes_first_and_the_secret_is_its_owners_alone(tmp_path: Path) -> None:
    found: list[tuple[bytes, bytes]] = []
    threads = [threading.Thread(target=lambda: found.append(server_keys(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1
    folder = keys_folder(tmp_path)
    assert (folder / "server.key_secret").stat().st_mode & 0o777 == 0o600
    public, secret = zmq.auth.load_certificate(folder / "server.key")
    assert public == found[0][0] and secret is None


def test_a_server_key_that_is_none_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (keys_folder(tmp_path) / "server.key_secret").write_text("junk")
    with pytest.raises(CurveError, match="server.key_secret: expected a CURVE certificate"):
        server_keys(tmp_path)


def test_clients_are_those_listed_at_the_last_look(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clients = keys_folder(tmp_path) / "clients"
    with zmq.Context() as context:
        server = CurveServer(context, tmp_path)
        try:
            assert not server.callback(DOMAIN, zmq.curve_keypair()[0])
            public_file, _ = zmq.auth.create_certificates(clients, "one")
            (clients / "bad.key").write_text("nothing of the kind")
            public = zmq.auth.load_certificate(public_file)[0]
            assert not server.callback(DOMAIN, public)
            with caplog.at_level(logging.ERROR):
                server.reload()
            assert "bad.key: expected a CURVE certificate" in caplog.text
            assert server.callback(DOMAIN, public)
            Path(public_file).unlink()
            server.reload()
            assert not server.callback(DOMAIN, public)
        finally:
            server.close()
