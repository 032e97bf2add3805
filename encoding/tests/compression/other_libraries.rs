//! Python's and Node's libraries inflate what is made here.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use agnt_encoding::compression::{Algorithm, LevelClass};
use serde_json::{Value, json};

use crate::support::{Swarm, compressed, hex, root};

const INSTALL: &str = "'tests/run' installs what is missing, or 'pip install brotli zstandard' and \
     put that Python's path into AGNT_PYTHON";

/// Batches of every algorithm and class, as `tests/golden/batches/README.md` describes vectors.
fn vectors() -> Vec<Value> {
    let mut moving = Swarm::new(700);
    moving.step();
    // A whole tick of several frames, one with a single agent's worth of bytes too many for it,
    // and one at rest.
    let inputs = [
        ("a tick of 700", moving.frames()),
        ("a tick of 5000", Swarm::new(5000).frames()),
        ("rest", Swarm::new(40).frames().repeat(25)),
    ];
    let mut vectors = Vec::new();
    for (input, frames) in &inputs {
        for algorithm in Algorithm::ALL {
            for class in LevelClass::ALL {
                vectors.push(json!({
                    "name": format!("{input}, {algorithm}, {class}"),
                    "algorithm": algorithm.name(),
                    "hex": hex(&compressed(algorithm, class, frames)),
                    "frames": hex(frames),
                }));
            }
        }
    }
    vectors
}

/// Writes the vectors where both programs find them.
fn write(name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, serde_json::to_vec(&vectors()).unwrap()).unwrap();
    file
}

fn assert_passed(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{INSTALL}");
}

#[test]
fn python_inflates_them_all() {
    let python = env::var_os("AGNT_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(python)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(root().join("tests/python/check_batches.py"))
        .arg(write("batches-for-python.json"))
        .arg(root().join("tests/golden/batches/python.json"))
        .output()
        .unwrap();
    assert_passed(&output);
}

#[test]
fn node_inflates_them_all() {
    let output = Command::new("node")
        .env("AGNT_BATCHES", write("batches-for-node.json"))
        .arg("--test")
        .arg(root().join("tests/js/batches.test.mjs"))
        .output()
        .unwrap();
    assert_passed(&output);
}
