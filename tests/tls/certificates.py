"""Certificates for the tests, made by OpenSSL: authorities, servers, clients."""

import pathlib
import subprocess


class Authority:
    """Who signs certificates. Each has a folder of its own."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.certificate = self.folder / "authority.pem"
        self.key = self.folder / "authority.key"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "30", "-subj", f"/CN={name}", "-out", self.certificate, "-keyout", self.key,
            "-addext", "basicConstraints=critical,CA:TRUE",
        )

    def server(self, name, key="ec"):
        """A certificate for this machine's own names; the paths of it and of its key."""
        return self.sign(name, "serverAuth", key)

    def client(self, name, days=30):
        """A certificate for a client; with days below zero one that is over already."""
        return self.sign(name, "clientAuth", "ec", days)

    def sign(self, name, usage, key, days=30):
        certificate = self.folder / f"{name}.pem"
        key_file = self.folder / f"{name}.key"
        request = self.folder / f"{name}.csr"
        extensions = self.folder / f"{name}.ext"
        options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        if key == "rsa":
            options = ["-newkey", "rsa:2048"]
        openssl(
            "req", "-new", *options, "-nodes", "-subj", f"/CN={name}",
            "-keyout", key_file, "-out", request,
        )
        extensions.write_text(
            f"subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage={usage}\n"
        )
        openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
            "-CAcreateserial", "-out", certificate, "-extfile", extensions, "-days", days,
        )
        return certificate, key_file


def fingerprint(certificate):
    """SHA-256 of a certificate, as OpenSSL prints it."""
    printed = openssl("x509", "-in", certificate, "-noout", "-fingerprint", "-sha256")
    return printed.strip().split("=")[1]


def openssl(*arguments):
    """Runs OpenSSL; what it prints."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")
    return done.stdout
