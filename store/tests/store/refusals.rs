//! What is not a store, or not one for us, is refused with its own words and stays as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use agnt_store::{Batch, OpenError, RowKind, SCHEMA_READER_MIN, SCHEMA_VERSION, Store, check};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use redb::{Database, ReadableDatabase, TableDefinition};
use tempfile::TempDir;

use crate::world::{World, options, small_batch};

const HEAD: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("store");
const TASKS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("tasks");

/// A sealed value, by a second implementation: format, CRC-32 of table, length of the
/// key, key and value, then the value.
fn sealed(table: u8, key: &[u8], value: &[u8]) -> Vec<u8> {
    let length = (key.len() as u64).to_le_bytes();
    let summed = [&[table], &length[..], key, value].concat();
    let sum = plain_crc32(&summed).to_le_bytes();
    [&[1], &sum[..], value].concat()
}

/// CRC-32 bit by bit.
fn plain_crc32(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}

fn head(schema: u32, reader_min: u32) -> Vec<u8> {
    let (schema, reader_min) = (schema.to_le_bytes(), reader_min.to_le_bytes());
    sealed(
        255,
        b"head",
        &[&b"AGNTSTOR"[..], &schema, &reader_min].concat(),
    )
}

/// A file by redb alone.
fn made_by_hand(path: &Path, head: &[u8]) {
    let database = Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    let value = sealed(2, b"task-1", b"by hand");
    {
        let mut table = transaction.open_table(HEAD).unwrap();
        table.insert(&b"head"[..], head).unwrap();
        let mut table = transaction.open_table(TASKS).unwrap();
        table.insert(&b"task-1"[..], &value[..]).unwrap();
    }
    transaction.commit().unwrap();
}

fn head_in(path: &Path) -> Vec<u8> {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_read().unwrap();
    let table = transaction.open_table(HEAD).unwrap();
    table.get(&b"head"[..]).unwrap().unwrap().value().to_vec()
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    (folder, path)
}

/// Opening fails and leaves no trace, in the file or beside it.
fn refused(path: &Path) -> OpenError {
    let names = || -> Vec<_> {
        let names = fs::read_dir(path.parent().unwrap()).unwrap();
        names.map(|it| it.unwrap().file_name()).collect()
    };
    let (before, names_before) = (fs::read(path).ok(), names());
    let error = Store::open(path, options()).unwrap_err();
    assert!(fs::read(path).ok() == before, "{error}");
    assert_eq!(names(), names_before, "{error}");
    error
}

