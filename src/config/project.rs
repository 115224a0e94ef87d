//! The project file `gainshare.toml`. Responsible for its shape and for finding the files it
//! names; not for their content.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::address::{Access, Address, Downloads};
use super::document::{self, DocumentError, nearest};
use super::mapping::Mapping;
use super::shipped::{BUILTIN, builtin};
use crate::store::schema::{Table, table};
use crate::time::{CalendarDefinition, Zone};

/// Name of the project file in its folder.
pub const PROJECT_FILE: &str = "gainshare.toml";

/// The project file as written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectFile {
    /// Version of this format; 1.
    pub schema: u32,
    /// Name of the project.
    pub name: String,
    /// The moment up to which the files tell what happened, RFC 3339 with offset. What is open
    /// then is open; it never comes from a clock.
    pub as_of: String,
    /// Where things are written.
    #[serde(default)]
    pub output: Output,
    /// What becomes of people's names.
    #[serde(default)]
    pub people: People,
    /// Most that is copied from object stores and the web.
    #[serde(default)]
    pub downloads: Downloads,
    /// What is read.
    #[serde(default, rename = "source")]
    pub sources: Vec<Source>,
    /// The contracts settled.
    #[serde(default, rename = "contract")]
    pub contracts: Vec<ContractEntry>,
    /// Business calendars that terms refer to.
    #[serde(default, rename = "calendar")]
    pub calendars: Vec<CalendarDefinition>,
}

/// Where things are written, relative to the project folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// Folder of the published tables.
    pub path: PathBuf,
    /// Folder of the canonical tables.
    pub store: PathBuf,
    /// Language of the report: `en` or `nl`.
    pub language: Language,
}

/// The language of the report, and how it writes numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English: 1,234.56.
    #[default]
    En,
    /// Dutch: 1.234,56.
    Nl,
}

impl Default for Output {
    fn default() -> Self {
        Output {
            path: "out".into(),
            store: "store".into(),
            language: Language::En,
        }
    }
}

/// What becomes of people's names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// Whether names are replaced.
    #[serde(default)]
    pub names: Names,
    /// File with the secret key of the pseudonyms, relative to the project folder.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Name of the environment variable with the key, instead.
    #[serde(default)]
    pub key_env: Option<String>,
}

/// Whether people's names are replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// By a keyed hash. Without a key, by a hash that whoever has a list of names can undo.
    #[default]
    Pseudonymous,
    /// No.
    AsGiven,
}

/// Fewest bytes of a key.
const KEY_BYTES: usize = 16;

/// One source: files of one kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name of the exporting tool or site. Tickets and invoices of sources with the same name
    /// share one numbering.
    pub name: String,
    /// The canonical table; needed where `mapping` is absent, else it must agree with it.
    #[serde(default)]
    pub table: Option<String>,
    /// File names or patterns with `*`, relative to the project folder, or addresses such as
    /// `s3://bucket/folder/*.csv.gz`.
    pub files: Vec<String>,
    /// Name of a shipped mapping, or path of a mapping file. Without it the file must use the
    /// canonical column names.
    #[serde(default)]
    pub mapping: Option<String>,
    /// IANA zone of local times, before the mapping's.
    #[serde(default)]
    pub zone: Option<String>,
    /// Canonical column → value, for every row that has none.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
}

/// One contract.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractEntry {
    /// Its number, as in the exports or in `contract_scope`.
    pub id: String,
    /// The supplier.
    pub supplier: String,
    /// The customer.
    pub customer: String,
    /// Path of its terms file, relative to the project folder.
    pub terms: PathBuf,
    /// Values of the template's parameters; `supplier` is there already.
    #[serde(default)]
    pub parameters: BTreeMap<String, toml::Value>,
    /// Terms of another pricing model over the same history, for the comparison in `schemes`.
    #[serde(default)]
    pub compare: BTreeMap<String, PathBuf>,
}

