//! Timetables worked out by hand: rates, speeds, gaps, ends, alignment, laps.

use super::*;
use crate::publish::track::Point;

/// A track along x that moves one metre a second: x is the time in seconds.
fn track(agent_id: u32, times_ms: &[u64]) -> Track {
    let point = |&t_ms: &u64| Point {
        t_ms,
        position: [t_ms as f32 / 1e3, 0.0, 0.0],
        velocity: [1.0, 0.0, 0.0],
    };
    Track::new(
        agent_id,
        format!("agent {agent_id}"),
        times_ms.iter().map(point).collect(),
    )
    .expect("times rise")
}

fn schedule(tracks: Vec<Track>, hz: f64, speed: f64, repeat: bool, align: bool) -> Schedule {
    let pace = Pace {
        speed,
        hz,
        repeat,
        align,
    };
    Schedule::new(Arc::new(Recording::from_tracks(tracks)), pace)
}

/// A tick in short: output time, then the id and x of each record; `None` for gone.
type Short = (f64, Vec<(u32, Option<f32>)>);

fn next(schedule: &mut Schedule) -> Option<Short> {
    let tick = schedule.next_tick()?;
    let short = |record: &AgentPosition| {
        (
            record.id.get(),
            (!record.is_gone()).then(|| record.position[0].get()),
        )
    };
    Some((tick.at_ms, tick.records.iter().map(short).collect()))
}

fn all(mut schedule: Schedule) -> Vec<Short> {
    std::iter::from_fn(|| next(&mut schedule)).collect()
}

#[test]
fn agents_are_interpolated_at_the_rate_and_go_once_at_their_end() {
    let ticks = all(schedule(
        vec![track(7, &[0, 1_000])],
        4.0,
        1.0,
        false,
        false,
    ));
    let at = |at_ms: f64, x: f32| (at_ms, vec![(7, Some(x))]);
    let expected = [
        at(0.0, 0.0),
        at(250.0, 0.25),
        at(500.0, 0.5),
        at(750.0, 0.75),
        at(1_000.0, 1.0),
        (1_250.0, vec![(7, None)]),
    ];
    assert_eq!(ticks, expected);
}

#[test]
fn speed_shortens_output_time_and_leaves_recorded_velocities() {
    let mut schedule = schedule(vec![track(7, &[0, 4_000])], 1.0, 2.0, false, false);
    let tick = schedule.next_tick().expect("the first tick");
    assert_eq!(
        tick.records[0].velocity.map(|v| v.get().to_bits()),
        [1.0_f32, 0.0, 0.0].map(f32::to_bits)
    );
    let rest: Vec<Short> = std::iter::from_fn(|| next(&mut schedule)).collect();
    let expected = [
        (1_000.0, vec![(7, Some(2.0))]),
        (2_000.0, vec![(7, Some(4.0))]),
        (3_000.0, vec![(7, None)]),
    ];
    assert_eq!(rest, expected);
}

#[test]
fn a_long_gap_is_not_bridged_and_a_short_one_is() {
    let times_ms = [0, 1_000, 6_001, 7_001, 12_001];
    let ticks = all(schedule(vec![track(7, &times_ms)], 0.5, 1.0, false, false));
    let expected = [
        (0.0, vec![(7, Some(0.0))]),
        // The first leg ended at 1 s; the second begins at 6.001 s and goes on to 12.001 s.
        (2_000.0, vec![(7, None)]),
        (8_000.0, vec![(7, Some(8.0))]),
        (10_000.0, vec![(7, Some(10.0))]),
        (12_000.0, vec![(7, Some(12.0))]),
        (14_000.0, vec![(7, None)]),
    ];
    assert_eq!(ticks, expected);
}

#[test]
fn a_leg_between_two_ticks_is_seen_by_its_last_point() {
    let ticks = all(schedule(
        vec![track(7, &[0]), track(8, &[300, 400])],
        1.0,
        1.0,
        false,
        false,
    ));
    let expected = [
        (0.0, vec![(7, Some(0.0))]),
        (1_000.0, vec![(7, None), (8, Some(0.4))]),
        (2_000.0, vec![(8, None)]),
    ];
    assert_eq!(ticks, expected);
}

#[test]
fn rate_zero_publishes_the_recorded_points_at_their_times() {
    let tracks = vec![track(7, &[1_000, 2_000, 9_000]), track(8, &[2_000, 2_500])];
    let ticks = all(schedule(tracks, 0.0, 2.0, false, false));
    let expected = [
        (0.0, vec![(7, Some(1.0))]),
        (500.0, vec![(7, Some(2.0)), (8, Some(2.0))]),
        (750.0, vec![(7, None), (8, Some(2.5))]),
        (4_000.0, vec![(7, Some(9.0)), (8, None)]),
        // A millisecond of recording behind the last point.
        (4_000.5, vec![(7, None)]),
    ];
    assert_eq!(ticks, expected);
}

#[test]
fn time_starts_at_the_first_point_or_with_align_at_everyone_s_own() {
    let tracks = || vec![track(7, &[5_000, 6_000]), track(8, &[8_000, 9_000])];
    let apart = all(schedule(tracks(), 1.0, 1.0, false, false));
    let expected = [
        (0.0, vec![(7, Some(5.0))]),
        (1_000.0, vec![(7, Some(6.0))]),
        (2_000.0, vec![(7, None)]),
        (3_000.0, vec![(8, Some(8.0))]),
        (4_000.0, vec![(8, Some(9.0))]),
        (5_000.0, vec![(8, None)]),
    ];
    assert_eq!(apart, expected);
    let together = all(schedule(tracks(), 1.0, 1.0, false, true));
    let expected = [
        (0.0, vec![(7, Some(5.0)), (8, Some(8.0))]),
        (1_000.0, vec![(7, Some(6.0)), (8, Some(9.0))]),
        (2_000.0, vec![(7, None), (8, None)]),
    ];
    assert_eq!(together, expected);
}

#[test]
fn a_lap_begins_anew_after_everyone_has_gone() {
    for (hz, lap_ms) in [(1.0, 3_000.0), (0.0, 1_002.0)] {
        let mut schedule = schedule(vec![track(7, &[0, 1_000])], hz, 1.0, true, false);
        let lap: Vec<Short> = (0..3).filter_map(|_| next(&mut schedule)).collect();
        let second: Vec<Short> = (0..3).filter_map(|_| next(&mut schedule)).collect();
        assert_eq!(lap[2].1, [(7, None)]);
        let moved: Vec<Short> = lap
            .into_iter()
            .map(|(at_ms, records)| (at_ms + lap_ms, records))
            .collect();
        assert_eq!(second, moved, "at {hz} Hz");
    }
}

#[test]
fn newcomers_are_told_once_even_across_gaps_and_laps() {
    let tracks = vec![track(7, &[0, 10_000]), track(8, &[1_000, 2_000])];
    let mut schedule = schedule(tracks, 1.0, 1.0, true, false);
    let mut told = Vec::new();
    for _ in 0..40 {
        let tick = schedule.next_tick().expect("it repeats");
        told.extend(tick.newcomers.iter().map(|&place| (tick.at_ms, place)));
    }
    assert_eq!(told, [(0.0, 0), (1_000.0, 1)]);
}

#[test]
fn nothing_recorded_is_no_tick() {
    assert_eq!(all(schedule(Vec::new(), 60.0, 1.0, true, false)), []);
}
