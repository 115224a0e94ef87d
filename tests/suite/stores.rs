//! Exports in an object store, from a small server on this machine that speaks as much of the
//! protocols of S3, Azure Blob Storage and Google Cloud Storage as reading takes: pages of a listing,
//! files, refusals. What is fetched gives the
//! rows of the same files in a folder, is counted, bounded, and named with its hash.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use gainshare::config::project::Project;
use gainshare::ingest::{self, Ingested, remote};

/// Keys and bytes of the bucket `exports`.
type Objects = BTreeMap<String, Vec<u8>>;

/// Keys on a page of a listing, so that there is a second page.
const PAGE: usize = 2;

/// Serves until the test's process ends; gives the address.
fn served(objects: Objects) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let objects = Arc::new(objects);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let objects = Arc::clone(&objects);
            std::thread::spawn(move || answer(connection, &objects));
        }
    });
    address
}

/// Answers the requests of a connection. The header of one comes in lines, its body is empty.
fn answer(connection: TcpStream, objects: &Objects) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let mut connection = connection;
    loop {
        let (mut first, mut signed) = (String::new(), false);
        reader.read_line(&mut first).ok().filter(|n| *n > 0)?;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
            let line = line.trim_end().to_lowercase();
            // Who asks of S3 and of Azure.
            let known = ["credential=known/", "sharedkey known:"];
            signed |= line.starts_with("authorization:") && known.iter().any(|k| line.contains(k));
            if line.is_empty() {
                break;
            }
        }
        let target = first.split(' ').nth(1)?.to_owned();
        signed |= target.starts_with("/google/");
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query: BTreeMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(k, v)| (k.to_owned(), plain(v)))
            .collect();
        let path = plain(path.trim_matches('/'));
        // The account of Azure stands before the container, a part of our address before Google's.
        let path = ["known/", "google/"]
            .iter()
            .find_map(|account| path.strip_prefix(account))
            .unwrap_or(&path);
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let error = |code: &str| format!("<Error><Code>{code}</Code></Error>").into_bytes();
        let (status, body) = match bucket {
            "web" => match objects.get(key) {
                Some(bytes) => ("200 OK", bytes.clone()),
                None => ("404 Not Found", Vec::new()),
            },
            _ if !signed => ("403 Forbidden", error("AccessDenied")),
            "exports" if query.contains_key("list-type") => ("200 OK", listing(objects, &query)),
            "exports" if query.contains_key("comp") => ("200 OK", of_azure(objects, &query)),
            "exports" => match objects.get(key) {
                Some(bytes) => ("200 OK", bytes.clone()),
                None => ("404 Not Found", error("NoSuchKey")),
            },
            _ => ("404 Not Found", error("NoSuchBucket")),
        };
        // One of the files is cut off on its way.
        let length = body.len() + usize::from(key.contains("cut")) * 100;
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"e\"\r\n\
             Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).ok()?;
        connection.write_all(&body).ok()?;
        if length != body.len() {
            return None;
        }
    }
}

/// A part of an address without its percent signs.
fn plain(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        out.push(char::from(u8::from_str_radix(&part[..2], 16).unwrap()));
        out.push_str(&part[2..]);
    }
    out
}

/// What stands directly in a folder, from place `from` on, and the place of the next page.
fn page<'o>(
    objects: &'o Objects,
    query: &BTreeMap<String, String>,
    token: &str,
) -> (Vec<(&'o String, &'o Vec<u8>)>, Option<usize>) {
    let prefix = query.get("prefix").map_or("", String::as_str);
    let from = query.get(token).map_or(0, |t| t.parse().unwrap());
    let matching: Vec<(&String, &Vec<u8>)> = objects
        .iter()
        .filter(|(key, _)| {
            // A folder further down is one common prefix, and no file.
            let rest = key.strip_prefix(prefix);
            rest.is_some_and(|rest| !rest.contains('/'))
        })
        .collect();
    let next = Some(from + PAGE).filter(|next| *next < matching.len());
    (matching.into_iter().skip(from).take(PAGE).collect(), next)
}

