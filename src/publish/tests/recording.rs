//! Reading recordings: what is kept, and how each mistake is named.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn read(rows: &str) -> Result<Recording, RecordingError> {
    Recording::read(format!("{COLUMNS}\n{rows}").as_bytes())
}

fn error(rows: &str) -> String {
    read(rows).expect_err("the rows hold a mistake").to_string()
}

#[test]
fn points_are_gathered_by_agent_in_order_of_appearance() {
    let recording =
        read("0,9,NINE,1,2,3,4,5,6\n0,7,SEVEN,0,0,0,0,0,0\n10,9,NINE,-1.5,2,3,4,5,6e1\n")
            .expect("three good rows");
    let [nine, seven] = recording.tracks() else {
        panic!("two agents")
    };
    assert_eq!((nine.agent_id, nine.name.as_str()), (9, "NINE"));
    assert_eq!((seven.agent_id, seven.points().len()), (7, 1));
    let last = Point {
        t_ms: 10,
        position: [-1.5, 2.0, 3.0],
        velocity: [4.0, 5.0, 60.0],
    };
    assert_eq!(nine.points()[1], last);
    assert_eq!(recording.points(), 3);
}

#[test]
fn line_ends_byte_order_mark_and_blank_lines_do_not_matter() {
    let text = format!("\u{feff}{COLUMNS}\r\n0,1,A,0,0,0,0,0,0\r\n\r\n5,1,A,0,0,0,0,0,0");
    let recording = Recording::read(text.as_bytes()).expect("good rows");
    assert_eq!(recording.points(), 2);
}

#[test]
fn ids_that_are_not_all_numbers_are_numbered_by_appearance() {
    let ids = |rows: &str| -> Vec<u32> {
        read(rows)
            .expect("good rows")
            .tracks()
            .iter()
            .map(|track| track.agent_id)
            .collect()
    };
    let row = |id: &str| format!("0,{id},N,0,0,0,0,0,0\n");
    assert_eq!(ids(&(row("4294967295") + &row("0"))), [4_294_967_295, 0]);
    assert_eq!(ids(&(row("4294967296") + &row("5"))), [1, 2]);
    assert_eq!(ids(&(row("5") + &row("drone-a"))), [1, 2]);
    let beside = row("268435455") + &row("1073741824");
    assert_eq!(ids(&beside), [0x0FFF_FFFF, 0x4000_0000]);
    for registered in ["268435456", "1073741823"] {
        assert_eq!(ids(&(row(registered) + &row("5"))), [1, 2]);
    }
    assert_eq!(
        ids(&(row("7") + &row("007"))),
        [1, 2],
        "both spell seven, yet are two agents"
    );
}

#[test]
fn gzip_is_recognised_by_its_bytes_and_read_across_members() {
    let path = std::env::temp_dir().join(format!("agnt-recording-{}.csv", std::process::id()));
    let mut file = File::create(&path).expect("a writable directory");
    for part in [
        format!("{COLUMNS}\n0,1,A,0,0,0,0,0,0\n"),
        "9,1,A,1,0,0,0,0,0\n".to_owned(),
    ] {
        let mut packed = GzEncoder::new(&mut file, Compression::fast());
        packed.write_all(part.as_bytes()).expect("packs");
        packed.finish().expect("packs");
    }
    let recording = Recording::open(&path);
    std::fs::remove_file(&path).expect("the file is there");
    assert_eq!(recording.expect("both members").points(), 2);
}

#[test]
fn a_missing_file_is_named() {
    let error = Recording::open(Path::new("no/such/file.csv")).expect_err("it is missing");
    assert!(
        error
            .to_string()
            .starts_with("cannot read the recording no/such/file.csv: ")
    );
}

#[test]
fn gzip_that_breaks_off_names_the_line() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::none());
    packed
        .write_all(format!("{COLUMNS}\n0,1,A,0,0,0,0,0,0\n").as_bytes())
        .expect("packs");
    let packed = packed.finish().expect("packs");
    let path = std::env::temp_dir().join(format!("agnt-broken-{}.csv", std::process::id()));
    std::fs::write(&path, &packed[..packed.len() - 6]).expect("a writable directory");
    let error = Recording::open(&path)
        .expect_err("its end is missing")
        .to_string();
    std::fs::remove_file(&path).expect("the file is there");
    assert!(error.starts_with("line 3: cannot be read: "), "{error}");
}

#[test]
fn mistakes_name_line_column_value_and_what_is_allowed() {
    let good = "0,1,A,0,0,0,0,0,0\n";
    assert_eq!(
        error(&format!("{good}1,1,A,0,zero,0,0,0,0\n")),
        "line 3: y is \"zero\"; allowed is a finite number in the range of a 32-bit float"
    );
    assert_eq!(
        error("0,1,A,0,0,0,0,0,NaN\n"),
        "line 2: vz is \"NaN\"; allowed is a finite number in the range of a 32-bit float"
    );
    assert_eq!(
        error("0,1,A,1e39,0,0,0,0,0\n"),
        "line 2: x is \"1e39\"; allowed is a finite number in the range of a 32-bit float"
    );
    assert_eq!(
        error("-1,1,A,0,0,0,0,0,0\n"),
        "line 2: t_ms is \"-1\"; allowed is a whole number of milliseconds from 0"
    );
    assert_eq!(
        error(&format!("{good}0,1,A,0,0,0,0,0,0\n")),
        "line 3: t_ms is \"0\"; allowed is more than 0, the time of the point of agent 1 before it"
    );
    assert_eq!(
        error("0,,A,0,0,0,0,0,0\n"),
        "line 2: agent_id is \"\"; allowed is a number or a text that is not empty"
    );
    assert_eq!(
        error("0,1,A,0,0,0,0,0\n"),
        "line 2: has 8 fields; allowed is exactly 9"
    );
    assert_eq!(
        error("0,1,\"A,0,0,0,0,0,0\n"),
        "line 2: field 3 has a quote that is not closed before a comma or the line's end"
    );
}

#[test]
fn other_shapes_are_refused() {
    assert!(matches!(
        Recording::read(&b""[..]),
        Err(RecordingError::Columns { .. })
    ));
    assert!(matches!(
        Recording::read(&b"t_ms,id\n"[..]),
        Err(RecordingError::Columns { .. })
    ));
    assert!(matches!(read(""), Err(RecordingError::Empty)));
    let long = "9".repeat(LINE_BYTES_MAX as usize + 1);
    assert_eq!(error(&long), "line 2: is longer than 65536 bytes");
    let mut bytes = format!("{COLUMNS}\n0,1,").into_bytes();
    bytes.extend_from_slice(b"\xff,0,0,0,0,0,0\n");
    let error = Recording::read(&bytes[..])
        .expect_err("0xff is never UTF-8")
        .to_string();
    assert_eq!(error, "line 2: is not UTF-8 from byte 5");
}
