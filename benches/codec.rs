//! The codec beside what it can't beat: memcpy and a plain loop over an aligned array.
//!
//! Each group holds the baseline and ours on the same full frame of 2340 records.

#![allow(
    missing_docs,
    reason = "criterion's macros make public items without docs"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use std::hint::black_box;

use agnt_codec::{
    AgentPosition, Emit, FRAME_BYTES_MAX, Flags, Frame, POSITIONS_PER_FRAME_MAX, Payload,
    PositionUpdate, order::F32,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const FIELDS: usize = 6;

fn records() -> Vec<AgentPosition> {
    (0..POSITIONS_PER_FRAME_MAX as u32)
        .map(|id| {
            let place = id as f32;
            AgentPosition::new(
                id,
                [place, place + 0.5, -place],
                [0.25, -0.5, place * 0.125],
            )
        })
        .collect()
}

fn full_frame(records: &[AgentPosition]) -> Vec<u8> {
    let update = PositionUpdate { records };
    let mut bytes = vec![0; update.encoded_bytes()];
    update.emit(Flags::NONE, &mut bytes).unwrap();
    bytes
}

/// Checking a frame, beside copying it.
fn check(criterion: &mut Criterion) {
    let bytes = full_frame(&records());
    let mut copy = vec![0; bytes.len()];
    let mut group = criterion.benchmark_group("check a full frame");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("baseline: memcpy", |bencher| {
        bencher.iter(|| black_box(&mut copy).copy_from_slice(black_box(&bytes)));
    });
    group.bench_function("check", |bencher| {
        bencher.iter(|| Frame::exactly(black_box(&bytes)).is_ok());
    });
    group.bench_function("check, and count the records", |bencher| {
        bencher.iter(
            || match Frame::exactly(black_box(&bytes)).unwrap().payload() {
                Payload::Positions(records) => records.len(),
                _ => 0,
            },
        );
    });
    group.finish();
}

/// Summing all six floats of each record, beside the same sums over aligned floats of the same
/// stride and without the ids in between.
fn sum(criterion: &mut Criterion) {
    let records = records();
    let bytes = full_frame(&records);
    let strided: Vec<[f32; 7]> = records
        .iter()
        .map(|one| {
            let [x, y, z] = one.position.map(F32::get);
            let [vx, vy, vz] = one.velocity.map(F32::get);
            [f32::from_bits(one.id.get()), x, y, z, vx, vy, vz]
        })
        .collect();
    let dense: Vec<[f32; FIELDS]> = strided
        .iter()
        .map(|&[_, x, y, z, vx, vy, vz]| [x, y, z, vx, vy, vz])
        .collect();
    let mut group = criterion.benchmark_group("sum all floats of a full frame");
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("baseline: aligned [f32; 7]", |bencher| {
        bencher.iter(|| {
            let mut sums = [0.0_f32; FIELDS];
            for record in black_box(&strided) {
                for (sum, field) in sums.iter_mut().zip(&record[1..]) {
                    *sum += field;
                }
            }
            sums
        });
    });
    group.bench_function("baseline: aligned [f32; 6], no ids", |bencher| {
        bencher.iter(|| {
            let mut sums = [0.0_f32; FIELDS];
            for record in black_box(&dense) {
                for (sum, field) in sums.iter_mut().zip(record) {
                    *sum += field;
                }
            }
            sums
        });
    });
    group.bench_function("view, check included", |bencher| {
        bencher.iter(|| {
            let mut sums = [0.0_f32; FIELDS];
            let frame = Frame::exactly(black_box(&bytes)).unwrap();
            let Payload::Positions(records) = frame.payload() else {
                return sums;
            };
            for record in records {
                let [x, y, z] = record.position;
                let [vx, vy, vz] = record.velocity;
                for (sum, field) in sums.iter_mut().zip([x, y, z, vx, vy, vz]) {
                    *sum += field.get();
                }
            }
            sums
        });
    });
    group.finish();
}

/// Writing a frame from records, beside copying as many bytes.
fn emit(criterion: &mut Criterion) {
    let records = records();
    let bytes = full_frame(&records);
    let mut out = vec![0; FRAME_BYTES_MAX];
    let mut group = criterion.benchmark_group("emit a full frame");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("baseline: memcpy", |bencher| {
        bencher.iter(|| black_box(&mut out)[..bytes.len()].copy_from_slice(black_box(&bytes)));
    });
    group.bench_function("emit", |bencher| {
        bencher.iter(|| {
            let update = PositionUpdate {
                records: black_box(&records),
            };
            update.emit(Flags::NONE, black_box(&mut out))
        });
    });
    group.finish();
}

criterion_group!(benches, check, sum, emit);
criterion_main!(benches);
