//! Proves that a copy which is taken while the server writes is a store of its own, with all that was
//! acknowledged before; and that the check tells a sound store from a broken one.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use serde_json::json;

use crate::support::program::{Ended, Program};
use crate::support::rest::Rest;

fn agnt(args: &[&str]) -> Ended {
    Program::start(args).wait()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Who but its owner may do what with a file.
fn others_mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o077
}

#[test]
fn a_copy_of_a_running_store_is_whole_and_serves() {
    let folder = tempfile::tempdir().unwrap();
    let (data, restored) = (folder.path().join("data"), folder.path().join("restored"));
    let (program, address) = Program::serve(&["--data-dir", text(&data), "--rate-limit", "0"]);
    let mut rest = Rest::to(address);
    let task = |number: u32| json!({"id": format!("before-{number}"), "type": "analysis"});
    for number in 0..50 {
        rest.expect(201, "POST", "/api/v1/tasks", Some(&task(number)));
    }
    let writer = thread::spawn(move || {
        for number in 0..200 {
            let body = json!({"id": format!("beside-{number}"), "type": "analysis"});
            rest.expect(201, "POST", "/api/v1/tasks", Some(&body));
        }
    });
    std::fs::create_dir(&restored).unwrap();
    let copy = restored.join("agnt.redb");
    let url = format!("http://{address}");
    let copied = agnt(&["backup", text(&copy), "--url", &url]);
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    for private in [&copy, &data.join("agnt.redb"), &data] {
        assert_eq!(others_mode(private), 0, "{}", private.display());
    }
    let again = agnt(&["backup", text(&copy), "--url", &url]);
    assert_eq!(again.code, Some(1), "a file that is there is left alone");
    writer.join().unwrap();
    let checked = agnt(&["check", text(&copy)]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert!(checked.stdout.contains("sound"), "{}", checked.stdout);
    let used = agnt(&["check", text(&data.join("agnt.redb"))]);
    assert_eq!(used.code, Some(1), "{}", used.stdout);
    program.crash();

    let (_program, address) = Program::serve(&["--data-dir", text(&restored)]);
    let mut rest = Rest::to(address);
    for number in 0..50 {
        rest.expect(200, "GET", &format!("/api/v1/tasks/before-{number}"), None);
    }
    let listed = rest.expect(200, "GET", "/api/v1/tasks?limit=1", None);
    let total = listed["pagination"]["total"].as_u64().unwrap();
    assert!((50..=250).contains(&total), "{total}");
    let page = rest.expect(200, "GET", "/api/v1/events?limit=1", None);
    assert_eq!(page["head"], total, "one event for each task, none more");
}

#[test]
fn a_store_at_rest_is_copied_and_checked_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (program, address) = Program::serve(&["--data-dir", text(&data)]);
    let body = json!({"id": "t1", "type": "analysis"});
    Rest::to(address).expect(201, "POST", "/api/v1/tasks", Some(&body));
    program.signal("TERM");
    assert_eq!(program.wait().code, Some(0));
    let copy = folder.path().join("copy.redb");
    let copied = agnt(&["backup", text(&copy), "--data-dir", text(&data)]);
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    assert_eq!(agnt(&["check", text(&copy)]).code, Some(0));
    let mut bytes = std::fs::read(&copy).unwrap();
    for byte in &mut bytes[8192..] {
        *byte ^= 0x55;
    }
    let broken = folder.path().join("broken.redb");
    std::fs::write(&broken, bytes).unwrap();
    let checked = agnt(&["check", text(&broken)]);
    assert_eq!(checked.code, Some(1), "{}", checked.stdout);
    assert!(checked.stderr.contains("broken.redb"), "{}", checked.stderr);
    let absent = agnt(&["check", text(&folder.path().join("absent"))]);
    assert_eq!(absent.code, Some(1));
    assert!(absent.stderr.contains("no such file"), "{}", absent.stderr);
}
