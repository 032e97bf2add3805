//! The names of algorithms and classes, and the levels behind them.

use agnt_encoding::compression::{Algorithm, LevelClass};

#[test]
fn names_are_those_of_the_wire() {
    let names = ["zlib", "gzip", "deflate", "brotli", "zstd"];
    assert_eq!(Algorithm::ALL.map(Algorithm::name), names);
    for name in names {
        assert_eq!(Algorithm::parse(name).unwrap().to_string(), name);
    }
    for unknown in ["", "none", "GZIP", "br", "zlib ", "lz4"] {
        assert_eq!(Algorithm::parse(unknown), None, "{unknown:?}");
    }
}

#[test]
fn nine_levels_are_three_classes() {
    let classes: Vec<_> = (1..=9)
        .map(|level| LevelClass::of_level(level).unwrap())
        .collect();
    for (index, class) in LevelClass::ALL.into_iter().enumerate() {
        assert_eq!(classes[3 * index..3 * index + 3], [class; 3]);
    }
    for level in [0, 10, 255] {
        assert_eq!(LevelClass::of_level(level), None);
    }
    assert_eq!(LevelClass::default(), LevelClass::of_level(6).unwrap());
    assert_eq!(
        LevelClass::ALL.map(LevelClass::name),
        ["fast", "default", "best"]
    );
}

#[test]
fn levels_rise_with_the_class_and_keep_to_their_limits() {
    for algorithm in Algorithm::ALL {
        let levels = LevelClass::ALL.map(|class| algorithm.level(class));
        assert!(levels.is_sorted_by(|a, b| a < b), "{algorithm}: {levels:?}");
        let allowed = match algorithm {
            Algorithm::Zlib | Algorithm::Gzip | Algorithm::Deflate => 3..=9,
            Algorithm::Brotli => 1..=5,
            Algorithm::Zstd => 1..=9,
        };
        assert!(
            levels.iter().all(|level| allowed.contains(level)),
            "{algorithm}: {levels:?}"
        );
    }
}
