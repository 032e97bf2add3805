"""What TLS is spoken, by `openssl s_client`: versions, protocols above it, and what is no TLS."""

import ssl
import subprocess

from server import Server, eventually, refused
from websocket import connect, trusting


def run(folder, authority):
    certificate, key = authority.server("versions")
    with Server("--tls-cert", certificate, "--tls-key", key) as server:
        assert server.scheme == "https"
        versions(server, authority)
        protocols(server, authority)
        no_tls(server, authority)
        expiry(server, authority)
    other = authority.server("rsa", "rsa")
    with Server("--tls-cert", other[0], "--tls-key", other[1]) as server:
        said = s_client(server, authority, "-tls1_2", "-sigalgs", "RSA-PSS+SHA256")
        assert "Verify return code: 0 (ok)" in said, said
    self_signed(authority)
    starts(folder, authority)


def s_client(server, authority, *flags):
    """What s_client says of a connection."""
    command = [
        "openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-servername", "localhost",
        "-CAfile", authority.certificate, *flags,
    ]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=150, check=False)
    # With HTTP/2 the server speaks first, and not in text.
    return (done.stdout + done.stderr).decode(errors="replace")


def versions(server, authority):
    for flag, name in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")]:
        said = s_client(server, authority, flag)
        assert "Verify return code: 0 (ok)" in said, said
        assert f"New, {name}, Cipher is " in said, said
        assert "Cipher is (NONE)" not in said
    # s_client itself has to be told to offer what is so old.
    said = s_client(server, authority, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in said and "alert" in said, said


def protocols(server, authority):
    for offered, chosen in [("h2,http/1.1", "h2"), ("http/1.1", "http/1.1"), ("http/1.1,h2", "h2")]:
        said = s_client(server, authority, "-alpn", offered)
        assert f"ALPN protocol: {chosen}\n" in said, said
    said = s_client(server, authority)
    assert "No ALPN negotiated" in said and "Cipher is TLS" in said, said
    said = s_client(server, authority, "-alpn", "spdy/1")
    assert "no application protocol" in said, said


def no_tls(server, authority):
    """A client that speaks HTTP is cut off, and so is one that sends anything else."""
    for words in [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", bytes(64), b"\x16\x03\x01\xff\xff" * 9]:
        plain = connect(server.address)
        plain.sendall(words)
        answer = b""
        try:
            while part := plain.recv(4096):
                answer += part
        except ConnectionResetError:
            pass
        # An alert at most: never HTTP in the clear.
        assert answer == b"" or answer[0] == 0x15, answer
        plain.close()


def expiry(server, authority):
    """The metric by which an operator is warned says what the certificate says."""
    context = trusting(authority.certificate)
    connection = connect(server.address, context)
    ends_at_s = ssl.cert_time_to_seconds(connection.getpeercert()["notAfter"])
    connection.close()
    told_s = server.metric("agnt_certificate_expires_timestamp_seconds", context)
    assert told_s == ends_at_s, (told_s, ends_at_s)


def self_signed(authority):
    # With something to read anew beside it: that makes no other certificate.
    trusted = ["--tls-client-ca", authority.certificate, "--tls-client-auth", "optional"]
    with Server("--tls-self-signed", *trusted) as server:
        printed = subprocess.run(
            ["sh", "-c", f"openssl s_client -connect 127.0.0.1:{server.port} </dev/null 2>/dev/null"
             " | openssl x509 -noout -fingerprint -sha256 -ext subjectAltName"],
            capture_output=True, text=True, timeout=150, check=True,
        ).stdout
        fingerprint = printed.split("\n")[0].split("=")[1]
        eventually(
            f"the log names {fingerprint}", lambda: any(fingerprint in line for line in server.log)
        )
        for name in ["DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"]:
            assert name in printed, printed
        server.signal("SIGHUP")
        eventually("SIGHUP was heard", lambda: any("TLS from now on" in line for line in server.log))
        assert any("TLS from now on" in line and fingerprint in line for line in server.log), server.log


def starts(folder, authority):
    """What can't work is refused at the start in one line that says what to change."""
    certificate, key = authority.server("start")
    other_key = authority.server("start-other")[1]
    empty = folder / "empty.pem"
    empty.write_text("nothing\n")
    for flags, code, words in [
        (["--listen", "0.0.0.0:0", "--allow-anonymous"], 2, ["--tls-cert", "--allow-plaintext"]),
        (["--tls-cert", certificate], 2, ["tls_key"]),
        (["--tls-key", key], 2, ["tls_cert"]),
        (["--tls-self-signed", "--tls-cert", certificate, "--tls-key", key], 2, ["tls_self_signed"]),
        (["--tls-client-ca", certificate], 2, ["tls_client_ca"]),
        (["--tls-cert", "no/such.pem", "--tls-key", key], 2, ["tls_cert", "no/such.pem"]),
        (["--tls-cert", empty, "--tls-key", key], 2, ["tls_cert", "no certificate"]),
        (["--tls-cert", certificate, "--tls-key", empty], 2, ["tls_key", "empty.pem"]),
        (["--tls-cert", certificate, "--tls-key", other_key], 2, ["tls_cert", "own key"]),
    ]:
        found, said = refused("--listen", "127.0.0.1:0", *flags)
        checked, told = refused("--check-config", "--listen", "127.0.0.1:0", *flags)
        assert checked == code and all(word in told for word in words), (flags, told)
        line = said.strip().split("\n")[-1]
        assert found == code, (flags, found, said)
        assert all(word in line for word in words), (flags, said)
    # Everything else beyond loopback starts as wished.
    for flags in [["--allow-plaintext"], ["--tls-cert", certificate, "--tls-key", key]]:
        with Server("--allow-anonymous", *flags, listen="0.0.0.0:0"):
            pass