/// A project whose file was read and whose mappings were resolved.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its folder.
    pub folder: PathBuf,
    /// The file as written.
    pub file: ProjectFile,
    /// The moment up to which the files tell what happened.
    pub as_of: crate::time::Instant,
    /// The sources, in the order of the file.
    pub sources: Vec<ResolvedSource>,
    /// The text of the project file and of every mapping, for hashing.
    pub texts: Vec<(String, String)>,
    /// The secret of the pseudonyms, where the project names a key.
    pub secret: Option<Secret>,
    /// What the environment gives for reaching the stores that sources name.
    pub access: Access,
}

/// The secret of the pseudonyms. Not shown, not hashed into any output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// A source with its mapping and its files.
#[derive(Debug, Clone)]
pub struct ResolvedSource {
    /// As written.
    pub source: Source,
    /// The mapping, with the source's zone.
    pub mapping: Mapping,
    /// The table it fills.
    pub table: &'static Table,
    /// The files, sorted: name as shown to people, and path.
    pub files: Vec<(String, PathBuf)>,
    /// Where other files lie, not copied yet.
    pub addresses: Vec<Address>,
}

/// Whether the exports of a project must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Files {
    /// They are about to be read.
    Needed,
    /// The store has what they said.
    Elsewhere,
}

impl Project {
    /// Reads the project in `folder` (or the project file itself), without any environment.
    ///
    /// # Errors
    /// As [`Project::read_with`].
    pub fn read(folder: &Path) -> Result<Project, Box<DocumentError>> {
        Project::read_with(folder, &|_| None)
    }

