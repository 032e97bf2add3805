//! What it costs to learn who a token is from: by algorithm, and when it was seen before.

use std::hint::black_box;
use std::path::PathBuf;

use agnt_credentials::{ActAs, Grant, TokenKeys, TokenMint, TokenPolicy, TokenVerifier};
use criterion::{Criterion, criterion_group, criterion_main};

const NOW_S: u64 = 1_800_000_000;

fn mints() -> [(&'static str, TokenMint); 4] {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let of = |file: &str| {
        let pem = std::fs::read(folder.join(file)).expect("the key of a test vector");
        TokenMint::from_pem(&pem, None, Vec::new()).expect("a private key")
    };
    let secret = TokenMint::from_secret(&[7; 32], None, Vec::new()).expect("32 bytes");
    [
        ("RS256", of("rsa.pem")),
        ("ES256", of("es.pem")),
        ("EdDSA", of("ed.pem")),
        ("HS256", secret),
    ]
}

fn grant() -> Grant {
    Grant {
        subject: "agent-001".to_owned(),
        scopes: vec!["read".to_owned(), "publish".to_owned()],
        streams: None,
        act_as: ActAs::These(Vec::new()),
        ttl_s: 600,
    }
}

fn verifier(mint: &TokenMint, seen_max: usize) -> TokenVerifier {
    let keys = TokenKeys::new([mint.verifying_key().clone()]).expect("one key");
    let trusts = vec![(TokenPolicy::default(), keys)];
    TokenVerifier::with_room(trusts, seen_max).expect("one issuer")
}

fn verify(criterion: &mut Criterion) {
    for (name, mint) in mints() {
        let minted = mint.mint(&grant(), NOW_S).expect("a token");
        let token = minted.token.as_bytes();
        for (how, seen_max) in [("anew", 0), ("seen", 1024)] {
            let verifier = verifier(&mint, seen_max);
            criterion.bench_function(&format!("verify/{name}/{how}"), |bencher| {
                bencher.iter(|| black_box(verifier.verify(black_box(token), NOW_S)).is_ok());
            });
        }
        let verifier = verifier(&mint, 0);
        let verified = verifier.verify(token, NOW_S).expect("a good token");
        criterion.bench_function(&format!("recheck/{name}"), |bencher| {
            bencher.iter(|| black_box(verifier.recheck(black_box(&verified), NOW_S)).is_ok());
        });
        criterion.bench_function(&format!("mint/{name}"), |bencher| {
            bencher.iter(|| black_box(mint.mint(&grant(), NOW_S)).is_ok());
        });
    }
}

criterion_group!(benches, verify);
criterion_main!(benches);
