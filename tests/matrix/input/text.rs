//! Rows 131 and 132: text that is no TOML, no CSV, or no numbers.

use std::fs::File;

use super::{
    CUSTOM, REGISTER, data_is_refused, data_is_run, refused, refused_in, run, spec_is_refused,
};
use crate::common::Lab;

/// Every beginning of a spec is refused, or is a spec itself; and none is left a trace of.
#[test]
fn row_131_a_spec_cut_at_each_byte() {
    let lab = Lab::new();
    let mut refusals = 0;
    for end in 0..REGISTER.len() {
        lab.write("s.toml", &REGISTER[..end]);
        let before = lab.listing();
        let finished = run(&lab, &["plan", "s.toml", "--output", "json"]);
        assert_eq!(lab.listing(), before, "{end} bytes");
        match finished.code() {
            // All but the last line break.
            Some(0) => assert_eq!(end, REGISTER.len() - 1),
            Some(2) => {
                refusals += 1;
                finished.assert_says(&["error: ", "s.toml:", "hint: "]);
            }
            _ => panic!("{end} bytes: {finished:?}"),
        }
    }
    assert_eq!(refusals, REGISTER.len() - 1);
}

/// The same of a file of series, where fewer records may be a file too.
#[test]
fn row_131_a_csv_file_cut_at_each_byte() {
    let lab = Lab::new();
    lab.write(
        "s.toml",
        "schema = 1\n[[experiment]]\nname = \"f\"\nkind = \"forecast\"\nmode = \"custom\"\ndata = \"d.csv\"\nhorizon = 1\nmodels = [\"naive\"]\n",
    );
    let whole = "a,b\r\n1,2.5\r\n\"3\",4e0\r\n5,6\r\n";
    let mut refusals = 0;
    for end in 0..=whole.len() {
        lab.write("d.csv", &whole[..end]);
        let before = lab.listing();
        let finished = run(&lab, &["plan", "s.toml", "--output", "json"]);
        assert_eq!(lab.listing(), before, "{end} bytes");
        match finished.code() {
            Some(0) => assert!(end > "a,b\r\n1,2.5\r\n".len(), "{end} bytes"),
            Some(2) => {
                refusals += 1;
                finished.assert_says(&["error: ", "hint: "]);
            }
            _ => panic!("{end} bytes: {finished:?}"),
        }
    }
    assert!(refusals > 12, "{refusals} of {}", whole.len());
}

#[test]
fn row_131_no_toml() {
    const NO_TOML: &[&str] = &["not valid TOML"];
    for (from, to, place) in [
        ("[1, 1]", "[1,, 1]", "6:19"),
        ("gf-order = 2", "gf-order = ", "5:12"),
        ("gf-order = 2", "gf-order = 2\ngf-order = 3", "6:1"),
        ("schema = 1\n", "schema = 1\nschema = 1\n", "2:1"),
        ("schema = 1\n", "schema = 1\r[x]\n", "1:12"),
        ("schema = 1\n", "\0", "1:2"),
        ("\"a\"", "\"a\0b\"", "3:10"),
        // Half of a pair of UTF-16 is no character.
        ("\"a\"", "\"\\ud800\"", "3:11"),
        ("schema = 1\n", "{\"schema\": 1}\n", "1:1"),
        ("schema = 1\n", "schema,1\n", "1:7"),
    ] {
        spec_is_refused(REGISTER.replacen(from, to, 1), place, NO_TOML);
    }
    // A comma behind the last element, line breaks of Windows and a byte-order mark are TOML.
    let lab = Lab::new();
    for text in [
        REGISTER.replace("1]", "1,]"),
        REGISTER.replace('\n', "\r\n"),
        format!("\u{feff}{REGISTER}"),
    ] {
        lab.write("s.toml", text);
        run(&lab, &["plan", "s.toml", "--output", "json"]).assert_code(0);
    }
}

#[test]
fn row_131_bytes_that_are_no_text() {
    let spec = |name: &[u8]| [b"schema = 1\n# \xc3\xa9 ", name, b"\n"].concat();
    for bytes in [
        &b"\xff"[..],
        b"\xed\xa0\x80",
        b"\xc3",
        b"\xf8\x88\x80\x80\x80",
    ] {
        refused(
            &[("s.toml", &spec(bytes))],
            &["run", "s.toml"],
            &["s.toml", "line 2, column 5 is not UTF-8 text", "hint: "],
        );
        let data = [b"a\n1\n2", bytes, b"\n"].concat();
        data_is_refused(data, "line 3", &["byte 2 of the line is not UTF-8 text"]);
    }
    let utf_16: Vec<u8> = "a\n1\n2\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    data_is_refused(
        [&b"\xff\xfe"[..], &utf_16].concat(),
        "line 1",
        &["not UTF-8"],
    );
}

