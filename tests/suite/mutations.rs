//! Damaged exports of every kind: each parser, from the file to the accounts, on inputs in which
//! bytes were changed, cut, doubled or put in. None may panic, and for each that is read the rows
//! and the money have to add up. `GAINSHARE_MUTATIONS=1000000 cargo test --test suite mutations`
//! runs a million; without it a few thousand, in seconds.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use gainshare::config::project::Project;
use gainshare::ingest;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// File of the fixtures, shipped mapping.
const CASES: &[(&str, &str)] = &[
    ("jira.csv", "jira-service-management"),
    ("topdesk_nl.csv", "topdesk-completed"),
    ("zendesk_cr.csv", "zendesk"),
    ("bmc.csv", "bmc-helix"),
    ("servicenow_task_sla.csv", "servicenow-task-sla"),
    ("focus_1.2.csv", "focus"),
    ("sap_utf16.txt", "sap-list"),
    ("supplier_spend.csv", "supplier-spend"),
    ("servicenow_incident.json", "servicenow-incident"),
    ("jira.json", "jira-issues-json"),
    ("jira.json", "jira-sla-json"),
    ("helpdesk.csv", "helpdesk-log-events"),
    ("helpdesk.xes", "xes-cases"),
    ("ubl_invoice.xml", "ubl"),
    ("ubl_credit_note.xml", "ubl"),
    ("servicenow_incident.xlsx", "servicenow-incident"),
];

/// Pieces that mean something to one of the parsers.
const PIECES: &[&[u8]] = &[
    b"\"",
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b"<",
    b">",
    b"</",
    b"/>",
    b"&",
    b"&amp;",
    b"&#x10ffff;",
    b"&#0;",
    b"<![CDATA[",
    b"]]>",
    b"<!DOCTYPE a>",
    b"<a>",
    b"\\u",
    b"\\ud800",
    b"\\",
    b"null",
    b"1e999",
    b"-",
    b"99999999999999999999999999999999",
    b"2025-02-30 25:61:61",
    b"\xff",
    b"\xfe",
    b"\x00",
    b"\x81",
    b"\xf0\x9f\x98\x80",
    b"sep=",
    b"=",
    b":",
    b".",
    b"0",
    b"1970-01-01 00:00:00",
    b"NaN",
    b"EUR",
    b"\xef\xbb\xbf",
];

