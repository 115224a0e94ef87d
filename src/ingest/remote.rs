//! Exports that lie in an object store or on the web: copied into a folder of this run, within the
//! bounds of the project, so that everything after it reads local files. Responsible for listing
//! and copying; not for what the files hold (see [`super::reader`]).

use std::borrow::Cow;

use super::file::InputError;
use crate::config::project::Project;
use crate::finding::Finding;

/// A project all of whose exports are local files.
#[derive(Debug)]
pub struct Local<'p> {
    /// The project.
    pub project: Cow<'p, Project>,
    /// What was copied: a note per address, with the number of files and their bytes.
    pub findings: Vec<Finding>,
    // The copies go with it.
    _copies: Option<tempfile::TempDir>,
}

/// The project with copies of the exports that lie elsewhere; itself, where none does. The copies
/// lie in the system's folder for temporary files until this is dropped. A copy goes by its
/// address, so that accounts, rejects and the manifest name that.
///
/// # Errors
/// When an address cannot be reached, access is refused, nothing matches, the bounds of
/// `[downloads]` are passed, or this build reads no stores.
pub fn local(project: &Project) -> Result<Local<'_>, InputError> {
    let mut addresses = project.sources.iter().flat_map(|s| &s.addresses);
    match addresses.next() {
        None => Ok(Local {
            project: Cow::Borrowed(project),
            findings: Vec::new(),
            _copies: None,
        }),
        Some(first) => copied(project, &first.of(&first.last)),
    }
}

#[cfg(not(feature = "stores"))]
fn copied<'p>(_: &'p Project, first: &str) -> Result<Local<'p>, InputError> {
    Err(InputError::Unreadable {
        file: first.to_owned(),
        cause: "this build reads local files only".to_owned(),
        hint: "build gainshare with `cargo build --release --features stores`, or copy the files \
               into the project's folder first"
            .to_owned(),
    })
}

#[cfg(feature = "stores")]
use stores::copied;

#[cfg(feature = "stores")]
mod stores {
    use std::borrow::Cow;
    use std::fs::File;
    use std::io::Write as _;
    use std::path::Path as LocalPath;
    use std::time::Duration;

    use futures::TryStreamExt as _;
    use object_store::aws::AmazonS3Builder;
    use object_store::azure::MicrosoftAzureBuilder;
    use object_store::gcp::GoogleCloudStorageBuilder;
    use object_store::http::HttpBuilder;
    use object_store::path::Path;
    use object_store::{ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig};

    use super::Local;
    use crate::config::address::{Access, Address, Downloads, Scheme};
    use crate::config::project::{Project, matches};
    use crate::finding::{Finding, Severity, Stage};
    use crate::ingest::file::InputError;

    /// How long a connection may take to be made.
    const CONNECT: Duration = Duration::from_secs(10);
    /// How long a file may take.
    const FILE: Duration = Duration::from_secs(3600);
    /// How long a request that failed is tried again.
    const AGAIN: Duration = Duration::from_secs(20);