    /// Reads the project in `folder` (or the project file itself). `variable` gives the value of
    /// an environment variable that the project names.
    ///
    /// # Errors
    /// When a file is missing, is not TOML, or contradicts itself; the error names the place.
    pub fn read_with(
        folder: &Path,
        variable: &dyn Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<Project, Box<DocumentError>> {
        Project::read_as(folder, variable, Files::Needed)
    }

    /// As [`Project::read_with`], where the exports need not be there: for what starts from the
    /// store.
    ///
    /// # Errors
    /// As [`Project::read`], but for the exports.
    pub fn read_without_exports(
        folder: &Path,
        variable: &dyn Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<Project, Box<DocumentError>> {
        Project::read_as(folder, variable, Files::Elsewhere)
    }

    fn read_as(
        folder: &Path,
        variable: &dyn Fn(&str) -> Option<Vec<u8>>,
        exports: Files,
    ) -> Result<Project, Box<DocumentError>> {
        let path = if folder.is_file() {
            folder.to_owned()
        } else {
            folder.join(PROJECT_FILE)
        };
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let shown = path.display().to_string();
        if !path.is_file() {
            return Err(Box::new(DocumentError::new(
                &shown,
                "",
                None,
                "there is no such file",
                Some(format!(
                    "a project is a folder with a file `{PROJECT_FILE}`; see data/complete for one"
                )),
            )));
        }
        let (file, text): (ProjectFile, String) = document::read(&path)?;
        let fail = |needle: &str, message: String, hint: Option<String>| {
            let span = text.find(needle).map(|at| at..at + needle.len());
            Err(Box::new(DocumentError::new(
                &shown, &text, span, message, hint,
            )))
        };
        if file.schema != 1 {
            return fail(
                "schema",
                format!("`schema = {}` is not known", file.schema),
                Some("this version reads schema 1".to_owned()),
            );
        }
        let as_of = match file.as_of.parse() {
            Ok(at) => at,
            Err(_) => {
                return fail(
                    &file.as_of,
                    format!(
                        "`as_of = \"{}\"` is not a moment with an offset",
                        file.as_of
                    ),
                    Some("write it as 2026-01-01T00:00:00Z".to_owned()),
                );
            }
        };
        let mut ids = BTreeSet::new();
        for contract in &file.contracts {
            // The store has a folder of that name, and not every system tells `A` from `a`.
            if !ids.insert(contract.id.to_lowercase()) {
                return fail(
                    &format!("id = \"{}\"", contract.id),
                    format!("contract `{}` stands here twice", contract.id),
                    Some(
                        "ids differ by more than capitals; amendments belong in the terms file, \
                         not in a second entry"
                            .to_owned(),
                    ),
                );
            }
        }
        if file.contracts.is_empty() {
            return fail(
                "name",
                "the project names no contract".to_owned(),
                Some("add [[contract]] with id, supplier, customer and terms".to_owned()),
            );
        }
        let secret = match secret(&file.people, &folder, variable) {
            Ok(secret) => secret,
            Err((needle, message, hint)) => return fail(&needle, message, Some(hint)),
        };
        let mut texts = vec![(PROJECT_FILE.to_owned(), text.clone())];
        let mut sources = Vec::new();
        let mut access = Access::default();
        for source in &file.sources {
            let mut mapping = match &source.mapping {
                None => match source.table.as_deref().map(|t| (t, table(t))) {
                    Some((_, Some(t))) => Mapping::canonical(t),
                    Some((name, None)) => {
                        let known = crate::store::schema::TABLES.iter().map(|t| t.name);
                        return fail(
                            &format!("\"{name}\""),
                            format!("`{name}` is not a canonical table"),
                            nearest(name, known).map(|n| format!("did you mean `{n}`?")),
                        );
                    }
                    None => {
                        return fail(
                            &format!("name = \"{}\"", source.name),
                            format!("source `{}` has neither `table` nor `mapping`", source.name),
                            Some("say which canonical table it fills".to_owned()),
                        );
                    }
                },
                Some(name) => match builtin(name) {
                    Some(builtin) => {
                        texts.push((name.clone(), builtin.text.to_owned()));
                        document::parse::<Mapping>(name, builtin.text)?
                    }
                    None if folder.join(name).is_file() => {
                        let (mapping, text) = document::read::<Mapping>(&folder.join(name))?;
                        texts.push((name.clone(), text));
                        mapping
                    }
                    None => {
                        let known = BUILTIN.iter().map(|b| b.name);
                        let list: Vec<&str> = known.clone().collect();
                        return fail(
                            &format!("\"{name}\""),
                            format!("there is no mapping `{name}`"),
                            Some(match nearest(name, known) {
                                Some(near) => format!("did you mean `{near}`?"),
                                None => format!(
                                    "shipped are {}; or give the path of a mapping file",
                                    list.join(", ")
                                ),
                            }),
                        );
                    }
                },
            };
            if let Some(zone) = &source.zone {
                if let Err(e) = Zone::new(zone) {
                    return fail(&format!("zone = \"{zone}\""), e.to_string(), None);
                }
                mapping.zone = Some(zone.clone());
            }
            if let Some(t) = &source.table
                && *t != mapping.table
            {
                return fail(
                    &format!("\"{t}\""),
                    format!(
                        "mapping `{}` fills `{}`, not `{t}`",
                        mapping.name, mapping.table
                    ),
                    Some("remove `table` or choose another mapping".to_owned()),
                );
            }
            let target = match mapping.check(&source.set) {
                Ok(target) => target,
                Err(wrong) => {
                    let named = source
                        .mapping
                        .clone()
                        .unwrap_or_else(|| source.name.clone());
                    return fail(
                        &format!("\"{named}\""),
                        format!("mapping `{}`: {}", mapping.name, wrong.join("; ")),
                        None,
                    );
                }
            };
            let mut files = Vec::new();
            let mut addresses = Vec::new();
            for pattern in &source.files {
                if Address::is_meant(pattern) {
                    match Address::read(pattern) {
                        Ok(address) => {
                            access.add(address.scheme, variable);
                            addresses.push(address);
                        }
                        Err((what, hint)) => {
                            return fail(&format!("\"{pattern}\""), what, Some(hint));
                        }
                    }
                    continue;
                }
                let found = expand(&folder, pattern);
                if found.is_empty() && exports == Files::Needed {
                    return fail(
                        &format!("\"{pattern}\""),
                        format!("no file matches `{pattern}` in {}", folder.display()),
                        Some("paths are relative to the project folder".to_owned()),
                    );
                }
                files.extend(found);
            }
            files.sort();
            files.dedup();
            sources.push(ResolvedSource {
                source: source.clone(),
                mapping,
                table: target,
                files,
                addresses,
            });
        }
        Ok(Project {
            folder,
            file,
            as_of,
            sources,
            texts,
            secret,
            access,
        })
    }

    /// The folder of the published tables.
    pub fn output_folder(&self) -> PathBuf {
        self.folder.join(&self.file.output.path)
    }

    /// The folder of the canonical tables.
    pub fn store_folder(&self) -> PathBuf {
        self.folder.join(&self.file.output.store)
    }

    /// The folder, beside the store, of what earlier runs worked out of it. It may be removed.
    pub fn cache_folder(&self) -> PathBuf {
        let store = self.store_folder();
        let name = store.file_name().and_then(|n| n.to_str());
        store.with_file_name(format!(".{}.cache", name.unwrap_or("store")))
    }

    /// The contract of that number.
    pub fn contract(&self, id: &str) -> Option<&ContractEntry> {
        self.file.contracts.iter().find(|c| c.id == id)
    }
}

/// The secret that the project names; else the place, what is wrong, and what to do.
fn secret(
    people: &People,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Option<Secret>, (String, String, String)> {
    let (needle, key) = match (&people.key_file, &people.key_env) {
        (None, None) => return Ok(None),
        _ if people.names == Names::AsGiven => {
            return Err((
                "as_given".to_owned(),
                "`names = \"as_given\"` needs no key".to_owned(),
                "remove the key, or `names`".to_owned(),
            ));
        }
        (Some(_), Some(_)) => {
            return Err((
                "key_env".to_owned(),
                "`key_file` and `key_env` are both given".to_owned(),
                "give one of them".to_owned(),
            ));
        }
        (Some(file), None) => {
            let shown = file.display().to_string();
            let key = std::fs::read(folder.join(file)).map_err(|e| {
                (
                    shown.clone(),
                    format!("the key file `{shown}` cannot be read: {e}"),
                    "ask the party that made it for the key; it is not part of the exports"
                        .to_owned(),
                )
            })?;
            (shown, key)
        }
        (None, Some(name)) => {
            let key = variable(name).ok_or_else(|| {
                (
                    name.clone(),
                    format!("the environment variable `{name}` with the key is not set"),
                    "set it to the key of the pseudonyms, then run again".to_owned(),
                )
            })?;
            (name.clone(), key)
        }
    };
    let key = key.trim_ascii().to_vec();
    if key.len() < KEY_BYTES {
        return Err((
            needle,
            format!("the key of the pseudonyms has fewer than {KEY_BYTES} bytes"),
            "make one with `openssl rand -hex 32`".to_owned(),
        ));
    }
    Ok(Some(Secret(key)))
}

/// Files under `folder` that match `pattern`, where `*` in the last component stands for any
/// characters.
fn expand(folder: &Path, pattern: &str) -> Vec<(String, PathBuf)> {
    let (parent, last) = match pattern.rsplit_once('/') {
        Some((parent, last)) => (format!("{parent}/"), last),
        None => (String::new(), pattern),
    };
    if !last.contains('*') {
        let path = folder.join(pattern);
        return if path.is_file() {
            vec![(pattern.to_owned(), path)]
        } else {
            Vec::new()
        };
    }
    let Ok(entries) = std::fs::read_dir(folder.join(&parent)) else {
        return Vec::new();
    };
    let mut found: Vec<(String, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter(|e| e.path().is_file())
        .filter_map(|e| e.file_name().into_string().ok().map(|n| (n, e.path())))
        .filter(|(name, _)| matches(last, name))
        .map(|(name, path)| (format!("{parent}{name}"), path))
        .collect();
    found.sort();
    found
}

/// Whether `name` matches `pattern`, in which each `*` stands for any characters.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    for (i, part) in parts.iter().enumerate() {
        if i + 1 == parts.len() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_characters() {
        assert!(matches("a*.csv", "a.csv"));
        assert!(matches("a*.csv", "abc.csv"));
        assert!(matches("*_2025*.csv", "x_2025-03.csv"));
        assert!(!matches("a*.csv", "b.csv"));
        assert!(!matches("a.csv", "a.csv.gz"));
    }
}
