//! Addresses of exports that lie in an object store or on the web instead of in the project's
//! folder. Responsible for what an address may say and which variables give access; not for
//! reaching it (see `ingest::remote`).

use serde::{Deserialize, Serialize};

/// What kind of store an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `s3://bucket/...`: Amazon S3 and all that speak its protocol.
    S3,
    /// `az://container/...`: Azure Blob Storage.
    Az,
    /// `gs://bucket/...`: Google Cloud Storage.
    Gs,
    /// `https://` or `http://`: one file of a web server.
    Web,
}

impl Scheme {
    /// The environment variables that are read for it: first those of which one has to be set,
    /// then the others. Nothing else of the environment reaches a store.
    pub fn variables(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Scheme::S3 => (
                &[
                    "AWS_ACCESS_KEY_ID",
                    "AWS_WEB_IDENTITY_TOKEN_FILE",
                    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                    "AWS_METADATA_ENDPOINT",
                    "AWS_SKIP_SIGNATURE",
                ],
                &[
                    "AWS_SECRET_ACCESS_KEY",
                    "AWS_SESSION_TOKEN",
                    "AWS_REGION",
                    "AWS_DEFAULT_REGION",
                    "AWS_ENDPOINT_URL",
                    "AWS_ENDPOINT_URL_S3",
                    "AWS_ALLOW_HTTP",
                    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
                    "AWS_REQUEST_PAYER",
                    "AWS_ROLE_ARN",
                    "AWS_ROLE_SESSION_NAME",
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                ],
            ),
            Scheme::Az => (
                &[
                    "AZURE_STORAGE_ACCOUNT_KEY",
                    "AZURE_STORAGE_SAS_TOKEN",
                    "AZURE_STORAGE_TOKEN",
                    "AZURE_CLIENT_ID",
                    "AZURE_MSI_ENDPOINT",
                    "AZURE_SKIP_SIGNATURE",
                ],
                &[
                    "AZURE_STORAGE_ACCOUNT_NAME",
                    "AZURE_CLIENT_SECRET",
                    "AZURE_TENANT_ID",
                    "AZURE_FEDERATED_TOKEN_FILE",
                    "AZURE_AUTHORITY_HOST",
                    "AZURE_STORAGE_ENDPOINT",
                    "AZURE_STORAGE_USE_EMULATOR",
                    "AZURE_ALLOW_HTTP",
                ],
            ),
            Scheme::Gs => (
                &[
                    "GOOGLE_SERVICE_ACCOUNT",
                    "GOOGLE_SERVICE_ACCOUNT_KEY",
                    "GOOGLE_APPLICATION_CREDENTIALS",
                    "GOOGLE_SKIP_SIGNATURE",
                ],
                &["GOOGLE_BASE_URL", "GOOGLE_ALLOW_HTTP"],
            ),
            Scheme::Web => (&[], &[]),
        }
    }
}

/// Where exports lie outside the project's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The kind of store.
    pub scheme: Scheme,
    /// The bucket or server: `s3://bucket`, `https://host:8443`.
    pub root: String,
    /// The folder in it, without slashes at its ends; may be empty.
    pub folder: String,
    /// The file in the folder, or a pattern with `*`.
    pub last: String,
}

/// Why a text is no address, and what to do.
pub type Refusal = (String, String);

impl Address {
    /// Whether a text of `files` means an address rather than a path.
    pub fn is_meant(text: &str) -> bool {
        text.contains("://")
    }