#[test]
fn a_newer_store_is_refused() {
    let (_folder, path) = place();
    made_by_hand(&path, &head(SCHEMA_VERSION + 1, SCHEMA_VERSION + 1));
    let error = refused(&path);
    let expected = format!(
        "{}: written by a newer version: schema 3, for readers of schema 3 and up; \
         allowed: schema 2 at most",
        path.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(matches!(check(&path), Err(OpenError::Newer { .. })));
}

#[test]
fn a_newer_store_that_we_can_read_is_checked_and_not_written() {
    let (_folder, path) = place();
    made_by_hand(&path, &head(SCHEMA_VERSION + 1, SCHEMA_VERSION));
    assert!(matches!(refused(&path), OpenError::Newer { .. }));
    let report = check(&path).unwrap();
    assert_eq!(report.schema_version, SCHEMA_VERSION + 1);
    assert_eq!(report.rows[RowKind::Task as usize - 1], (RowKind::Task, 1));
}

#[test]
fn an_older_store_opens_and_is_raised_by_the_first_commit() {
    let (_folder, path) = place();
    let older = head(0, 0);
    made_by_hand(&path, &older);
    let (store, opened) = Store::open(&path, options()).unwrap();
    assert_eq!((opened.schema_version, opened.was_new), (0, false));
    assert_eq!((opened.events_from, opened.events_to), (1, 1));
    let reader = store.reader();
    let row = reader.row(RowKind::Task, b"task-1").unwrap();
    assert_eq!(row.as_deref(), Some(&b"by hand"[..]));
    assert_eq!(
        reader.count(RowKind::Agent).unwrap(),
        0,
        "it has no such table"
    );
    store.close().unwrap();
    assert_eq!(head_in(&path), older, "who only looks leaves it as it is");

    let (mut store, _) = Store::open(&path, options()).unwrap();
    store.commit(&small_batch(1)).unwrap();
    store.close().unwrap();
    assert_eq!(head_in(&path), head(SCHEMA_VERSION, SCHEMA_READER_MIN));
    assert_eq!(check(&path).unwrap().events_to, 2);
}

/// The files that the programs of each schema have written, with all that a row can be.
#[test]
fn a_store_of_each_schema_opens() {
    for schema in 1..=SCHEMA_VERSION {
        let (_folder, path) = place();
        let packed = fs::File::open(fixture(schema)).unwrap();
        let mut store = fs::File::create(&path).unwrap();
        std::io::copy(&mut GzDecoder::new(packed), &mut store).unwrap();
        drop(store);
        let report = check(&path).unwrap();
        assert_eq!((report.schema_version, report.was_closed), (schema, true));
        let (store, opened) = Store::open(&path, options()).unwrap();
        assert!(!opened.repaired);
        let world = World::of(&store.reader()).unwrap();
        assert_eq!(world, of_the_fixture().0);
    }
}

/// What the fixture holds, and how it came there.
fn of_the_fixture() -> (World, Vec<Batch>) {
    use crate::world::Change::{Delete, Event, Keep, Put};
    let mut world = World::default();
    let mut first = Vec::new();
    for kind in RowKind::ALL {
        first.push(Put(kind, b"first".to_vec(), kind.name().into()));
        first.push(Put(kind, vec![0, 255], vec![0; 20]));
        first.push(Event(vec![kind as u8; 3]));
    }
    let batches = [
        first,
        vec![Delete(RowKind::Key, b"first".to_vec()), Keep(5)],
    ];
    let batches = batches
        .iter()
        .map(|changes| world.change(changes))
        .collect();
    (world, batches)
}

/// Writes the fixture of this schema: once, when the schema is new.
#[test]
#[ignore = "writes into the sources"]
fn write_the_fixture() {
    let (_folder, path) = place();
    let (mut store, _) = Store::open(&path, options()).unwrap();
    for batch in of_the_fixture().1 {
        store.commit(&batch).unwrap();
    }
    store.close().unwrap();
    let packed = fs::File::create(fixture(SCHEMA_VERSION)).unwrap();
    let mut packed = GzEncoder::new(packed, Compression::best());
    std::io::copy(&mut fs::File::open(path).unwrap(), &mut packed).unwrap();
    packed.finish().unwrap();
}

fn fixture(schema: u32) -> PathBuf {
    let name = format!("tests/fixtures/schema-{schema}.agnt.gz");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn other_files_are_refused() {
    let (_folder, path) = place();
    for (bytes, found) in [
        (&b""[..], "an empty file"),
        (b"x", "a file that begins with \"x\""),
        (
            b"SQLite format 3\0",
            "a file that begins with \"SQLite fo\"",
        ),
        (&[0; 5000], "a file that begins with \"\\x00\\x00"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = refused(&path);
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains(found), "{error}");
        assert!(matches!(check(&path), Err(OpenError::Foreign { .. })));
    }
}

#[test]
fn another_programs_redb_file_is_refused() {
    let (_folder, path) = place();
    let database = Database::create(&path).unwrap();
    drop(database);
    assert!(
        matches!(refused(&path), OpenError::Foreign { .. }),
        "no table at all"
    );

    let (_folder, path) = place();
    made_by_hand(&path, &sealed(255, b"head", b"SOMEONE ELSE HERE"));
    let error = refused(&path);
    assert!(
        error.to_string().contains("without the table of a store"),
        "{error}"
    );

    let (_folder, path) = place();
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let theirs: TableDefinition<'_, u64, u64> = TableDefinition::new("store");
    transaction.open_table(theirs).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(
        matches!(refused(&path), OpenError::Foreign { .. }),
        "a table of other types"
    );
}

#[test]
fn folders_and_impossible_places_are_refused() {
    let (folder, path) = place();
    let error = Store::open(folder.path(), options()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    let error = Store::open(&path.join("below"), options()).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    let error = check(&path).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    assert!(!path.exists());
}

#[test]
fn one_process_at_a_time() {
    let (_folder, path) = place();
    let (mut store, _) = Store::open(&path, options()).unwrap();
    store.commit(&small_batch(1)).unwrap();
    assert!(
        matches!(refused(&path), OpenError::Locked { .. }),
        "the same process"
    );
    assert!(matches!(check(&path), Err(OpenError::Locked { .. })));

    let said = |path: &Path| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "refusals::opens_in_a_child", "--nocapture"]);
        child.env("AGNT_STORE_OPENED_IN_A_CHILD", path);
        let output = child.stderr(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let expected = format!("{}: another process has it open", path.display());
    let heard = said(&path);
    assert!(heard.contains(&expected), "{heard}");
    store.commit(&small_batch(2)).unwrap();
    let reader = store.reader();
    drop(store);
    let heard = said(&path);
    assert!(
        heard.contains("opened, next event 3"),
        "though a reader is left: {heard}"
    );
    drop(reader);
}

/// The other process of the test above.
#[test]
fn opens_in_a_child() {
    let Some(path) = std::env::var_os("AGNT_STORE_OPENED_IN_A_CHILD") else {
        return;
    };
    match Store::open(Path::new(&path), options()) {
        Ok((_, opened)) => println!("opened, next event {}", opened.events_to),
        Err(error) => println!("{error}"),
    }
}

#[test]
fn who_loses_the_race_for_a_new_store_opens_the_winners() {
    let (folder, path) = place();
    let made = std::thread::scope(|scope| {
        let open = || Store::open(&path, options()).map(|(_, opened)| opened.was_new);
        let threads = [(); 8].map(|()| scope.spawn(open));
        threads.map(|it| it.join().unwrap())
    });
    let made_new = made.iter().filter(|it| matches!(it, Ok(true)));
    assert_eq!(made_new.count(), 1, "{made:?}");
    for other in made.iter().filter_map(|it| it.as_ref().err()) {
        assert!(matches!(other, OpenError::Locked { .. }), "{other}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
