#!/usr/bin/env python3
"""Makes the keys and the tokens that the tests of the credentials are tried on.

Nothing of the code under test takes part: keys and signatures are OpenSSL's, HMAC is Python's, and
the tokens are put together by hand. Keys that exist are kept; they open nothing but these tests.
Signatures of ES256 are random, so that each run makes other tokens of those; everything else is the
same each time.
"""

import base64
import hashlib
import hmac
import json
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOW_S = 1_800_000_000
SECRET = bytes(range(32))
ISSUER = "https://issuer.example"
HEADER = {"typ": "JWT"}
CLAIMS = {
    "iss": ISSUER,
    "aud": "agnt",
    "sub": "agent-001",
    "iat": NOW_S - 10,
    "nbf": NOW_S - 10,
    "exp": NOW_S + 600,
    "jti": "token-1",
    "scope": "read publish fly",
}
KEYS = {
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa_other": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa_short": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
    "rsa_2047": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2047"],
    "es": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "es_other": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "es_384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "es_koblitz": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    "ed": ["-algorithm", "ED25519"],
    "ed_other": ["-algorithm", "ED25519"],
    "ed_448": ["-algorithm", "ED448"],
    "x25519": ["-algorithm", "X25519"],
}
ALGORITHMS = {"rsa": "RS256", "es": "ES256", "ed": "EdDSA", "hs": "HS256"}


def openssl(*arguments, given=None):
    return subprocess.run(
        ["openssl", *arguments], input=given, check=True, capture_output=True
    ).stdout


def private_pem(key):
    return HERE / f"{key}.pem"


def public_pem(key):
    return HERE / f"{key}.pub.pem"


def make_keys():
    for key, options in KEYS.items():
        if not private_pem(key).exists():
            private_pem(key).write_bytes(openssl("genpkey", *options))
        public_pem(key).write_bytes(openssl("pkey", "-in", private_pem(key), "-pubout"))
    forms = {
        "rsa_pkcs1.pem": ["rsa", "-traditional", "-in", private_pem("rsa")],
        "es_sec1.pem": ["ec", "-in", private_pem("es")],
    }
    for name, command in forms.items():
        (HERE / name).write_bytes(openssl(*command))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def der_integers(der):
    """The two numbers of an ECDSA signature in DER, 32 bytes each."""
    body, numbers = der[2:], []
    while body:
        length = body[1]
        numbers.append(int.from_bytes(body[2 : 2 + length], "big").to_bytes(32, "big"))
        body = body[2 + length :]
    return b"".join(numbers)


def signature(key, message):
    kind = key.split("_")[0]
    if kind == "hs":
        return hmac.new(SECRET, message, hashlib.sha256).digest()
    if kind == "ed":
        with tempfile.NamedTemporaryFile() as file:
            file.write(message)
            file.flush()
            return openssl(
                "pkeyutl", "-sign", "-rawin", "-inkey", private_pem(key), "-in", file.name
            )
    made = openssl("dgst", "-sha256", "-sign", private_pem(key), given=message)
    return der_integers(made) if kind == "es" else made


def compact(header, claims, sign):
    """A token of texts or objects: `sign` makes the signature of the message."""
    texts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    message = ".".join(b64(text.encode()) for text in texts)
    return f"{message}.{b64(sign(message.encode()))}"


def token(key="rsa", header=None, claims=None, without=(), kid=True, header_text=None, text=None):
    """A good token, but for what is asked for."""
    kind = key.split("_")[0]
    full_header = {
        "alg": ALGORITHMS[kind],
        **({"kid": kind} if kid else {}),
        **HEADER,
        **(header or {}),
    }
    full_claims = {
        name: it for name, it in {**CLAIMS, **(claims or {})}.items() if name not in without
    }
    return compact(header_text or full_header, text or full_claims, lambda it: signature(key, it))


def with_claims_text(replaced, by):
    text = json.dumps(CLAIMS)
    assert replaced in text
    return token("ed", text=text.replace(replaced, by))


def jwk(key):
    der = openssl("pkey", "-pubin", "-in", public_pem(key), "-outform", "DER")
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(der[-32:])}


