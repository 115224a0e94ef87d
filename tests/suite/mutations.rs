//! Damaged inputs of every kind: each parser of the fuzz targets (`fuzz/src/targets.rs`, where it
//! stands what must hold) on inputs in which bytes were changed, cut, doubled or put in.
//! `GAINSHARE_MUTATIONS=1000000 cargo test --test suite damaged` runs a million; without it a few
//! thousand, in seconds.
#![allow(clippy::unwrap_used)]

// What is public there is so for the fuzz targets.
#[allow(unreachable_pub)]
#[path = "../../fuzz/src/targets.rs"]
mod targets;

use gainshare::config::project::Project;
use gainshare::ingest;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use targets::TARGETS;

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
    b"%Y",
    b"%",
    b" = [",
    b"[[",
    b"'''",
    b"(",
    b"--- ",
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

/// How many mutated inputs each seed gets, of those asked for.
fn runs(seeds: usize) -> usize {
    let asked = std::env::var("GAINSHARE_MUTATIONS").ok();
    let asked = asked.and_then(|n| n.parse::<usize>().ok()).unwrap_or(8000);
    asked.div_ceil(seeds)
}

/// Feeds a parser with damaged seeds. At least one in `most` has to be readable, else what must
/// hold of readable inputs was never tried.
fn damaged(name: &str, random: u64, most: usize) {
    let all: usize = TARGETS.iter().map(|t| (t.seeds)().len()).sum();
    let target = targets::target(name).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(random);
    let (mut read, mut tried) = (0, 0);
    for (i, seed) in (target.seeds)().iter().enumerate() {
        assert!((target.run)(seed), "{name}: seed {i}");
        for _ in 0..runs(all) {
            let mut bytes = seed.clone();
            damage(&mut bytes, &mut random);
            read += usize::from((target.run)(&bytes));
            tried += 1;
        }
    }
    assert!(read * most >= tried, "{name}: {read} of {tried}");
}

#[test]
fn every_parser_is_among_those_below() {
    let names: Vec<&str> = TARGETS.iter().map(|t| t.name).collect();
    assert_eq!(
        names,
        [
            "delimited",
            "json",
            "xml",
            "zip",
            "xlsx",
            "unpacking",
            "dates",
            "numbers",
            "mapping",
            "terms",
            "project"
        ]
    );
}

#[test]
fn damaged_delimited_text_is_accounted_for() {
    damaged("delimited", 1, 10);
}

#[test]
fn damaged_json_is_accounted_for() {
    damaged("json", 2, 50);
}

#[test]
fn damaged_xml_is_accounted_for() {
    damaged("xml", 3, 50);
}

#[test]
fn damaged_archives_are_accounted_for() {
    damaged("zip", 4, 100);
}

#[test]
fn damaged_parts_of_workbooks_are_accounted_for() {
    damaged("xlsx", 5, 50);
}

#[test]
fn damaged_compressed_files_unpack_within_bounds() {
    damaged("unpacking", 6, 10);
}

#[test]
fn damaged_dates_read_the_same_again() {
    damaged("dates", 7, 20);
}

#[test]
fn damaged_numbers_read_the_same_again() {
    damaged("numbers", 8, 20);
}

#[test]
fn damaged_mappings_read_the_same_again() {
    damaged("mapping", 9, 50);
}

#[test]
fn damaged_terms_read_the_same_again() {
    damaged("terms", 10, 50);
}

#[test]
fn damaged_projects_are_read_or_refused() {
    damaged("project", 11, 100);
}

/// A project over one export that is yet to be written.
fn exported(file: &str, mapping: &str) -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "schema = 1\nname = \"one\"\nas_of = \"2025-06-01T00:00:00Z\"\n\
         [[source]]\nname = \"s\"\nmapping = \"{mapping}\"\nfiles = [\"{file}\"]\n\
         zone = \"Europe/Amsterdam\"\n\
         [[contract]]\nid = \"CT-1\"\nsupplier = \"S\"\ncustomer = \"C\"\nterms = \"t.toml\"\n"
    );
    std::fs::write(folder.path().join("gainshare.toml"), text).unwrap();
    std::fs::write(folder.path().join(file), b"").unwrap();
    let project = Project::read(folder.path()).unwrap();
    (folder, project)
}

#[test]
fn what_unpacks_without_end_or_nests_without_end_is_refused() {
    use std::io::Write as _;
    let (folder, project) = exported("x.json", "jira-issues-json");
    let refused = |bytes: &[u8]| {
        std::fs::write(folder.path().join("x.json"), bytes).unwrap();
        let error = ingest::ingest(&project, &|_, _| {}).unwrap_err();
        error.to_string()
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..80 {
        gzip.write_all(&zeros).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    let blanks = vec![b' '; 80 << 20];
    let zst = zstd::stream::encode_all(blanks.as_slice(), 19).unwrap();
    for bomb in [bomb, zst] {
        let error = refused(&bomb);
        assert!(error.contains("unpacks to more than 250 times"), "{error}");
    }
    let error = refused("[".repeat(100_000).as_bytes());
    assert!(error.contains("nests deeper than 64 levels"), "{error}");

    let (folder, project) = exported("x.xml", "ubl");
    for (xml, wanted) in [
        ("<a>".repeat(100_000), "nests deeper than 64 levels"),
        (
            "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>".to_owned(),
            "document type",
        ),
        ("<a>&x;</a>".to_owned(), "unknown entity"),
    ] {
        std::fs::write(folder.path().join("x.xml"), xml).unwrap();
        let error = ingest::ingest(&project, &|_, _| {}).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
}