    /// Copies all exports of a project that lie elsewhere.
    pub(super) fn copied<'p>(project: &'p Project, first: &str) -> Result<Local<'p>, InputError> {
        let here = |e: std::io::Error| {
            let hint =
                "copies lie in the system's folder for temporary files: check its free space";
            unreadable(first, format!("it cannot be copied: {e}"), hint)
        };
        let folder = tempfile::Builder::new()
            .prefix("gainshare-")
            .tempdir()
            .map_err(here)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(here)?;
        let mut local = project.clone();
        let mut findings = Vec::new();
        let mut left = project.file.downloads;
        for source in &mut local.sources {
            for address in std::mem::take(&mut source.addresses) {
                let given = left;
                let copy = Copy {
                    address: &address,
                    access: &project.access,
                    bounds: project.file.downloads,
                    folder: folder.path(),
                };
                source.files.extend(runtime.block_on(copy.all(&mut left))?);
                let files = given.files - left.files;
                findings.push(
                    Finding::new(
                        Stage::Ingest,
                        Severity::Note,
                        "files_fetched",
                        "files were copied from a store; their hashes are in the manifest",
                    )
                    .with_place(&address.of(&address.last), None)
                    .with_count(files)
                    .with_evidence(format!("{} bytes", given.bytes - left.bytes)),
                );
            }
            source.files.sort();
            source.files.dedup_by(|a, b| a.0 == b.0);
        }
        Ok(Local {
            project: Cow::Owned(local),
            findings,
            _copies: Some(folder),
        })
    }

    fn unreadable(file: &str, cause: String, hint: &str) -> InputError {
        InputError::Unreadable {
            file: file.to_owned(),
            cause,
            hint: hint.to_owned(),
        }
    }

    /// Copying what one address names.
    struct Copy<'a> {
        address: &'a Address,
        access: &'a Access,
        bounds: Downloads,
        folder: &'a LocalPath,
    }

    impl Copy<'_> {
        /// Copies the files; takes them from what is `left` of the bounds.
        async fn all(
            &self,
            left: &mut Downloads,
        ) -> Result<Vec<(String, std::path::PathBuf)>, InputError> {
            let named = self.address.of(&self.address.last);
            let scheme = self.address.scheme;
            if !self.access.is_given(scheme) {
                let hint = format!("set one of {}", scheme.variables().0.join(", "));
                let cause = format!("no credentials for {}", self.address.root);
                return Err(unreadable(&named, cause, &hint));
            }
            let store = self.open().map_err(|e| self.refused(&named, &e))?;
            let names = match self.address.last.contains('*') {
                true => self.listed(store.as_ref()).await?,
                false => vec![self.address.last.clone()],
            };
            let mut files = Vec::new();
            for name in names {
                let shown = self.address.of(&name);
                left.files = left.files.checked_sub(1).ok_or_else(|| {
                    let most = self.bounds.files;
                    self.too_much(&named, format!("more than {most} files match"))
                })?;
                // The ending says what the file is; the number keeps names apart.
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
                let ending: String = name.chars().filter(|c| plain(*c)).collect();
                let ending = &ending[ending.len().saturating_sub(60)..];
                let path = self.folder.join(format!("{}-{ending}", left.files));
                self.one(store.as_ref(), &shown, &name, &path, left).await?;
                files.push((shown, path));
            }
            Ok(files)
        }

        fn path(&self, name: &str) -> Path {
            match self.address.folder.as_str() {
                "" => Path::from(name),
                folder => Path::from(format!("{folder}/{name}")),
            }
        }

        /// Names in the folder that match, sorted.
        async fn listed(&self, store: &dyn ObjectStore) -> Result<Vec<String>, InputError> {
            let named = self.address.of(&self.address.last);
            let folder = Path::from(self.address.folder.as_str());
            let prefix = (!self.address.folder.is_empty()).then_some(&folder);
            let found = store.list_with_delimiter(prefix).await;
            let found = found.map_err(|e| self.refused(&named, &e))?;
            let mut names: Vec<String> = found
                .objects
                .iter()
                .filter_map(|object| object.location.filename())
                .filter(|name| matches(&self.address.last, name))
                .map(str::to_owned)
                .collect();
            names.sort();
            if names.is_empty() {
                let hint = "check the folder and the pattern; `*` stands in the last part only";
                return Err(unreadable(&named, "no file matches".to_owned(), hint));
            }
            Ok(names)
        }

        async fn one(
            &self,
            store: &dyn ObjectStore,
            shown: &str,
            name: &str,
            path: &LocalPath,
            left: &mut Downloads,
        ) -> Result<(), InputError> {
            let refused = |e: object_store::Error| self.refused(shown, &e);
            let got = store.get(&self.path(name)).await.map_err(refused)?;
            let size = got.meta.size;
            let most = self.bounds.bytes;
            let too_much =
                || self.too_much(shown, format!("all files have more than {most} bytes"));
            if size > left.bytes {
                return Err(too_much());
            }
            let here = |e: std::io::Error| {
                let hint = "copies lie in the system's folder for temporary files: check its free \
                            space";
                unreadable(shown, format!("it cannot be copied: {e}"), hint)
            };
            let mut copy = File::create(path).map_err(here)?;
            let mut chunks = got.into_stream();
            let mut written = 0u64;
            while let Some(chunk) = chunks.try_next().await.map_err(refused)? {
                let bytes = chunk.len() as u64;
                written += bytes;
                left.bytes = left.bytes.checked_sub(bytes).ok_or_else(too_much)?;
                copy.write_all(&chunk).map_err(here)?;
            }
            if written != size {
                let cause = format!("{written} of {size} bytes came");
                return Err(unreadable(
                    shown,
                    cause,
                    "the transfer was cut off: run again",
                ));
            }
            Ok(())
        }

        fn open(&self) -> object_store::Result<Box<dyn ObjectStore>> {
            let client = ClientOptions::new()
                .with_connect_timeout(CONNECT)
                .with_timeout(FILE);
            let retry = RetryConfig {
                max_retries: 3,
                retry_timeout: AGAIN,
                ..RetryConfig::default()
            };
            let root = self.address.root.as_str();
            // Variables as keys; what is no key of this kind of store belongs to another.
            fn keys<K: std::str::FromStr>(access: &Access) -> impl Iterator<Item = (K, String)> {
                access.0.iter().filter_map(|(name, value)| {
                    Some((name.to_lowercase().parse().ok()?, value.clone()))
                })
            }
            Ok(match self.address.scheme {
                Scheme::S3 => {
                    let builder = AmazonS3Builder::new()
                        .with_url(root)
                        .with_client_options(client)
                        .with_retry(retry);
                    let builder = keys(self.access).fold(builder, |b, (k, v)| b.with_config(k, v));
                    Box::new(builder.build()?)
                }
                Scheme::Az => {
                    let builder = MicrosoftAzureBuilder::new()
                        .with_url(root)
                        .with_client_options(client)
                        .with_retry(retry);
                    let builder = keys(self.access).fold(builder, |b, (k, v)| b.with_config(k, v));
                    Box::new(builder.build()?)
                }
                Scheme::Gs => {
                    let builder = GoogleCloudStorageBuilder::new()
                        .with_url(root)
                        .with_client_options(client)
                        .with_retry(retry);
                    let builder = keys(self.access).fold(builder, |b, (k, v)| b.with_config(k, v));
                    Box::new(builder.build()?)
                }
                // Whoever writes http:// means it.
                Scheme::Web => Box::new(
                    HttpBuilder::new()
                        .with_url(root)
                        .with_client_options(client.with_allow_http(true))
                        .with_retry(retry)
                        .build()?,
                ),
            })
        }

        fn too_much(&self, shown: &str, cause: String) -> InputError {
            let hint = "narrow the pattern, or raise `files` or `bytes` of [downloads] in \
                        gainshare.toml";
            unreadable(shown, cause, hint)
        }

        /// Says why a store gave nothing.
        fn refused(&self, shown: &str, error: &object_store::Error) -> InputError {
            let mut told = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                let more = cause.to_string();
                if !told.contains(&more) {
                    told = format!("{told}: {more}");
                }
                source = cause.source();
            }
            let says = |texts: &[&str]| texts.iter().any(|t| told.contains(t));
            let (one, _) = self.address.scheme.variables();
            let denied = matches!(
                error,
                object_store::Error::PermissionDenied { .. }
                    | object_store::Error::Unauthenticated { .. }
            );
            if denied || says(&["AccessDenied", "403 Forbidden", "401 Unauthorized"]) {
                let hint = match one.is_empty() {
                    true => {
                        "the server wants credentials, which addresses of the web cannot have; \
                             download the file, or put it into an object store"
                            .to_owned()
                    }
                    false => format!(
                        "the credentials may not list and read it; they come from {}",
                        one.join(", ")
                    ),
                };
                return unreadable(shown, "access is refused".to_owned(), &hint);
            }
            if says(&["NoSuchBucket", "ContainerNotFound", "bucket does not exist"]) {
                let cause = format!("there is no such bucket: {}", self.address.root);
                return unreadable(shown, cause, "check its name, region and endpoint");
            }
            if matches!(error, object_store::Error::NotFound { .. }) {
                let cause = "there is no such file".to_owned();
                return unreadable(shown, cause, "check the address; capitals count");
            }
            let short: String = told.chars().take(400).collect();
            unreadable(
                shown,
                format!("the store cannot be read: {short}"),
                "check the address, the network and the endpoint, then run again",
            )
        }
    }
}