def good():
    return {
        "rs256": token("rsa"),
        "es256": token("es"),
        "eddsa": token("ed"),
        "hs256": token("hs"),
        "ed25519 by its newer name": token("ed", header={"alg": "Ed25519"}),
        "no kid, one key of that algorithm": token("ed", kid=False),
        "no typ": token("ed", header_text=json.dumps({"alg": "EdDSA", "kid": "ed"})),
        "typ at+jwt": token("ed", header={"typ": "at+jwt"}),
        "keys in the header are not looked at": token(
            "ed", header={"jwk": jwk("ed_other"), "jku": "https://evil.example/keys", "x5u": 7}
        ),
        "several audiences": token("ed", claims={"aud": ["other", "agnt"]}),
        "parts of seconds": token("ed", claims={"exp": NOW_S + 0.5, "nbf": NOW_S - 0.5}),
        "no iat, nbf, jti": token("ed", without=("iat", "nbf", "jti")),
        "scopes as a list": token("ed", claims={"scopes": ["publish"]}, without=("scope",)),
        "scp as a list": token("ed", claims={"scp": ["read", "read"]}, without=("scope",)),
        "scp as a text": token("ed", claims={"scp": "read x"}, without=("scope",)),
        "no scope": token("ed", without=("scope",)),
        "streams": token("ed", claims={"agnt_streams": ["north", "south"]}),
        "no streams at all": token("ed", claims={"agnt_streams": []}),
        "act as two": token("ed", claims={"act_as": ["agent-002", "agent-003"]}),
        "act as everyone": token("ed", claims={"act_as": "*"}),
        "act as everyone, in a list": token("ed", claims={"act_as": ["agent-002", "*"]}),
        "unknown claims": token("ed", claims={"role": "admin", "admin": True}),
        "expired within the leeway": token("ed", claims={"exp": NOW_S - 29, "iat": NOW_S - 90}),
        "to be good within the leeway": token("ed", claims={"nbf": NOW_S + 30, "iat": NOW_S + 30}),
        "of the other issuer": token(
            "ed_other", header={"kid": "other"}, claims={"iss": "https://other.example"}
        ),
    }


def forged_algorithms():
    public_text = public_pem("rsa").read_bytes()
    der = openssl("pkey", "-in", private_pem("rsa"), "-pubout", "-outform", "DER")

    def by_secret(secret, header):
        sign = lambda it: hmac.new(secret, it, hashlib.sha256).digest()
        return compact({"typ": "JWT", **header}, CLAIMS, sign)

    def unsigned(header):
        return compact(header, CLAIMS, lambda _: b"")

    return {
        "alg none": unsigned({"alg": "none"}),
        "alg none with a kid": unsigned({"alg": "none", "kid": "rsa"}),
        "alg nOnE": unsigned({"alg": "nOnE", "kid": "rsa"}),
        "alg empty": unsigned({"alg": "", "kid": "rsa"}),
        "alg missing": unsigned({"kid": "rsa"}),
        "alg null": unsigned({"alg": None, "kid": "rsa"}),
        "alg rs256": token("rsa", header={"alg": "rs256"}),
        "alg RS512": token("rsa", header={"alg": "RS512"}),
        "alg PS256": token("rsa", header={"alg": "PS256"}),
        "HS256 with the PEM as secret": by_secret(public_text, {"alg": "HS256", "kid": "rsa"}),
        "HS256 with the DER as secret": by_secret(der, {"alg": "HS256", "kid": "rsa"}),
        "HS256 with the PEM as secret, no kid": by_secret(public_text, {"alg": "HS256"}),
        "HS256 with the PEM as secret, the secret's kid": by_secret(
            public_text, {"alg": "HS256", "kid": "hs"}
        ),
        "HS256 with nothing as secret": by_secret(b"", {"alg": "HS256", "kid": "hs"}),
        "ES256 with the RSA key's id": token("es", header={"kid": "rsa"}),
        "RS256 with the EC key's id": token("rsa", header={"kid": "es"}),
        "EdDSA with the secret's id": token("ed", header={"kid": "hs"}),
    }