#[test]
fn row_131_nesting() {
    const DEEP: usize = 100_000;
    let (open, close) = ("[".repeat(DEEP), "]".repeat(DEEP));
    let says = ["recurs"];
    spec_is_refused(
        REGISTER.replace("[1, 1]", &format!("{open}{close}")),
        "6:",
        &says,
    );
    spec_is_refused(format!("schema = 1\nx = {open}\n"), "2:", &says);
    spec_is_refused(
        format!("schema = 1\nx = {}\n", "{a=".repeat(DEEP)),
        "2:",
        &says,
    );
    for line in [
        format!("{}a = 1", "a.".repeat(DEEP)),
        format!("[{}a]", "a.".repeat(DEEP)),
    ] {
        let text = format!("schema = 1\n{line}\n");
        refused(
            &[("s.toml", text.as_bytes())],
            &["run", "s.toml"],
            &["not valid TOML", "hint: "],
        );
    }
}

/// As long a line as disks hold, with nothing on the disk.
#[test]
fn row_131_a_line_of_a_gigabyte() {
    let lab = Lab::new();
    let path = lab.root().join("long");
    let file = File::create(&path).expect("a file can be made");
    for gigabytes in [1, 10] {
        file.set_len(gigabytes << 30)
            .expect("a file can have a hole");
        let path = path.to_str().expect("its name is text");
        refused_in(&lab, &["run", path], &["larger than 16 MiB", "hint: "]);
        refused_in(
            &lab,
            &["lfsr", path, "2"],
            &["larger than 16 MiB", "hint: "],
        );
        let typed = ["forecast", "--mode", "custom", "--data", path];
        refused_in(
            &lab,
            &typed,
            &["line 1", "more than 16777216 bytes", "hint: "],
        );
    }
}

#[test]
fn row_131_no_csv() {
    data_is_refused(
        "a,b\n1,\"2\n3,4\n",
        "line 2",
        &["quoted field is not closed"],
    );
    data_is_refused(
        "a\n1\n\0\n3\n",
        "line 3, column 1",
        &["`\\u{0}` is not a finite number"],
    );
    data_is_refused("a,b\n1,2\n3,4,\n", "line 3", &["the number of fields is 3"]);
    data_is_refused(
        "a,a\n1,2\n3,4\n",
        "line 1, column 2",
        &["the name `a` is taken"],
    );
    // Line breaks of the first Macs: one long header.
    refused(
        &[("d.csv", b"a\r1\r2\r")],
        &CUSTOM,
        &["d.csv", "no values", "hint: "],
    );
    for text in ["a\r\n1\r\n2\r\n3\r\n", "\u{feff}a\n1\n2\n3\n", "a\n1\n2\n3"] {
        let (lab, _) = data_is_run(text, 0);
        lab.run_folder("run").assert_all_ok(1);
    }
}

#[test]
fn row_132_what_is_no_number() {
    for cell in [
        "NaN", "nan", "inf", "-inf", "Infinity", "1e400", "-1e400", "x", "0x10", "1_000", "--1",
        "1 2", "-", "#N/A",
    ] {
        let text = format!("a,b\n1,1\n2,{cell}\n3,3\n");
        data_is_refused(text, "line 3, column 2", &["is not a finite number"]);
    }
    for value in ["nan", "inf", "1e400", "1.5"] {
        let text = REGISTER.replace("gf-order = 2", &format!("gf-order = {value}"));
        spec_is_refused(text, "5:12", &["must be an integer, not a float"]);
    }
}

#[test]
fn row_132_cells_that_are_not_there() {
    data_is_refused(
        "a,b\n1,1\n,2\n3,3\n",
        "line 3, column 1",
        &["`a` has a gap"],
    );
    data_is_refused(
        "a\n1\n\n3\n",
        "line 3",
        &["the line is empty, and line 4 is not"],
    );
    let long = "unique_id,ds,y\na,1,1\na,2,\na,3,3\n";
    data_is_refused(long, "line 3, column 3", &["`a` has a gap"]);
    for ragged in ["a,b\n1,1\n2\n3,3\n", "a,b\n1,1\n2,2,2\n3,3\n"] {
        data_is_refused(ragged, "line 3", &["the number of fields is"]);
    }
    // At the end of a column they are no values: series differ in length.
    let (lab, _) = data_is_run("a,b\n1,1\n2,2\n,3\n", 0);
    lab.run_folder("run").assert_all_ok(2);
}

#[test]
fn row_132_headers() {
    for (text, says) in [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("a,b\n", "a header and no values"),
        ("a,b", "a header and no values"),
    ] {
        refused(
            &[("d.csv", text.as_bytes())],
            &CUSTOM,
            &["d.csv", says, "hint: "],
        );
    }
    data_is_refused(",\n1,2\n", "line 1", &["must name the series"]);
    for broken in ["\"a\nb\"\n1\n2\n", "a\n\"1\n\"\n2\n"] {
        data_is_refused(broken, "line ", &["quoted field is not closed"]);
    }
    // One column of numbers needs no name.
    let (lab, _) = data_is_run("1\n2\n3\n", 0);
    lab.run_folder("run").assert_all_ok(1);
}
