//! Batches are written by `kafka-protocol`'s encoder, so that another's reading of the form is what ours is held to.

use bytes::BytesMut;
use kafka_protocol::{
    indexmap::IndexMap,
    protocol::StrBytes,
    records::{
        Compression, NO_PARTITION_LEADER_EPOCH, Record as Written, RecordBatchEncoder, RecordEncodeOptions,
        TimestampType,
    },
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;

const SENT_MS: i64 = 1_610_064_000_278;
/// Where a batch has what its tests change.
const ATTRIBUTES: usize = 22;
const CHECKSUM: usize = 17;
const RECORDS: usize = 61;

fn written(offset: i64) -> Written {
    Written {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: 7,
        producer_epoch: 0,
        timestamp_type: TimestampType::Creation,
        offset,
        sequence: i32::try_from(offset).unwrap(),
        timestamp: SENT_MS + offset,
        key: Some("BTCUSDT".into()),
        value: Some(format!("value {offset}").into()),
        headers: IndexMap::new(),
    }
}

/// Batches with these records; a new one begins where the producer changes, or its transaction.
fn encoded(records: &[Written]) -> Vec<u8> {
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, records, &options).unwrap();
    bytes.to_vec()
}

/// With another byte, and the checksum that is right then.
fn spoilt(mut batch: Vec<u8>, at: usize, byte: u8) -> Vec<u8> {
    batch[at] = byte;
    let checksum = crc32c::crc32c(&batch[CHECKSUM + 4..]);
    batch[CHECKSUM..CHECKSUM + 4].copy_from_slice(&checksum.to_be_bytes());
    batch
}