def forged_signatures():
    whole = token("rsa")
    message, _, signed = whole.rpartition(".")
    es_message, _, es_signed = token("es").rpartition(".")
    raw = base64.urlsafe_b64decode(es_signed + "==")
    der = openssl("dgst", "-sha256", "-sign", private_pem("es"), given=es_message.encode())
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    ed_message, _, ed_signed = token("ed").rpartition(".")
    ed_raw = base64.urlsafe_b64decode(ed_signed + "==")
    ed_order = 2**252 + 27742317777372353535851937790883648493
    malleable = int.from_bytes(ed_raw[32:], "little") + ed_order
    hs_message, _, hs_signed = token("hs").rpartition(".")
    hs_raw = base64.urlsafe_b64decode(hs_signed + "==")
    other_claims = b64(json.dumps({**CLAIMS, "sub": "agent-002"}).encode())
    head, _, _ = message.partition(".")
    return {
        "another RSA key": token("rsa_other"),
        "another EC key": token("es_other"),
        "another Ed25519 key": token("ed_other", header={"kid": "ed"}),
        "a key in the header": token("ed_other", header={"kid": "ed", "jwk": jwk("ed_other")}),
        "another subject": f"{head}.{other_claims}.{signed}",
        "no signature": f"{message}.",
        "half a signature": f"{message}.{signed[: len(signed) // 8 * 4]}",
        "a signature of zeros": f"{message}.{b64(bytes(256))}",
        "ECDSA zeros": f"{es_message}.{b64(bytes(64))}",
        "ECDSA r = s = order": f"{es_message}.{b64(order.to_bytes(32, 'big') * 2)}",
        "ECDSA r = 0": f"{es_message}.{b64(bytes(32) + raw[32:])}",
        "ECDSA in DER": f"{es_message}.{b64(der)}",
        "ECDSA with a byte more": f"{es_message}.{b64(raw + bytes(1))}",
        "Ed25519 zeros": f"{ed_message}.{b64(bytes(64))}",
        "Ed25519 with s beyond the order": f"{ed_message}.{b64(ed_raw[:32] + malleable.to_bytes(32, 'little'))}",
        "HMAC cut short": f"{hs_message}.{b64(hs_raw[:16])}",
    }


def forged_headers():
    def header(**fields):
        return token("ed", header=fields)

    return {
        "kid unknown": header(kid="ed2"),
        "kid a path": header(kid="../../../dev/null"),
        "kid SQL": header(kid="x' UNION SELECT 'key"),
        "kid with a line end": header(kid="a\nb\u001b[31m"),
        "kid empty": header(kid=""),
        "kid long": header(kid="k" * 256),
        "kid a number": header(kid=1),
        "kid null": header(kid=None),
        "no kid, two keys are possible": token("es", kid=False),
        "crit": header(crit=["exp"]),
        "crit empty": header(crit=[]),
        "crit null": header(crit=None),
        "b64": header(b64=False, crit=["b64"]),
        "b64 alone": header(b64=False),
        "zip": header(zip="DEF"),
        "nested": header(cty="JWT"),
        "typ of a logout": header(typ="logout+jwt"),
        "typ of a proof": header(typ="dpop+jwt"),
        "typ a number": header(typ=1),
        "alg twice": token("ed", header_text='{"alg":"EdDSA","kid":"ed","alg":"none"}'),
        "kid twice": token("ed", header_text='{"alg":"EdDSA","kid":"ed","kid":"rsa"}'),
        "header an array": token("ed", header_text='["EdDSA","ed"]'),
        "header no JSON": token("ed", header_text="EdDSA"),
        "header with a mark before it": token("ed", header_text='\ufeff{"alg":"EdDSA","kid":"ed"}'),
        "header with words behind it": token("ed", header_text='{"alg":"EdDSA","kid":"ed"} {}'),
    }