    /// Reads an address.
    ///
    /// # Errors
    /// An unknown kind of store, no file, a `*` elsewhere than in the last part, or something that
    /// does not belong into an address of a project: credentials or a query.
    pub fn read(text: &str) -> Result<Address, Refusal> {
        let refused = |what: &str, hint: &str| Err((what.to_owned(), hint.to_owned()));
        let (kind, rest) = text.split_once("://").unwrap_or_default();
        let scheme = match kind {
            "s3" => Scheme::S3,
            "az" => Scheme::Az,
            "gs" => Scheme::Gs,
            "http" | "https" => Scheme::Web,
            _ => {
                return refused(
                    "the address is of no known kind of store",
                    "known are s3://, az://, gs://, https:// and http://",
                );
            }
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.contains('@') || path.contains(['?', '#']) {
            return refused(
                "an address of a project holds no credentials, query or fragment",
                "give credentials by the environment variables of the store; see docs/mappings.md",
            );
        }
        let path = path.trim_start_matches('/');
        let (folder, last) = path.rsplit_once('/').unwrap_or(("", path));
        if host.is_empty() || last.is_empty() {
            return refused(
                "the address names no file",
                "write it as s3://bucket/folder/name.csv.gz, with `*` for any characters of the name",
            );
        }
        if host.contains('*') || folder.contains('*') {
            return refused(
                "`*` stands elsewhere than in the last part of the address",
                "give one address for each folder",
            );
        }
        if scheme == Scheme::Web && last.contains('*') {
            return refused(
                "a web server does not list its files",
                "give the address of each file, or put them into an object store",
            );
        }
        Ok(Address {
            scheme,
            root: format!("{kind}://{host}"),
            folder: folder.trim_end_matches('/').to_owned(),
            last: last.to_owned(),
        })
    }

    /// The address of the file `name` in this folder.
    pub fn of(&self, name: &str) -> String {
        match self.folder.as_str() {
            "" => format!("{}/{name}", self.root),
            folder => format!("{}/{folder}/{name}", self.root),
        }
    }
}

/// Most that one run copies from object stores and the web.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Downloads {
    /// Files, of all sources together.
    pub files: u64,
    /// Bytes as they lie in the store, of all files together.
    pub bytes: u64,
}

impl Default for Downloads {
    fn default() -> Self {
        Downloads {
            files: 1000,
            bytes: 10_000_000_000,
        }
    }
}

/// What the environment gives for reaching stores: variables of [`Scheme::variables`] and their
/// values. Not shown, not hashed into any output.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access(pub Vec<(&'static str, String)>);

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access")
    }
}

impl Access {
    /// Adds the variables of a kind of store that are set.
    pub(super) fn add(&mut self, scheme: Scheme, variable: &dyn Fn(&str) -> Option<Vec<u8>>) {
        let (one, others) = scheme.variables();
        for name in one.iter().chain(others) {
            if let Some(value) = variable(name)
                && !self.0.iter().any(|(known, _)| known == name)
            {
                self.0
                    .push((name, String::from_utf8_lossy(&value).into_owned()));
            }
        }
    }

    /// Whether one of the variables is set that give access to a kind of store.
    pub fn is_given(&self, scheme: Scheme) -> bool {
        let (one, _) = scheme.variables();
        one.is_empty() || self.0.iter().any(|(name, _)| one.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused_with_what_to_do() {
        let address = Address::read("s3://bucket/a/b/x_*.csv.gz").unwrap();
        assert_eq!(
            (
                address.root.as_str(),
                address.folder.as_str(),
                address.last.as_str()
            ),
            ("s3://bucket", "a/b", "x_*.csv.gz")
        );
        assert_eq!(address.of("x_1.csv.gz"), "s3://bucket/a/b/x_1.csv.gz");
        let plain = Address::read("https://host:8443/x.csv").unwrap();
        assert_eq!(plain.of(&plain.last), "https://host:8443/x.csv");
        for (text, wanted) in [
            ("ftp://host/x.csv", "no known kind of store"),
            ("s3://bucket", "names no file"),
            ("s3://bucket/a/", "names no file"),
            ("s3:///x.csv", "names no file"),
            ("s3://bucket/*/x.csv", "elsewhere than in the last part"),
            ("https://host/*.csv", "does not list its files"),
            ("https://me:secret@host/x.csv", "holds no credentials"),
            ("https://host/x.csv?sig=secret", "holds no credentials"),
        ] {
            let (what, hint) = Address::read(text).unwrap_err();
            assert!(what.contains(wanted), "{text}: {what}");
            assert!(!hint.is_empty() && !what.contains("secret"));
        }
    }
}