fn damage(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    for _ in 0..random.random_range(1..6) {
        let len = bytes.len();
        if len == 0 {
            return;
        }
        let at = random.random_range(0..len);
        let end = (at + random.random_range(0..40usize)).min(len);
        match random.random_range(0..7) {
            0 => bytes[at] = (random.next_u32() & 0xff) as u8,
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => {
                bytes.drain(at..end);
            }
            3 => {
                let part = bytes[at..end].to_vec();
                let to = random.random_range(0..=len);
                bytes.splice(to..to, part);
            }
            4 if random.random_range(0..4) == 0 => bytes.truncate(at),
            _ => {
                let piece = PIECES[random.random_range(0..PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
}

/// A zip archive of stored parts, so that damage to a part reaches the parser of the workbook.
fn stored(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in parts {
        let local = u32::try_from(out.len()).unwrap();
        let mut check = flate2::Crc::new();
        check.update(bytes);
        let size = u32::try_from(bytes.len()).unwrap();
        let length = u16::try_from(name.len()).unwrap();
        let mut common = Vec::new();
        common.extend_from_slice(&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        common.extend_from_slice(&check.sum().to_le_bytes());
        common.extend_from_slice(&size.to_le_bytes());
        common.extend_from_slice(&size.to_le_bytes());
        common.extend_from_slice(&length.to_le_bytes());
        common.extend_from_slice(&[0, 0]);
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(bytes);
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&local.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let start = u32::try_from(out.len()).unwrap();
    let count = u16::try_from(parts.len()).unwrap().to_le_bytes();
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count);
    out.extend_from_slice(&count);
    out.extend_from_slice(&u32::try_from(directory.len()).unwrap().to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}

/// The parts of a workbook that names one sheet of two rows, with all kinds of cells.
fn parts() -> Vec<(String, Vec<u8>)> {
    let part = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    vec![
        part(
            "xl/workbook.xml",
            "<workbook xmlns:r=\"r\"><workbookPr/><sheets><sheet name=\"A\" sheetId=\"1\" \
             r:id=\"rId1\"/></sheets></workbook>",
        ),
        part(
            "xl/_rels/workbook.xml.rels",
            "<Relationships><Relationship Id=\"rId1\" Target=\"worksheets/sheet1.xml\"/>\
             </Relationships>",
        ),
        part(
            "xl/styles.xml",
            "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"[h]:mm:ss\"/></numFmts>\
             <cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"22\"/><xf numFmtId=\"164\"/></cellXfs>\
             </styleSheet>",
        ),
        part(
            "xl/sharedStrings.xml",
            "<sst><si><t>Number</t></si><si><t>Opened</t></si><si><r><t>Prio</t></r><r><t>rity</t>\
             </r><rPh><t>x</t></rPh></si><si><t>INC1 &amp; co</t></si></sst>",
        ),
        part(
            "xl/worksheets/sheet1.xml",
            "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\">\
             <v>1</v></c><c r=\"C1\" t=\"s\"><v>2</v></c><c r=\"D1\" t=\"inlineStr\"><is><t>Hold</t>\
             </is></c></row><row r=\"2\"><c r=\"A2\" t=\"s\"><v>3</v></c><c r=\"B2\" s=\"1\">\
             <v>45660.5</v></c><c r=\"C2\"><v>2</v></c><c r=\"D2\" s=\"2\"><v>1.25</v></c></row>\
             </sheetData></worksheet>",
        ),
    ]
}

struct Case {
    folder: tempfile::TempDir,
    project: Project,
    file: String,
    whole: Vec<u8>,
}

fn case(file: &str, mapping: &str) -> Case {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "schema = 1\nname = \"one\"\nas_of = \"2025-06-01T00:00:00Z\"\n\
         [[source]]\nname = \"s\"\nmapping = \"{mapping}\"\nfiles = [\"{file}\"]\n\
         zone = \"Europe/Amsterdam\"\nset = {{}}\n\
         [[contract]]\nid = \"CT-1\"\nsupplier = \"S\"\ncustomer = \"C\"\nterms = \"t.toml\"\n"
    );
    std::fs::write(folder.path().join("gainshare.toml"), text).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports");
    let whole = std::fs::read(from.join(file)).unwrap_or_default();
    std::fs::write(folder.path().join(file), &whole).unwrap();
    let project = Project::read(folder.path()).unwrap();
    Case {
        folder,
        project,
        file: file.to_owned(),
        whole,
    }
}

impl Case {
    /// Reads the bytes as this export; whether they could be read.
    fn read(&self, bytes: &[u8]) -> bool {
        std::fs::write(self.folder.path().join(&self.file), bytes).unwrap();
        match ingest::ingest(&self.project, &|_, _| {}) {
            Ok(ingested) => {
                for account in &ingested.accounts {
                    assert!(account.closes(), "{}: {account:?}", self.file);
                    let rejects = ingested.rejects.len() as u64;
                    assert_eq!(account.rejected, rejects, "{}", self.file);
                }
                true
            }
            Err(error) => {
                let said = error.to_string();
                assert!(said.contains(&self.file), "{said}");
                false
            }
        }
    }
}

fn runs() -> usize {
    let asked = std::env::var("GAINSHARE_MUTATIONS").ok();
    let asked = asked.and_then(|n| n.parse::<usize>().ok()).unwrap_or(5000);
    asked.div_ceil(CASES.len() + 1)
}

#[test]
fn damaged_exports_never_panic_and_their_accounts_close() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for (file, mapping) in CASES {
        let case = case(file, mapping);
        assert!(case.read(&case.whole), "{file}");
        let mut read = 0;
        for _ in 0..runs() {
            let mut bytes = case.whole.clone();
            damage(&mut bytes, &mut random);
            read += usize::from(case.read(&bytes));
        }
        // Not all damage makes a file unreadable, else the accounts were never tried.
        let text = file.ends_with("csv") || file.ends_with("txt");
        assert!(!text || read > runs() / 10, "{file}: {read}");
    }
}

#[test]
fn damaged_parts_of_a_workbook_never_panic_and_their_accounts_close() {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let whole = parts();
    let case = case("book.xlsx", "servicenow-incident");
    assert!(case.read(&stored(&whole)));
    let mut read = 0;
    for _ in 0..runs() {
        let mut parts = whole.clone();
        let at = random.random_range(0..parts.len());
        damage(&mut parts[at].1, &mut random);
        read += usize::from(case.read(&stored(&parts)));
    }
    // Most damage breaks the XML of a part; some has to get through to the rows.
    assert!(read > runs() / 50, "{read}");
}

#[test]
fn what_unpacks_without_end_or_nests_without_end_is_refused() {
    use std::io::Write as _;
    let case = case("jira.json", "jira-issues-json");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..80 {
        gzip.write_all(&zeros).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    std::fs::write(case.folder.path().join("jira.json"), &bomb).unwrap();
    let error = ingest::ingest(&case.project, &|_, _| {}).unwrap_err();
    assert!(
        error.to_string().contains("unpacks to more than 250 times"),
        "{error}"
    );
    let deep = "[".repeat(100_000);
    std::fs::write(case.folder.path().join("jira.json"), deep).unwrap();
    let error = ingest::ingest(&case.project, &|_, _| {}).unwrap_err();
    assert!(
        error.to_string().contains("nests deeper than 64 levels"),
        "{error}"
    );

    let case = self::case("ubl_invoice.xml", "ubl");
    for (xml, wanted) in [
        ("<a>".repeat(100_000), "nests deeper than 64 levels"),
        (
            "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>".to_owned(),
            "document type",
        ),
        ("<a>&x;</a>".to_owned(), "unknown entity"),
    ] {
        std::fs::write(case.folder.path().join("ubl_invoice.xml"), xml).unwrap();
        let error = ingest::ingest(&case.project, &|_, _| {}).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
}