def forged_claims():
    def claims(**fields):
        return token("ed", claims=fields)

    def missing(name):
        return token("ed", without=(name,))

    exp = f'"exp": {NOW_S + 600}'
    return {
        "exp missing": missing("exp"),
        "exp past": claims(exp=NOW_S - 30),
        "exp long past": claims(exp=NOW_S - 1000),
        "exp zero": claims(exp=0),
        "exp negative": claims(exp=-1),
        "exp a text": claims(exp=str(NOW_S + 600)),
        "exp huge": with_claims_text(exp, '"exp": 1e308'),
        "exp infinite": with_claims_text(exp, '"exp": 1e999'),
        "exp null": claims(exp=None),
        "exp a list": claims(exp=[NOW_S + 600]),
        "exp twice": with_claims_text(exp, f'"exp": {NOW_S + 600}, "exp": {NOW_S + 700}'),
        "exp in milliseconds": claims(exp=(NOW_S + 600) * 1000),
        "exp too far": claims(exp=NOW_S + 86_400),
        "exp too far, no iat": token("ed", claims={"exp": NOW_S + 86_401}, without=("iat",)),
        "nbf to come": claims(nbf=NOW_S + 31),
        "nbf a text": claims(nbf="soon"),
        "nbf null": claims(nbf=None),
        "iat to come": claims(iat=NOW_S + 31),
        "iat a text": claims(iat="now"),
        "iat after exp": claims(iat=NOW_S + 20, exp=NOW_S + 20),
        "iss missing": missing("iss"),
        "iss unknown": claims(iss="https://evil.example"),
        "iss with a slash": claims(iss=ISSUER + "/"),
        "iss in other case": claims(iss="https://ISSUER.example"),
        "iss a list": claims(iss=[ISSUER]),
        "iss null": claims(iss=None),
        "iss twice": with_claims_text('"iss"', '"iss": "https://other.example", "iss"'),
        "iss of the other, our key": claims(iss="https://other.example"),
        "iss of the other, our key, its kid": token(
            "ed", header={"kid": "other"}, claims={"iss": "https://other.example"}
        ),
        "iss ours, the other's key": token("ed_other", header={"kid": "other"}),
        "aud missing": missing("aud"),
        "aud another": claims(aud="other"),
        "aud others": claims(aud=["other", "agnt2"]),
        "aud none": claims(aud=[]),
        "aud with a space": claims(aud="agnt other"),
        "aud a number": claims(aud=1),
        "aud null": claims(aud=None),
        "sub missing": missing("sub"),
        "sub empty": claims(sub=""),
        "sub long": claims(sub="s" * 256),
        "sub with a line end": claims(sub="agent-001\nagent-002"),
        "sub a number": claims(sub=1),
        "jti empty": claims(jti=""),
        "jti long": claims(jti="j" * 256),
        "jti a number": claims(jti=7),
        "scope a number": claims(scope=1),
        "scope with a number": claims(scope=["read", 1]),
        "scope null": claims(scope=None),
        "scope too many": claims(scope=["read"] * 257),
        "streams a text": claims(agnt_streams="north"),
        "streams null": claims(agnt_streams=None),
        "streams too many": claims(agnt_streams=["n"] * 257),
        "act_as true": claims(act_as=True),
        "act_as too many": claims(act_as=["a"] * 257),
        "claims an array": token("ed", text="[]"),
        "claims no JSON": token("ed", text="{"),
        "claims deep": token("ed", text='{"x":' + "[" * 2000 + "]" * 2000 + "}"),
        "act_as deep": with_claims_text(
            '"jti"', '"act_as": ' + "[" * 2000 + "]" * 2000 + ', "jti"'
        ),
        "claims with words behind them": token("ed", text=json.dumps(CLAIMS) + "x"),
    }


def forged_forms():
    whole = token("ed")
    head, claims, signed = whole.split(".")
    # The last digit of 64 bytes has four bits that belong to no byte.
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    stray = digits[digits.index(signed[-1]) + 1]
    return {
        "one part": head,
        "two parts": f"{head}.{claims}",
        "four parts": f"{whole}.{signed}",
        "five parts": f"{head}.{claims}.{signed}.{signed}.{signed}",
        "dots alone": "..",
        "no header": f".{claims}.{signed}",
        "no claims": f"{head}..{signed}",
        "padding": f"{whole}==",
        "stray bits": f"{whole[:-1]}{stray}",
        "a line end behind": f"{whole}\n",
        "a space before": f" {whole}",
        "a zero byte": f"{whole[:40]}\0{whole[40:]}",
        "the other alphabet": token("ed", claims={"jti": "\u00bf\u00bf?>~~"})
        .replace("-", "+")
        .replace("_", "/")
        + "+/",
        "long": token("ed", claims={"x": "x" * 8192}),
    }


def main():
    make_keys()
    forged = {
        "algorithms": forged_algorithms(),
        "signatures": forged_signatures(),
        "headers": forged_headers(),
        "claims": forged_claims(),
        "forms": forged_forms(),
    }
    text = json.dumps({"good": good(), "forged": forged}, indent=1, ensure_ascii=True)
    (HERE / "tokens.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