/// A listing of S3 and of Google.
fn listing(objects: &Objects, query: &BTreeMap<String, String>) -> Vec<u8> {
    let (found, next) = page(objects, query, "continuation-token");
    let mut xml = "<?xml version=\"1.0\"?><ListBucketResult>".to_owned();
    for (key, bytes) in found {
        xml.push_str(&format!(
            "<Contents><Key>{key}</Key><Size>{}</Size><ETag>\"e\"</ETag>\
             <LastModified>2025-01-01T00:00:00.000Z</LastModified></Contents>",
            bytes.len()
        ));
    }
    match next {
        Some(next) => xml.push_str(&format!(
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>"
        )),
        None => xml.push_str("<IsTruncated>false</IsTruncated>"),
    }
    xml.push_str("</ListBucketResult>");
    xml.into_bytes()
}

/// A listing of Azure.
fn of_azure(objects: &Objects, query: &BTreeMap<String, String>) -> Vec<u8> {
    let (found, next) = page(objects, query, "marker");
    let mut xml = "<?xml version=\"1.0\"?><EnumerationResults><Blobs>".to_owned();
    for (key, bytes) in found {
        xml.push_str(&format!(
            "<Blob><Name>{key}</Name><Properties>\
             <Last-Modified>Wed, 01 Jan 2025 00:00:00 GMT</Last-Modified>\
             <Content-Length>{}</Content-Length><Content-Type>text/csv</Content-Type><Etag>e</Etag>\
             </Properties></Blob>",
            bytes.len()
        ));
    }
    let next = next.map_or_else(String::new, |next| next.to_string());
    xml.push_str(&format!(
        "</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"
    ));
    xml.into_bytes()
}

const TICKETS: &str = "ticket_id,contract_id,opened_at,priority\n";

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

fn month(number: u32) -> Vec<u8> {
    gzip(&format!(
        "{TICKETS}T{number},CT-1,2025-0{number}-03T10:00:00Z,P2\n"
    ))
}

fn objects() -> Objects {
    let mut objects = Objects::new();
    for number in 1..=5 {
        objects.insert(format!("desk/2025/tickets_{number}.csv.gz"), month(number));
    }
    objects.insert("desk/2025/tickets_1.txt".to_owned(), b"no export".to_vec());
    objects.insert("desk/2025/old/tickets_0.csv.gz".to_owned(), month(9));
    objects.insert("desk/cut.csv".to_owned(), TICKETS.as_bytes().to_vec());
    objects.insert("a list.csv".to_owned(), TICKETS.as_bytes().to_vec());
    objects
}

/// A project that reads the files named.
fn project(files: &str, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "schema = 1\nname = \"one\"\nas_of = \"2025-12-01T00:00:00Z\"\n{more}\n\
         [[source]]\nname = \"desk\"\ntable = \"incidents\"\nfiles = [\"{files}\"]\n\
         [[contract]]\nid = \"CT-1\"\nsupplier = \"S\"\ncustomer = \"C\"\nterms = \"t.toml\"\n"
    );
    std::fs::write(folder.path().join("gainshare.toml"), text).unwrap();
    folder
}

/// The project with variables of the environment as given.
fn opened(folder: &Path, variables: &[(&str, &str)]) -> Project {
    let given = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_bytes().to_vec())
    };
    Project::read_with(folder, &given).unwrap()
}

