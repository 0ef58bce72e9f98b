//! Whatever bytes come in place of a message: an answer, in little memory, and never a panic.
//!
//! The supervisor reads packets, results and tables that a worker wrote, and a worker may have gone mad first.
//! Where it did not, what is read must be what was meant: a value that is decoded is encoded again, in no more
//! bytes than it came in, and that decodes to the same value. Values are compared by their bytes, since a
//! result may hold numbers that do not equal themselves.
//!
//! The first byte of the input says what the rest is taken for. A packet whose header is right has its header
//! put on here: no fuzzer would guess it.

#![no_main]

use fumehood::experiment::TaskOutput;
use fumehood::protocol::{
    Assembly, Assignment, FromWorker, PACKET_CAP, PARCEL_CAP, Parcel, ToWorker, decode_result,
    encode_result, read_packet,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz::fuzz_target!(|data: &[u8]| check(data));

fn check(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    match kind % 6 {
        0 => packet(bytes),
        1 => packet(&with_header(bytes)),
        2 => result(bytes),
        3 => assembly(bytes),
        // What a worker reads: the tasks of an order, and orders themselves.
        4 => drop(again::<Vec<Assignment>>(bytes)),
        _ => order(bytes),
    }
}

fn with_header(body: &[u8]) -> Vec<u8> {
    let header = 2 * size_of::<usize>();
    let numbers = [header + body.len(), body.len()].map(usize::to_ne_bytes);
    [&numbers.concat(), body].concat()
}

/// A packet, and what the supervisor does with the message in it.
fn packet(packet: &[u8]) {
    let Ok(message) = read_packet(packet) else {
        return;
    };
    let written = postcard::to_stdvec(&message).expect("what was read can be written");
    let sent = with_header(&written);
    assert!(sent.len() <= packet.len());
    let back = read_packet(&sent).expect("what was written can be read");
    assert_eq!(back.worker(), message.worker());
    assert_eq!(postcard::to_stdvec(&back).as_ref(), Ok(&written));
    let longer = with_header(&[&written[..], &[0]].concat());
    assert!(read_packet(&longer).is_err(), "a byte too many");
    match message {
        FromWorker::Finished { report, .. } => {
            let whole = Assembly::default().finish(report.chunks, report.last, report.digest);
            assert_eq!(whole.is_ok(), report.chunks == 0);
            whole.iter().for_each(|bytes| result(bytes));
        }
        FromWorker::Chunk { number, bytes, .. } => {
            assert_eq!(Assembly::default().add(number, &bytes).is_ok(), number == 0);
        }
        _ => {}
    }
}

/// The encoded result of a task, and the table that may be in it.
fn result(bytes: &[u8]) {
    let Ok(result) = decode_result(bytes) else {
        return;
    };
    let written = encode_result(&result).expect("what was read can be written");
    assert!(written.len() <= bytes.len());
    let back = decode_result(&written).expect("what was written can be read");
    assert_eq!(encode_result(&back).as_ref(), Ok(&written));
    if let Ok(TaskOutput::Enumeration(table)) = result
        && let Ok(decoded) = table.decode(1 << 20)
    {
        let segments = decoded.segments.iter();
        let lengths = segments.map(|segment| u128::from(segment.length));
        let leftovers = decoded.leftovers.iter();
        let cycles = leftovers.map(|(&length, &count)| u128::from(length) * u128::from(count));
        assert_eq!(lengths.chain(cycles).sum::<u128>(), table.states.into());
        assert_eq!(decoded.segments.len() as u64, table.segments);
    }
}

/// Chunks in the order and of the sizes that the input says; the whole comes out where they are in turn and
/// the digest is theirs, and nowhere else.
fn assembly(mut bytes: &[u8]) {
    let mut assembly = Assembly::default();
    let (mut whole, mut taken) = (Vec::new(), 0);
    while let [number, length, rest @ ..] = bytes {
        // Most numbers are the one that is due.
        let number = match number {
            0xf0.. => u32::from(*number),
            _ => taken,
        };
        let (chunk, rest) = rest.split_at((*length).min(rest.len() as u8).into());
        let parcel = Parcel::new(chunk.to_vec()).expect("it is small");
        let added = assembly.add(number, &parcel);
        assert_eq!(added.is_ok(), number == taken);
        if added.is_ok() {
            whole.extend_from_slice(chunk);
            taken += 1;
        }
        bytes = rest;
    }
    let told = match bytes {
        [said] => u32::from(*said),
        _ => taken,
    };
    let digest = *blake3::hash(&whole).as_bytes();
    let finished = assembly.finish(told, Parcel::default(), Some(digest));
    match finished {
        Ok(bytes) => assert!(told == taken && bytes == whole),
        Err(_) => assert_ne!(told, taken),
    }
}

/// An order to a worker, and the tasks in it.
fn order(bytes: &[u8]) {
    if let Some(ToWorker::Run { tasks, .. }) = again(bytes) {
        assert!(tasks.bytes().len() <= PARCEL_CAP);
        again::<Vec<Assignment>>(tasks.bytes());
    }
}

/// The value in the bytes, once it is seen that it survives its way.
fn again<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let parcel = Parcel::new(bytes.get(..PARCEL_CAP.min(bytes.len()))?.to_vec()).ok()?;
    let value: T = parcel.unpack().ok()?;
    let written = Parcel::pack(&value).expect("it is not longer than it was");
    assert!(written.bytes().len() <= bytes.len() && bytes.len() <= PACKET_CAP);
    let back: T = written.unpack().expect("what was written can be read");
    let twice = Parcel::pack(&back).expect("what was read can be written");
    assert_eq!(twice.bytes(), written.bytes());
    Some(value)
}