fn all(records: &mut Records, mut see: impl FnMut(Record<'_>)) {
    loop {
        records.batch().for_each(&mut see);
        if !records.open_next() {
            return;
        }
    }
}

/// Offset and length of the value of each record from `offset` on.
fn read(bytes: Vec<u8>, offset: i64, aborted: Vec<Aborted>) -> Vec<(i64, usize)> {
    let mut records = Records::from(offset);
    records.put(Chunk {
        bytes: bytes.into(),
        aborted,
        next: 0,
    });
    let mut found = vec![];
    all(&mut records, |record| {
        found.push((record.offset, record.value.len()));
    });
    found
}

fn offsets(bytes: Vec<u8>, offset: i64, aborted: Vec<Aborted>) -> Vec<i64> {
    let found = read(bytes, offset, aborted);
    found.into_iter().map(|(offset, _)| offset).collect()
}

#[test]
fn what_lies_before_the_wanted_offset_is_passed_over() {
    let batches = || {
        [0..3, 3..6, 6..9]
            .map(|some| encoded(&some.map(written).collect::<Vec<_>>()))
            .concat()
    };
    assert_eq!(offsets(batches(), 0, vec![]), (0..9).collect::<Vec<_>>());
    assert_eq!(offsets(batches(), 4, vec![]), [4, 5, 6, 7, 8]);
}

#[test]
fn the_brokers_time_stands_for_each_record_where_the_topic_has_it_so() {
    let batch = encoded(&(0..3).map(written).collect::<Vec<_>>());
    let mut reader = Records::default();
    reader.put(Chunk {
        bytes: spoilt(batch, ATTRIBUTES, 0b1000).into(),
        ..Chunk::default()
    });
    let mut times = vec![];
    all(&mut reader, |record| times.push(record.timestamp_ms));
    assert_eq!(times, [Some(SENT_MS + 2); 3]);
}

#[test]
fn given_up_transactions_and_all_markers_do_not_count() {
    let part = |producer_id, offset, control| Written {
        transactional: true,
        control,
        producer_id,
        ..written(offset)
    };
    let batches = [
        part(1, 0, false),
        part(2, 1, false),
        part(1, 2, true),
        part(1, 3, false),
        part(2, 4, true),
        part(1, 5, true),
    ]
    .map(|record| encoded(&[record]))
    .concat();
    let given_up = |first_offset, producer_id| Aborted {
        first_offset,
        producer_id,
    };
    assert_eq!(offsets(batches.clone(), 0, vec![]), [0, 1, 3]);
    assert_eq!(offsets(batches.clone(), 0, vec![given_up(0, 1)]), [1, 3]);
    assert_eq!(offsets(batches, 0, vec![given_up(3, 1), given_up(1, 2)]), [0]);
}

#[test]
fn a_record_that_cannot_be_read_and_those_behind_it_are_told_one_by_one() {
    let batch = encoded(&(0..5).map(written).collect::<Vec<_>>());
    let each = (batch.len() - RECORDS) / 5;
    // The third one's length is more than there is.
    let spoilt = spoilt(batch, RECORDS + 2 * each, 0x7e);
    let next = encoded(&[written(5)]);
    assert_eq!(
        read([spoilt, next].concat(), 0, vec![]),
        [(0, 7), (1, 7), (2, 3 * each), (3, 0), (4, 0), (5, 7)]
    );
}

#[test]
fn a_record_that_claims_an_offset_beyond_its_batch_is_not_believed() {
    let batch = encoded(&(0..3).map(written).collect::<Vec<_>>());
    let each = (batch.len() - RECORDS) / 3;
    // Of the second one, behind its length, attributes and time.
    let spoilt = spoilt(batch, RECORDS + each + 3, 0x7e);
    assert_eq!(offsets(spoilt, 0, vec![]), [0, 1, 2]);
}

#[test]
fn a_batch_that_cannot_be_unpacked_is_told_by_its_offsets_and_the_next_is_read() {
    let batch = encoded(&(0..3).map(written).collect::<Vec<_>>());
    let packed = batch.len() - RECORDS;
    // No codec has this number.
    let spoilt = spoilt(batch, ATTRIBUTES, 5);
    let next = encoded(&[written(3)]);
    let both = [spoilt, next].concat();
    assert_eq!(
        read(both.clone(), 0, vec![]),
        [(0, packed), (1, 0), (2, 0), (3, 7)]
    );
    assert_eq!(offsets(both, 2, vec![]), [2, 3]);
}

/// Key, value, time after [`SENT_MS`], headers.
type Parts = (
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    i64,
    Vec<(&'static str, Option<Vec<u8>>)>,
);

fn parts() -> impl Strategy<Value = Parts> {
    let text = || option::of(vec(any::<u8>(), 0..200));
    let header = (select(vec!["exchange", "recv_us", "src", "other", ""]), text());
    (
        text(),
        text(),
        -1_000_000_000_i64..1_000_000_000,
        vec(header, 0..5),
    )
}

proptest! {
    #[test]
    fn records_are_read_as_they_were_written(written_parts in vec(parts(), 1..20), first in 0_i64..1_000_000) {
        let records: Vec<Written> = written_parts
            .iter()
            .zip(first..)
            .map(|((key, value, time, headers), offset)| Written {
                key: key.clone().map(Into::into),
                value: value.clone().map(Into::into),
                timestamp: SENT_MS + time,
                headers: headers
                    .iter()
                    .map(|(name, value)| (StrBytes::from_static_str(name), value.clone().map(Into::into)))
                    .collect(),
                ..written(offset)
            })
            .collect();
        let mut reader = Records::default();
        reader.put(Chunk { bytes: encoded(&records).into(), ..Chunk::default() });
        let mut expected = records.iter();
        all(&mut reader, |record| {
            let written = expected.next().unwrap();
            let header = |name: &str| {
                let value = written.headers.get(&StrBytes::from_string(name.to_owned()))?.as_ref()?;
                str::from_utf8(value).ok()
            };
            let expected = Record {
                offset: written.offset,
                timestamp_ms: Some(written.timestamp),
                key: written.key.as_deref(),
                value: written.value.as_deref().unwrap_or_default(),
                exchange: header("exchange"),
                recv_us: header("recv_us").and_then(|text| text.parse().ok()),
                src: header("src"),
            };
            assert_eq!(record, expected);
        });
        prop_assert!(expected.next().is_none());
    }

    #[test]
    fn any_damage_is_read_or_told(
        count in 1_i64..20, damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..5), seal: bool, cut: prop::sample::Index,
    ) {
        let mut bytes = encoded(&(0..count).map(written).collect::<Vec<_>>());
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            // A count that claims millions of records has each of them told.
            if !(RECORDS - 4..RECORDS).contains(&at) && !(ATTRIBUTES + 1..ATTRIBUTES + 5).contains(&at) {
                bytes[at] = byte;
            }
        }
        if seal {
            let last = bytes.len() - 1;
            let byte = bytes[last];
            bytes = spoilt(bytes, last, byte);
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let found = offsets(bytes, i64::MIN, vec![]);
        prop_assert!(found.is_sorted_by(|a, b| a < b));
    }
}
