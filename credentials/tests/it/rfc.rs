//! The examples of RFC 7515 (appendix A) and RFC 7638, by whoever made them.

use agnt_credentials::{Jwks, TokenKey, TokenKeys, TokenPolicy, TokenRefusal, TokenVerifier};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// The claims of all three: `{"iss":"joe","exp":1300819380,"http://example.com/is_root":true}`.
const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const EXP_S: u64 = 1_300_819_380;

const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const RSA_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const EC_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn joe_with(keys: TokenKeys) -> TokenVerifier {
    let policy = TokenPolicy {
        issuer: Some("joe".to_owned()),
        ..TokenPolicy::default()
    };
    TokenVerifier::new(vec![(policy, keys)]).unwrap()
}

/// They have no subject, which is found out only once the signature is right and the time too.
fn is_signed_right(verifier: &TokenVerifier, token: &str) {
    let verify = |token: &str, now_s| verifier.verify(token.as_bytes(), now_s).unwrap_err();
    let signed = TokenRefusal::ClaimMissing("sub");
    assert_eq!(verify(token, EXP_S - 1), signed);
    assert_eq!(verify(token, EXP_S + 29), signed);
    assert_eq!(
        verify(token, EXP_S + 30),
        TokenRefusal::Expired { ago_s: 30 }
    );
    // A digit of the claims, and one of the signature.
    let (signed_part, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    for changed in [
        token.replacen("9pc19yb290", "9pc19yb291", 1),
        format!("{signed_part}.{first}{}", &signature[1..]),
    ] {
        assert_ne!(changed, token);
        assert_eq!(verify(&changed, EXP_S - 1), TokenRefusal::Signature);
    }
}

#[test]
fn rfc_7515_a1_hs256() {
    let digits =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let secret = URL_SAFE_NO_PAD.decode(digits).unwrap();
    let key = TokenKey::from_secret(&secret).unwrap();
    let verifier = joe_with(TokenKeys::new([key]).unwrap());
    let header = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9";
    let signature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    is_signed_right(&verifier, &format!("{header}.{CLAIMS}.{signature}"));
}

#[test]
fn rfc_7515_a2_rs256() {
    let document = json!({ "keys": [{ "kty": "RSA", "n": RSA_N, "e": "AQAB" }] });
    let keys = Jwks::read(document.to_string().as_bytes()).unwrap().keys;
    let token = format!("eyJhbGciOiJSUzI1NiJ9.{CLAIMS}.{RSA_SIGNATURE}");
    is_signed_right(&joe_with(keys), &token);
}

#[test]
fn rfc_7515_a3_es256() {
    let document = json!({ "keys": [{
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }] });
    let keys = Jwks::read(document.to_string().as_bytes()).unwrap().keys;
    let token = format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.{EC_SIGNATURE}");
    is_signed_right(&joe_with(keys), &token);
}

#[test]
fn rfc_7515_a5_is_not_secured() {
    let document = json!({ "keys": [{ "kty": "RSA", "n": RSA_N, "e": "AQAB" }] });
    let verifier = joe_with(Jwks::read(document.to_string().as_bytes()).unwrap().keys);
    let token = format!("eyJhbGciOiJub25lIn0.{CLAIMS}.");
    let refusal = verifier.verify(token.as_bytes(), EXP_S - 1).unwrap_err();
    assert!(matches!(refusal, TokenRefusal::Header { name: "alg", .. }));
}

#[test]
fn thumbprints_are_those_of_rfc_7638_and_rfc_8037() {
    let rsa = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let document = json!({ "keys": [
        { "kty": "RSA", "n": rsa, "e": "AQAB", "alg": "RS256" },
        { "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
    ] });
    let keys = Jwks::read(document.to_string().as_bytes()).unwrap().keys;
    let ids: Vec<&str> = keys.iter().map(TokenKey::id).collect();
    assert_eq!(
        ids,
        [
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ]
    );
}