fn keys(endpoint: &str) -> [(&str, &str); 5] {
    [
        ("AWS_ACCESS_KEY_ID", "known"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ALLOW_HTTP", "true"),
    ]
}

/// The variables that give access to the same bucket as a container of Azure and as a public bucket
/// of Google.
fn of_others(endpoint: &str) -> [(&'static str, String); 7] {
    [
        ("AZURE_STORAGE_ACCOUNT_NAME", "known".to_owned()),
        ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0".to_owned()),
        ("AZURE_STORAGE_ENDPOINT", format!("{endpoint}/known")),
        ("AZURE_ALLOW_HTTP", "true".to_owned()),
        ("GOOGLE_SKIP_SIGNATURE", "true".to_owned()),
        ("GOOGLE_BASE_URL", format!("{endpoint}/google")),
        ("GOOGLE_ALLOW_HTTP", "true".to_owned()),
    ]
}

fn refused(files: &str, more: &str, variables: &[(&str, &str)]) -> String {
    let folder = project(files, more);
    let project = opened(folder.path(), variables);
    let error = remote::local(&project).unwrap_err();
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    format!("{error} / {help}")
}

fn tickets(ingested: &Ingested) -> Vec<String> {
    let rows = &ingested.tables["incidents"];
    let mut found: Vec<String> = (0..rows.len())
        .map(|row| {
            format!(
                "{} {}",
                rows.shown("ticket_id", row),
                rows.shown("opened_at", row)
            )
        })
        .collect();
    found.sort();
    found
}

#[test]
fn files_of_a_bucket_are_those_of_a_folder() {
    let endpoint = served(objects());
    let folder = project("s3://exports/desk/2025/tickets_*.csv.gz", "");
    let project_ = opened(folder.path(), &keys(&endpoint));
    let local = remote::local(&project_).unwrap();
    let fetched = ingest::ingest(&local.project, &|_, _| {}).unwrap();

    let beside = project("tickets_*.csv.gz", "");
    for number in 1..=5 {
        let name = format!("tickets_{number}.csv.gz");
        std::fs::write(beside.path().join(name), month(number)).unwrap();
    }
    let plain = ingest::ingest(&Project::read(beside.path()).unwrap(), &|_, _| {}).unwrap();
    assert_eq!(tickets(&fetched), tickets(&plain));
    assert_eq!(tickets(&fetched).len(), 5);

    // Named by their addresses, with the hashes of what lies there.
    for (there, here) in fetched.accounts.iter().zip(&plain.accounts) {
        assert_eq!(there.file, format!("s3://exports/desk/2025/{}", here.file));
        assert_eq!((&there.blake3, there.accepted), (&here.blake3, 1));
        assert!(there.closes());
    }
    // Counted.
    let bytes: usize = (1..=5).map(|n| month(n).len()).sum();
    let note = &local.findings[0];
    assert_eq!(
        (note.code.as_str(), note.count, note.evidence.as_str()),
        ("files_fetched", 5, format!("{bytes} bytes").as_str())
    );
    assert_eq!(
        note.file.as_deref(),
        Some("s3://exports/desk/2025/tickets_*.csv.gz")
    );
    // The copies go.
    let copy = local.project.sources[0].files[0].1.clone();
    assert!(copy.is_file());
    drop(local);
    assert!(!copy.exists());
}

#[test]
fn containers_of_azure_and_buckets_of_google_are_read_as_well() {
    let endpoint = served(objects());
    let given = of_others(&endpoint);
    let variables: Vec<(&str, &str)> = given.iter().map(|(k, v)| (*k, v.as_str())).collect();
    for root in ["az://exports", "gs://exports"] {
        for (files, count) in [
            ("desk/2025/tickets_*.csv.gz", 5),
            ("desk/2025/tickets_4.csv.gz", 1),
        ] {
            let address = format!("{root}/{files}");
            let folder = project(&address, "");
            let project = opened(folder.path(), &variables);
            let local = remote::local(&project).unwrap();
            let fetched = ingest::ingest(&local.project, &|_, _| {}).unwrap();
            assert_eq!(tickets(&fetched).len(), count, "{address}");
            assert!(
                fetched
                    .accounts
                    .iter()
                    .all(|a| a.file.starts_with(root) && a.closes())
            );
        }
        let said = refused(
            &format!("{root}/desk/2025/tickets_9.csv.gz"),
            "",
            &variables,
        );
        assert!(said.contains("there is no such file"), "{said}");
        let nowhere = format!("{}/*.csv", root.replace("exports", "nowhere"));
        let said = refused(&nowhere, "", &variables);
        assert!(said.contains("there is no such bucket"), "{said}");
        let said = refused(&format!("{root}/desk/2025/*.csv.gz"), "", &variables[2..4]);
        assert!(said.contains("no credentials"), "{said}");
    }
    // A key of another account.
    let mut strange = variables.clone();
    strange[0].1 = "stranger";
    let said = refused("az://exports/desk/2025/*.csv.gz", "", &strange);
    assert!(
        said.contains("access is refused") && said.contains("AZURE_"),
        "{said}"
    );
}

#[test]
fn one_file_of_a_bucket_or_a_web_server() {
    let endpoint = served(objects());
    let web = format!("{endpoint}/web/desk/2025/tickets_2.csv.gz");
    for address in ["s3://exports/desk/2025/tickets_2.csv.gz", &web] {
        let folder = project(address, "");
        let project = opened(folder.path(), &keys(&endpoint));
        let local = remote::local(&project).unwrap();
        let ingested = ingest::ingest(&local.project, &|_, _| {}).unwrap();
        assert_eq!(ingested.accounts[0].file, address);
        assert_eq!(tickets(&ingested).len(), 1);
    }
    // Names with spaces are names as well.
    let folder = project("s3://exports/a list.csv", "");
    let project = opened(folder.path(), &keys(&endpoint));
    assert!(remote::local(&project).is_ok());
}

#[test]
fn what_cannot_be_fetched_is_said_with_what_to_do() {
    let endpoint = served(objects());
    let keys = keys(&endpoint);
    let says = |said: String, wanted: &[&str]| {
        for text in wanted {
            assert!(said.contains(text), "no `{text}` in: {said}");
        }
        assert!(!said.contains("secret"), "{said}");
    };
    let all = "s3://exports/desk/2025/tickets_*.csv.gz";
    says(
        refused(all, "", &keys[2..]),
        &[
            all,
            "no credentials",
            "AWS_ACCESS_KEY_ID",
            "AWS_SKIP_SIGNATURE",
        ],
    );
    let mut strange = keys;
    strange[0].1 = "stranger";
    says(refused(all, "", &strange), &["access is refused", "AWS_"]);
    says(
        refused("s3://exports/desk/2025/tickets_1.csv.gz", "", &strange),
        &["tickets_1.csv.gz", "access is refused"],
    );
    for address in ["s3://nowhere/x.csv", "s3://nowhere/*.csv"] {
        says(
            refused(address, "", &keys),
            &[address, "there is no such bucket: s3://nowhere"],
        );
    }
    says(
        refused("s3://exports/desk/x.csv", "", &keys),
        &["there is no such file"],
    );
    says(
        refused("s3://exports/desk/2026/*.csv", "", &keys),
        &["no file matches"],
    );
    says(
        refused(&format!("{endpoint}/web/x.csv"), "", &[]),
        &["there is no such file"],
    );
    // Bounds.
    says(
        refused(all, "[downloads]\nfiles = 4", &keys),
        &["more than 4 files match", "[downloads]"],
    );
    says(
        refused(all, "[downloads]\nbytes = 200", &keys),
        &["all files have more than 200 bytes", "[downloads]"],
    );
    // Cut off, however often it is asked for.
    says(
        refused("s3://exports/desk/cut.csv", "", &keys),
        &["s3://exports/desk/cut.csv", "run again"],
    );
    // Nobody is there.
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    says(
        refused(&format!("http://{closed}/x.csv"), "", &[]),
        &["cannot be read", "check the address, the network"],
    );
}
