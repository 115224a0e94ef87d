//! What a run says about people's names and free text, for whoever has to agree to it. Not
//! responsible for replacing names (see [`crate::ingest::people`]).

use std::collections::BTreeSet;

use crate::config::project::{Names, Project};
use crate::ingest::notes::Notes;
use crate::publish::manifest::PeopleNote;

/// What became of people's names.
pub(super) fn note(project: &Project, notes: &Notes) -> PeopleNote {
    let section = &project.file.people;
    let key = match (&section.key_file, &section.key_env) {
        (Some(file), _) => Some(format!("file {}", file.display())),
        (None, Some(name)) => Some(format!("variable {name}")),
        (None, None) => None,
    };
    let kept = project.sources.iter().flat_map(|s| {
        let kept = s.mapping.keep.iter();
        kept.map(|k| format!("{}: {k}", s.source.name))
    });
    PeopleNote {
        names: match section.names {
            Names::Pseudonymous => "pseudonymous".to_owned(),
            Names::AsGiven => "as_given".to_owned(),
        },
        key,
        columns: notes.people.iter().cloned().collect(),
        kept: kept.collect::<BTreeSet<_>>().into_iter().collect(),
    }
}
