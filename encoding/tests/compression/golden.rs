//! Batches that Python's libraries made: the good inflate, the bad are refused for the right reason.

use agnt_encoding::compression::Algorithm;

use crate::support::{batch_of, inflate, vectors};

#[test]
fn good_batches_inflate_to_their_frames() {
    let mut good = 0;
    for vector in vectors()
        .into_iter()
        .filter(|vector| vector.refused.is_none())
    {
        let inflated = inflate(vector.algorithm, &batch_of(&vector.batch));
        assert_eq!(inflated.as_ref(), Ok(&vector.frames), "{}", vector.name);
        good += 1;
    }
    assert!(good >= 20, "{good} good batches");
}

#[test]
fn bad_batches_are_refused_for_their_fault() {
    let mut bad = 0;
    for vector in vectors() {
        let Some(refused) = vector.refused else {
            continue;
        };
        let error = inflate(vector.algorithm, &batch_of(&vector.batch)).unwrap_err();
        let name = format!("{error:?}");
        assert!(name.starts_with(&refused), "{}: {name}", vector.name);
        bad += 1;
    }
    assert!(bad >= 20, "{bad} bad batches");
}

#[test]
fn there_are_batches_of_every_algorithm() {
    for algorithm in Algorithm::ALL {
        let of_it = |is_refused: bool| {
            let belongs = vectors().into_iter().filter(|vector| {
                vector.algorithm == algorithm && vector.refused.is_some() == is_refused
            });
            belongs.count()
        };
        assert!(of_it(false) >= 1 && of_it(true) >= 3, "{algorithm}");
    }
}
