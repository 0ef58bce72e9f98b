//! One line of a journal: a JSON object that ends with the checksum of everything before it.
//!
//! `{"seq":7,"type":"attempt",...,"crc":"0f3a99c1"}`: `crc` is the CRC-32 (IEEE 802.3, as of gzip) of the
//! line's bytes before `,"crc"`, in eight lower-case digits. It sits inside the object so that `jq`,
//! pandas or DuckDB read the file as it is. Every byte of a line counts: those before the checksum are
//! under it, those of the checksum's own frame must be exactly what is written here. So a CRC-32, which
//! finds every single flipped bit and every burst of up to 32, finds them anywhere in the line.
//!
//! The parts that go on into other files are copied from the line byte for byte and never read into
//! numbers and printed again: a number that is never parsed cannot change.

/// What stands between the checked bytes and the digits of the checksum.
const FRAME: &[u8] = b",\"crc\":\"";
/// What stands after the digits, before the newline.
const END: &[u8] = b"\"}";
const DIGITS: usize = 8;
/// Length of everything after the checked bytes, without the newline.
const SEAL: usize = FRAME.len() + DIGITS + END.len();

/// Turns `object`, the text of a JSON object that is not empty, into a whole line with checksum and
/// newline.
pub(super) fn seal(mut object: Vec<u8>) -> Vec<u8> {
    debug_assert!(object.len() > 2 && object.ends_with(b"}"));
    object.pop();
    let crc = crc32fast::hash(&object);
    object.extend_from_slice(FRAME);
    object.extend_from_slice(format!("{crc:08x}").as_bytes());
    object.extend_from_slice(END);
    object.push(b'\n');
    object
}

/// The checked bytes of a line (without its newline) whose checksum holds: the object without its
/// closing brace.
pub(super) fn checked(line: &[u8]) -> Option<&[u8]> {
    let (body, crc) = split(line)?;
    (body.first() == Some(&b'{') && crc32fast::hash(body) == crc).then_some(body)
}

/// Cuts a line where its seal would be; the checksum is not verified.
fn split(line: &[u8]) -> Option<(&[u8], u32)> {
    let (body, seal) = line.split_at_checked(line.len().checked_sub(SEAL)?)?;
    let digits = seal.strip_prefix(FRAME)?.strip_suffix(END)?;
    let mut crc = 0u32;
    for &digit in digits {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        crc = crc << 4 | u32::from(value);
    }
    Some((body, crc))
}

/// Whether a whole record hides at the end of bytes that are no valid line themselves, as when the
/// newline before it was damaged. Beyond a thousand places where a record might begin the answer is yes:
/// the caller refuses what it cannot judge.
pub(super) fn hides_record(bytes: &[u8]) -> bool {
    const START: &[u8] = b"{\"seq\":";
    if split(bytes).is_none() {
        return false;
    }
    let mut tries = 0;
    for start in (0..bytes.len()).filter(|&at| bytes[at..].starts_with(START)) {
        tries += 1;
        if tries > 1000 || checked(&bytes[start..]).is_some() {
            return true;
        }
    }
    false
}

/// The text of the attempt in the checked bytes of an attempt record.
pub(super) fn attempt_text(body: &[u8]) -> Option<&[u8]> {
    let rest = after(body, b",\"attempt\":")?;
    match find(rest, TERMINAL) {
        Some(end) => rest.get(..end),
        None => Some(rest),
    }
}

/// The text of the terminal part in the checked bytes of an attempt record.
pub(super) fn terminal_text(body: &[u8]) -> Option<&[u8]> {
    after(body, TERMINAL)
}

/// A comma and a quote side by side cannot be inside a JSON string, where quotes are escaped, nor span
/// the end of one, since no letter follows a closing quote. So this is a key; and of all objects before
/// the terminal part, none has a key of this name.
const TERMINAL: &[u8] = b",\"terminal\":";

/// What follows the first `key`.
pub(super) fn after<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    text.get(find(text, key)? + key.len()..)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_line() {
        // The check value of CRC-32 is that of "123456789": cbf43926.
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
        let line = seal(b"{\"seq\":1}".to_vec());
        let crc = crc32fast::hash(b"{\"seq\":1");
        assert_eq!(
            line,
            format!("{{\"seq\":1,\"crc\":\"{crc:08x}\"}}\n").into_bytes()
        );
        assert_eq!(checked(&line[..line.len() - 1]), Some(&b"{\"seq\":1"[..]));
    }

    #[test]
    fn a_checksum_in_capitals_is_another_line() {
        // Flipping bit 5 of a digit a-f gives the same number in another spelling.
        for seq in 0..50 {
            let mut line = seal(format!("{{\"seq\":{seq}}}").into_bytes());
            line.pop();
            let capital = line.to_ascii_uppercase();
            let from = line.len() - END.len() - DIGITS;
            if capital[from..] != line[from..] {
                line[from..].copy_from_slice(&capital[from..]);
                assert_eq!(checked(&line), None);
            }
        }
    }

    #[test]
    fn a_record_behind_a_damaged_newline_is_seen() {
        let mut lines = seal(b"{\"seq\":1}".to_vec());
        let newline = lines.len() - 1;
        lines.extend(seal(b"{\"seq\":2}".to_vec()));
        lines.pop();
        lines[newline] = 0x0b;
        assert_eq!(checked(&lines), None);
        assert!(hides_record(&lines));
        assert!(!hides_record(&lines[..lines.len() - 1]));
        assert!(!hides_record(&[0; 100]));
    }

    #[test]
    fn parts_are_found_beside_strings_that_look_like_them() {
        let message = serde_json::to_string(",\"terminal\":{ \"attempt\":").expect("a string");
        let body = format!(
            "{{\"seq\":1,\"type\":\"attempt\",\"index\":0,\"attempt\":{{\"task\":{message}}},\"terminal\":{{\"state\":{message}}}"
        );
        assert_eq!(
            attempt_text(body.as_bytes()),
            Some(format!("{{\"task\":{message}}}").as_bytes())
        );
        assert_eq!(
            terminal_text(body.as_bytes()),
            Some(format!("{{\"state\":{message}}}").as_bytes())
        );
    }
}
